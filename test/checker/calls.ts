/** Two action calls and what they share at one moment, and how a step of one changes it: what approval-world.ts is put together from. */
import assert from "node:assert"
import type { ApprovalEvent } from "../../machines/approval/events.ts"
import type { MatchedRule } from "../../machines/policy.ts"
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

/** The commit's conditions, and what it leaves of budgets and room; a text: why it is refused. */
const taken = (world: World, n: number, { last }: Played): Pick<World, "budgets" | "room"> | ApprovalEvent => {
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
  const quiet = { ...call.played, commands: [], notices: [] }
  let played = send(quiet, event)
  let after = taken(world, n, played)
  if ("type" in after) {
    played = send(quiet, after)
    after = taken(world, n, played)
    assert(!("type" in after), "a step that answers a refusal is refused")
  }
  const { grantId } = played.context
  if (grantId !== null && played.last.commands.some(({ name }) => name === "execute"))
    assert(after.budgets[grantId]?.revoked === false, "I3: a revoked grant is dispatched")
  const steps = call.steps + 1
  const asked = played.last.commands.map(({ name, params }, index) => ({ key: `${idOf(n)}:${steps}:${index}`, name, params }))
  const commands = [...call.commands.filter(({ key }) => key !== done), ...asked]
  return { ...change(world, n, { played, steps, commands }), ...after }
}
