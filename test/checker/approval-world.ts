/**
 * Two action calls of one session with all that they share, as one world: their machines, the commands that are committed and not
 * done, a budget of one use, the rules, the service with what took effect there, and which attempts have been dispatched. A host may
 * die at any moment: what a command did is done, its fact is not told, and it runs again; or it is told, and runs again all the same.
 *
 * Bounded as the world of a session is: by what people wish, what goes wrong, and how often a deadline passes although something else
 * was about to happen.
 */
import assert from "node:assert"
import type { ApprovalEvent } from "../../machines/approval/events.ts"
import { statusOf } from "../../machines/approval.ts"
import type { MatchedRule, Risk } from "../../machines/policy.ts"
import {
  begin,
  deny,
  grant,
  heard,
  once,
  type Played,
  rejected,
  revoke,
  rule,
  send,
  withdraw,
  withGrant
} from "../support/approval.ts"
import type { Model, Move } from "./checker.ts"

interface Wanted {
  readonly key: string
  readonly name: string
  readonly params: any
}

interface Call {
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

const spend = (world: World, what: keyof Bounds): World => ({ ...world, left: { ...world.left, [what]: world.left[what] - 1 } })
const change = (world: World, n: number, changes: Partial<Call>): World => ({
  ...world,
  calls: world.calls.map((call, at) => (at === n ? { ...call, ...changes } : call))
})
const idOf = (n: number): string => `apr_${n + 1}`

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
        const change = record.type === "reserve" ? 1 : record.type === "refund" ? -1 : 0
        budgets = { ...budgets, [record.budgetId]: { ...budget!, used: budget!.used + change } }
        break
      }
    }
  }
  return { budgets, room }
}

