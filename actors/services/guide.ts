/**
 * The guide of an integration, as Markdown for an agent: what a person wrote about it, and of each action, from its schema, what it
 * takes, a command that is ready to run, and what becomes of a call now.
 */
import type { Provider } from "../ports/actions.ts"
import type { ListedAction, ListedIntegration } from "./listed.ts"

/** Single quotes hold everything but themselves. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export const commandOf = (integration: string, { name, example }: Pick<ListedAction, "name" | "example">): string =>
  `proliferate actions run --integration ${integration} --action ${name} --params ${quoted(JSON.stringify(example))}`

const becomes: Readonly<Record<ListedAction["verdict"], string>> = {
  run: "runs at once",
  ask: "waits for a person, who may say no",
  deny: "is denied"
}

export const verdictText = ({ verdict, depends, granted }: ListedAction): string => {
  const uses = granted.map(({ usesLeft }) =>
    usesLeft === null ? "without a limit" : `${usesLeft} more time${usesLeft === 1 ? "" : "s"}`
  )
  return `${becomes[verdict]}${depends ? "; for some arguments a rule says otherwise" : ""}${
    verdict === "ask" && uses.length > 0 ? `; under a grant it runs at once, ${uses.join(", ")}, where its arguments fit` : ""
  }`
}

const typeOf = (schema: any): string => {
  if (Array.isArray(schema?.enum)) return schema.enum.map((one: unknown) => JSON.stringify(one)).join(" | ")
  if (Array.isArray(schema?.anyOf)) return schema.anyOf.map(typeOf).join(" | ")
  if (schema?.type === "array") return `list of ${typeOf(schema.items)}`
  return Array.isArray(schema?.type) ? schema.type.join(" | ") : (schema?.type ?? "any")
}

const fieldsOf = ({ params }: ListedAction): ReadonlyArray<string> => {
  const { properties = {}, required = [] } = params as { properties?: Record<string, any>; required?: ReadonlyArray<string> }
  return Object.entries(properties).map(([name, schema]) => {
    const needed = required.includes(name) ? "needed" : "optional"
    return `- \`${name}\` (${typeOf(schema)}, ${needed})${schema?.description === undefined ? "" : `: ${schema.description}`}`
  })
}

const actionText = (integration: string, action: ListedAction): string =>
  [
    `### ${action.name}`,
    "",
    `${action.description}`,
    "",
    `A ${action.risk}: a call of it ${verdictText(action)}.`,
    "",
    ...fieldsOf(action),
    "",
    "```sh",
    commandOf(integration, action),
    "```"
  ].join("\n")

export const guideOf = (listed: ListedIntegration, { overview, tips }: Provider["guide"]): string =>
  [
    `# ${listed.displayName} (\`${listed.integration}\`)`,
    "",
    ...(listed.trouble === null ? [] : [`Not usable now: ${listed.trouble}.`, ""]),
    overview,
    "",
    ...(tips.length === 0 ? [] : ["## Good to know", "", ...tips.map((tip) => `- ${tip}`), ""]),
    "## Actions",
    "",
    listed.actions.map((action) => actionText(listed.integration, action)).join("\n\n"),
    ""
  ].join("\n")
