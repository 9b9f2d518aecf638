/**
 * Actions as the tools that a model is given: one for each that may be called now. Models and their programs take names of letters,
 * digits, `_` and `-`, 64 characters with what they put before; what does not fit is cut and told apart by its hash.
 */
import { createHash } from "node:crypto"
import { verdictText } from "./guide.ts"
import type { ListedAction, ListedIntegration } from "./listed.ts"

/** `mcp__proliferate__` and its like come before it, and 64 are the most. */
export const nameCharactersMax = 44
const descriptionCharactersMax = 1_000

/** Tools of the session itself, whatever it is connected to. */
export const ownNames = ["request_grant", "save_snapshot", "verify"] as const

export interface Tool {
  readonly name: string
  readonly integration: string
  readonly action: string
  readonly title: string
  readonly description: string
  readonly risk: ListedAction["risk"]
  /** JSON Schema of an object. */
  readonly inputSchema: Readonly<Record<string, unknown>>
}

const nameOf = (integration: string, action: string, taken: ReadonlySet<string>): string => {
  const plain = `${integration}_${action}`.replaceAll(/[^A-Za-z0-9_-]/g, "_")
  if (plain.length <= nameCharactersMax && !taken.has(plain)) return plain
  const hash = createHash("sha256").update(`${integration}\0${action}`).digest("hex").slice(0, 8)
  return `${plain.slice(0, nameCharactersMax - 9)}_${hash}`
}

const mayBeCalled = ({ verdict, depends }: ListedAction): boolean => verdict !== "deny" || depends

/** Without those that are refused whatever their arguments, and those of integrations that cannot be used now. */
export const toolsOf = (all: ReadonlyArray<ListedIntegration>): ReadonlyArray<Tool> => {
  const taken = new Set<string>(ownNames)
  return all
    .filter(({ usable }) => usable)
    .flatMap(({ integration, displayName, actions }) =>
      actions.filter(mayBeCalled).map((action): Tool => {
        const name = nameOf(integration, action.name, taken)
        taken.add(name)
        const said = action.description.slice(0, descriptionCharactersMax)
        return {
          name,
          integration,
          action: action.name,
          title: `${displayName}: ${action.title}`.slice(0, 200),
          description: `${said}\n\nA ${action.risk} at ${displayName}: a call of it ${verdictText(action)}.`,
          risk: action.risk,
          inputSchema: { ...action.params, type: "object" }
        }
      })
    )
}
