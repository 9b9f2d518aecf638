/**
 * Two action calls of one session with all that they share, as one world: their machines, the commands that are committed and not
 * done, a budget of one use, the rules, the service with what took effect there, and which attempts have been dispatched. A host may
 * die at any moment: what a command did is done, its fact is not told, and it runs again; or it is told, and runs again all the same.
 *
 * Bounded as the world of a session is: by what people wish, what goes wrong, and how often a deadline passes although something else
 * was about to happen.
 */
import type { ApprovalEvent } from "../../machines/approval/events.ts"
import { statusOf } from "../../machines/approval.ts"
import type { Risk } from "../../machines/policy.ts"
import { begin, deny, heard, once, revoke, rule, withdraw, withGrant } from "../support/approval.ts"
import { runs } from "./approval-hands.ts"
import { type Bounds, idOf, spend, told, type World } from "./calls.ts"
import type { Model, Move } from "./checker.ts"

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