/** The call takes an event, and what it asks for is committed with it. */
const told = (world: World, n: number, event: ApprovalEvent, done?: string): World => {
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

const without = (world: World, n: number, { key }: Wanted): World =>
  change(world, n, { commands: world.calls[n]!.commands.filter((command) => command.key !== key) })

const liveGrants = ({ budgets }: World) =>
  Object.entries(budgets)
    .filter(([, { used, usesMax, revoked }]) => !revoked && used < usesMax)
    .map(([id]) => grant(id))

function* facts(world: World, n: number, wanted: Wanted): Generator<readonly [how: string, world: World, fact: ApprovalEvent]> {
  const { name, params } = wanted
  const { played, dispatched, effects } = world.calls[n]!
  const { attempt } = params
  const nowMs = 1_000
  const { rules } = world
  const isDispatched = dispatched.includes(attempt)
  const sent = change(world, n, { dispatched: [...dispatched, attempt] })
  switch (name) {
    case "weigh":
      if (world.hasSessionEnded) return yield ["finds no session", world, { type: "session.ended" }]
      return yield [
        "finds",
        world,
        { type: "weighed", weighing: params.weighing, rules, grants: params.alone ? [] : liveGrants(world), nowMs }
      ]
    case "clear": {
      if (world.hasSessionEnded)
        return yield ["finds no session", world, { type: "blocked", attempt, reason: "session", message: "it has ended" }]
      const { grantId } = played.context
      const own = grantId !== null && world.budgets[grantId]?.revoked === false ? [grant(grantId)] : []
      return yield ["clears", world, { type: "cleared", attempt, rules, grants: own, nowMs }]
    }
    case "execute": {
      if (isDispatched) return yield ["comes second", world, { type: "call.unknown", attempt, message: "it may have been sent" }]
      const effected = change(sent, n, { effects: effects + 1 })
      yield ["takes effect", effected, { type: "call.completed", attempt, result: 1 }]
      if (world.left.troubles === 0) return
      const trouble = { type: "call.unknown", attempt, message: "no answer" } as const
      yield ["takes effect, and is not heard of", spend(effected, "troubles"), trouble]
      yield ["is not heard of", spend(sent, "troubles"), trouble]
      const failed = { type: "call.failed", attempt, reason: "unavailable", message: "503" } as const
      return yield ["is not sent", spend(sent, "troubles"), { ...failed, sent: false }]
    }
    case "readBack":
      if (!isDispatched) return yield ["comes first", sent, { type: "readback.absent", attempt }]
      if (effects > 0) yield ["finds it", world, { type: "readback.found", attempt, result: 1 }]
      else yield ["finds nothing", world, { type: "readback.absent", attempt }]
      if (world.left.troubles > 0)
        yield ["cannot say", spend(world, "troubles"), { type: "readback.unclear", attempt, message: "no search" }]
  }
}

function* runs(world: World, n: number, wanted: Wanted): Generator<Move<World>> {
  const { key, name } = wanted
  if (name === "wipe" || name === "tellSession") return yield { name: `${key} ${name}`, next: () => without(world, n, wanted) }
  for (const [how, after, fact] of facts(world, n, wanted)) {
    const isFree = after.left.troubles < world.left.troubles
    yield { name: `${key} ${name} ${how}`, next: () => told(after, n, fact, key), isFree }
    if (after.left.troubles === 0) continue
    const spent = spend(after, "troubles")
    yield { name: `${key} ${name} ${how}, and its answer is lost`, next: () => spent, isFree: true }
    yield { name: `${key} ${name} ${how}, and runs again`, next: () => told(spent, n, fact), isFree: true }
  }
}

function* wishes(world: World): Generator<Move<World>> {
  if (world.left.wishes === 0) return
  const spent = spend(world, "wishes")
  for (const [n, { played }] of world.calls.entries()) {
    const looked: ReadonlyArray<ApprovalEvent> = (["completed", "failed"] as const).map((as) => ({
      type: "settle",
      by: "usr_2",
      as,
      note: "looked"
    }))
    for (const event of [once, withGrant(), deny, revoke, withdraw, ...looked]) {
      // A person who looks finds out what is so.
      if (event.type === "settle" && (event.as === "completed") !== world.calls[n]!.effects > 0) continue
      if (played.snapshot.can(event as never))
        yield { name: `someone: ${event.type} ${idOf(n)}`, next: () => told(spent, n, event), isFree: true }
    }
  }
  for (const [id, budget] of Object.entries(world.budgets))
    if (!budget.revoked) {
      const budgets = { ...world.budgets, [id]: { ...budget, revoked: true } }
      yield { name: `someone revokes ${id}`, next: () => ({ ...spent, budgets }), isFree: true }
    }
  if (world.rules.length === 0)
    yield { name: "someone denies it by a rule", next: () => ({ ...spent, rules: [rule("deny")] }), isFree: true }
  if (!world.hasSessionEnded)
    yield {
      name: "the session ends",
      next: () =>
        world.calls.reduce<World>((after, _, n) => told(after, n, { type: "session.ended" }), {
          ...spent,
          hasSessionEnded: true
        }),
      isFree: true
    }
}

function* moves(world: World): Generator<Move<World>> {
  let isStill = true
  for (const [n, { commands }] of world.calls.entries())
    for (const wanted of commands)
      for (const move of runs(world, n, wanted)) {
        if (move.isFree !== true) isStill = false
        yield move
      }
  for (const [n, { played }] of world.calls.entries()) {
    for (const [id, event] of played.armed) {
      const name = `${id.slice("xstate.after.".length)} of ${idOf(n)} passes`
      if (isStill) yield { name, next: () => told(world, n, event) }
      else if (world.left.hurries > 0)
        yield { name: `${name} meanwhile`, next: () => told(spend(world, "hurries"), n, event), isFree: true }
    }
    if (played.snapshot.can(heard as never))
      yield { name: `${idOf(n)} is heard`, next: () => told(world, n, heard), isFree: true }
  }
  yield* wishes(world)
}

const wrong = ({ calls, budgets, room }: World): string | null => {
  for (const [n, { played, effects, dispatched }] of calls.entries()) {
    const { risk, decidedBy, attempt } = played.context
    const status = statusOf(played.snapshot)
    if (risk === "danger" && effects > 0 && decidedBy !== "person") return `I1: ${idOf(n)} took effect, and no person decided`
    if (effects > 0 && decidedBy === null) return `I2: ${idOf(n)} took effect, and nobody decided`
    if (effects > 1) return `${idOf(n)} took effect ${effects} times`
    if (effects > 0 && ["requested", "pending", "denied", "expired", "revoked"].includes(status))
      return `I3: ${idOf(n)} is ${status}, and took effect`
    if (status === "completed" && effects === 0) return `${idOf(n)} is completed, and took no effect`
    if (Math.max(0, ...dispatched) > attempt) return `I9: ${idOf(n)} was dispatched before that was committed`
    if (room.includes(n) !== (status === "pending")) return `A5: ${idOf(n)} is ${status} and its place in the room is not`
  }
  for (const [id, { used, usesMax }] of Object.entries(budgets)) {
    if (used < 0 || used > usesMax) return `I2: ${used} uses of ${id} are taken`
    const effects = calls.filter((call) => call.played.context.grantId === id && call.effects > 0).length
    if (effects > used) return `I2: ${effects} took effect under ${id}, and ${used} uses are taken`
  }
  return null
}

const rests = ({ calls }: World): string | null => {
  for (const [n, { played, commands }] of calls.entries()) {
    if (!played.snapshot.hasTag("final")) return `${idOf(n)} is ${JSON.stringify(played.snapshot.value)}`
    if (commands.length > 0) return `${commands[0]!.name} of ${idOf(n)} is not done`
  }
  return null
}

const key = ({ calls, budgets, room, rules, hasSessionEnded, left }: World): string =>
  JSON.stringify([
    calls.map(({ played, commands, dispatched, effects }) => {
      const {
        path: _path,
        message: _message,
        reason: _reason,
        result: _result,
        by: _by,
        endedBy: _ended,
        ...rest
      } = played.context
      const asked = commands.map(({ name, params: { weighing, attempt } }) => [name, weighing, attempt])
      return [played.snapshot.value, rest, [...played.armed.keys()], asked, dispatched, effects]
    }),
    budgets,
    room,
    rules.length,
    hasSessionEnded,
    left
  ])

export const approvalModel = (left: Bounds, risks: ReadonlyArray<Risk>): Model<World> => ({
  first: {
    calls: risks.map((risk, n) => {
      const played = begin({ approvalId: idOf(n), risk })
      const commands = played.last.commands.map(({ name, params }, index) => ({ key: `${idOf(n)}:1:${index}`, name, params }))
      return { played, steps: 1, commands, dispatched: [], effects: 0 }
    }),
    budgets: { grn_1: { usesMax: 1, used: 0, revoked: false } },
    room: [],
    rules: risks.includes("danger") ? [rule("ask")] : [],
    hasSessionEnded: false,
    left
  },
  key,
  moves,
  wrong,
  rests
})
