/**
 * A machine as data: its states, and what leads from one to another, read from the machine object itself. Pure; nothing is laid
 * out or worded here. `adapters/chart` draws it.
 *
 *   C1  Every state is there once, its parents before it; every transition is there once, as a line between two states or, where
 *       it leads nowhere else, in the list of its state.
 *   C2  A command is told where it is raised: with the transition, or with the entry or exit of the state. An action that decides
 *       which commands it raises is told as all that its source names.
 *   C3  A deadline is told in the time that it has; one that depends on the context, in the time of each of `variants`.
 */
import type { AnyStateMachine, AnyStateNode } from "xstate"

export interface Charted {
  readonly machine: AnyStateMachine
  /** Events that people and programs ask for; every other one is a fact. */
  readonly requests: ReadonlySet<string>
  readonly commands: ReadonlyArray<string>
  /** Guards that compare the ids of a fact with those in the context. Every fact has them, so they are not drawn. */
  readonly identities: ReadonlySet<string>
  /** Contexts under which deadlines differ, by the word for each. */
  readonly variants: Readonly<Record<string, object>>
}

export interface Taken {
  readonly by: "request" | "fact" | "deadline" | "always"
  /** The event; of a deadline its name. */
  readonly event: string
  /** Of a deadline, by variant; one entry named "" where all agree. */
  readonly lasts: ReadonlyArray<{ readonly when: string; readonly ms: number }>
  readonly guard: string | null
  readonly commands: ReadonlyArray<string>
}

export interface ChartState {
  readonly id: string
  readonly key: string
  readonly parent: string | null
  readonly kind: "atomic" | "compound" | "parallel" | "final"
  readonly isInitial: boolean
  readonly entry: ReadonlyArray<string>
  readonly exit: ReadonlyArray<string>
  /** What it takes without leaving. */
  readonly stays: ReadonlyArray<Taken>
}

export interface ChartLine {
  readonly from: string
  readonly to: string
  readonly taken: ReadonlyArray<Taken>
}

export interface Chart {
  readonly name: string
  readonly states: ReadonlyArray<ChartState>
  readonly lines: ReadonlyArray<ChartLine>
}

type Action = string | { readonly type: string } | ((...args: any) => unknown)

/** The commands that an action raises. A word of the machine that decides for itself names them in its source. */
const raised = ({ machine, commands }: Charted, actions: ReadonlyArray<Action>): ReadonlyArray<string> => {
  const known = machine.implementations.actions as Readonly<Record<string, { readonly collect?: unknown } | undefined>>
  const found = actions.flatMap((action) => {
    const name = typeof action === "string" ? action : "type" in action ? action.type : ""
    if (commands.includes(name)) return [name]
    const source = String(known[name as string]?.collect ?? "")
    return commands.filter((command) => source.includes(`"${command}"`))
  })
  return [...new Set(found)]
}

type Guard =
  | string
  | { readonly type: string }
  | { readonly check: { readonly name: string }; readonly guards: ReadonlyArray<Guard> }

/** Null: nothing but ids is compared. */
const guardText = (charted: Charted, guard: Guard): string | null => {
  if (typeof guard === "string") return charted.identities.has(guard) ? null : guard
  if (!("guards" in guard)) return guardText(charted, guard.type)
  const inner = guard.guards.map((each) => guardText(charted, each)).filter((each) => each !== null)
  if (inner.length === 0) return null
  return guard.check.name === "checkNot" ? `not ${inner[0]}` : inner.join(guard.check.name === "checkOr" ? " or " : " and ")
}

const lasts = ({ machine, variants }: Charted, delay: unknown): Taken["lasts"] => {
  const delays = machine.implementations.delays as Readonly<Record<string, unknown>>
  const limit = typeof delay === "string" ? delays[delay] : delay
  if (typeof limit === "number") return [{ when: "", ms: limit }]
  const each = Object.entries(variants).map(([when, context]) => ({ when, ms: (limit as (args: object) => number)({ context }) }))
  return new Set(each.map(({ ms }) => ms)).size === 1 ? [{ when: "", ms: each[0]!.ms }] : each
}

/** Anything may be a guard of a transition definition; ours are names and combinations of names. */
interface Definition {
  readonly eventType: string
  readonly guard?: unknown
  readonly actions: ReadonlyArray<unknown>
  readonly target?: ReadonlyArray<AnyStateNode> | undefined
}

const takenOf = (charted: Charted, node: AnyStateNode, { eventType, guard, actions }: Definition): Taken => {
  const after = node.after.find((each) => each.eventType === eventType)
  const by = after ? "deadline" : eventType === "" ? "always" : charted.requests.has(eventType) ? "request" : "fact"
  return {
    by,
    event: after ? String(after.delay) : eventType,
    lasts: after ? lasts(charted, after.delay) : [],
    guard: guard === undefined ? null : guardText(charted, guard as Guard),
    commands: raised(charted, actions as ReadonlyArray<Action>)
  }
}

export const chartOf = (charted: Charted): Chart => {
  const states: Array<ChartState> = []
  const lines = new Map<string, { readonly from: string; readonly to: string; readonly taken: Array<Taken> }>()

  const visit = (node: AnyStateNode): void => {
    const stays: Array<Taken> = []
    const definitions: ReadonlyArray<Definition> = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
    for (const definition of definitions) {
      const taken = takenOf(charted, node, definition)
      if (!definition.target?.length) stays.push(taken)
      for (const { id: to } of definition.target ?? []) {
        const key = `${node.id}→${to}`
        const line = lines.get(key) ?? { from: node.id, to, taken: [] }
        line.taken.push(taken)
        lines.set(key, line)
      }
    }
    states.push({
      id: node.id,
      key: node.key,
      parent: node.parent?.id ?? null,
      // Ours are not XState's final states: a late fact must still be heard. A tag says which they are.
      kind: node.type === "final" || node.tags.includes("final") ? "final" : (node.type as ChartState["kind"]),
      isInitial: node.parent?.type === "compound" && node.parent.initial.target.includes(node),
      entry: raised(charted, node.entry as ReadonlyArray<Action>),
      exit: raised(charted, node.exit as ReadonlyArray<Action>),
      stays
    })
    for (const child of Object.values(node.states)) visit(child as AnyStateNode)
  }
  visit(charted.machine.root)
  return { name: charted.machine.id, states, lines: [...lines.values()] }
}
