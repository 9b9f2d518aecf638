/** Two action calls and what they share at one moment, and how a step of one changes it: what approval-world.ts is put together from. */
import assert from "node:assert"
import type { ApprovalEvent } from "../../machines/approval/events.ts"
import type { MatchedRule } from "../../machines/policy.ts"
import type { Decision } from "../../runtime/step.ts"
import { type Played, rejected, send } from "../support/approval.ts"

export interface Wanted {
  readonly key: string
  readonly name: string
  readonly params: any
}

export interface Call {
  readonly played: Played
  readonly steps: number
  readonly commands: ReadonlyArray<Wanted>
  /** Attempts that one run has taken. */
  readonly dispatched: ReadonlyArray<number>
  /** How often it took effect at the service. */
  readonly effects: number
}

interface Budget {
  readonly usesMax: number
  readonly used: number
  readonly revoked: boolean
}

export interface World {
  readonly calls: ReadonlyArray<Call>
  readonly budgets: Readonly<Record<string, Budget>>
  readonly room: ReadonlyArray<number>
  readonly rules: ReadonlyArray<MatchedRule>
  readonly hasSessionEnded: boolean
  readonly left: Bounds
}

export interface Bounds {
  readonly wishes: number
  readonly troubles: number
  readonly hurries: number
}

/** Smaller than the machine's, so that it is ever full. */
const roomMax = 1

export const spend = (world: World, what: keyof Bounds): World => ({
  ...world,
  left: { ...world.left, [what]: world.left[what] - 1 }
})
export const change = (world: World, n: number, changes: Partial<Call>): World => ({
  ...world,
  calls: world.calls.map((call, at) => (at === n ? { ...call, ...changes } : call))
})
export const idOf = (n: number): string => `apr_${n + 1}`
/** The grant that there is from the first, and the one that an approval of this call may lend. */
export const shared = "grn_1"
export const grantOf = (n: number): string => `grn_${n + 2}`

/** Millions of worlds are made of few thousand states of a call: each is kept once, and each step from it is played once. */
const remembered = <A>(find: (at: Played, event: ApprovalEvent) => A) => {
  const known = new WeakMap<Played, Map<string, A>>()
  return (at: Played, event: ApprovalEvent): A => {
    const found = known.get(at) ?? new Map<string, A>()
    known.set(at, found)
    const key = JSON.stringify(event)
    if (!found.has(key)) found.set(key, find(at, event))
    return found.get(key)!
  }
}
const states = new Map<string, Played>()
const stateOf = (played: Played): Played => {
  const key = JSON.stringify([played.snapshot.value, played.context, [...played.armed]])
  const state = states.get(key) ?? { ...played, last: { ...played.last, taken: [] }, commands: [], notices: [] }
  states.set(key, state)
  return state
}

interface Stepped {
  readonly played: Played
  readonly last: Decision
}
const stepped = remembered((at, event): Stepped => {
  const played = send(at, event)
  return { played: stateOf(played), last: played.last }
})
export const can = remembered((at, event) => at.snapshot.can(event as never))

/** The commit's conditions, and what it leaves of budgets and room; a text: why it is refused. */
const taken = (world: World, n: number, { last }: Stepped): Pick<World, "budgets" | "room"> | ApprovalEvent => {
  let { budgets, room } = world
  for (const record of last.records) {
    switch (record.type) {
      case "occupy":
        if (room.length >= roomMax) return rejected("room", record.room, "full")
        room = [...room, n]
        break
      case "vacate":
        room = room.filter((other) => other !== n)
        break
      case "lend":
        assert(budgets[record.budget.id] === undefined, `${record.budget.id} is lent twice`)
        budgets = { ...budgets, [record.budget.id]: { usesMax: record.budget.usesMax ?? 99, used: 0, revoked: false } }
        break
      case "reserve":
      case "ensure":
      case "refund": {
        const budget = budgets[record.budgetId]
        if (record.type !== "refund") {
          if (budget === undefined) return rejected("budget", record.budgetId, "absent")
          if (budget.revoked) return rejected("budget", record.budgetId, "revoked")
          if (record.type === "reserve" && budget.used >= budget.usesMax) return rejected("budget", record.budgetId, "spent")
        }
        const more = record.type === "reserve" ? 1 : record.type === "refund" ? -1 : 0
        budgets = { ...budgets, [record.budgetId]: { ...budget!, used: budget!.used + more } }
        break
      }
    }
  }
  return { budgets, room }
}

/** The call takes an event, and what it asks for is committed with it. */
export const told = (world: World, n: number, event: ApprovalEvent, done?: string): World => {
  const call = world.calls[n]!
  let step = stepped(call.played, event)
  let after = taken(world, n, step)
  if ("type" in after) {
    step = stepped(call.played, after)
    after = taken(world, n, step)
    assert(!("type" in after), "a step that answers a refusal is refused")
  }
  const { played, last } = step
  const { grantId } = played.context
  if (grantId !== null && last.commands.some(({ name }) => name === "execute"))
    assert(after.budgets[grantId]?.revoked === false, "I3: a revoked grant is dispatched")
  const steps = call.steps + 1
  const asked = last.commands.map(({ name, params }, index) => ({ key: `${idOf(n)}:${steps}:${index}`, name, params }))
  const commands = [...call.commands.filter(({ key }) => key !== done), ...asked]
  return { ...change(world, n, { played, steps, commands }), ...after }
}
