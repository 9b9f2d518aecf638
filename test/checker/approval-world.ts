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
import { begin, deny, heard, once, type Played, revoke, rule, withdraw, withGrant } from "../support/approval.ts"
import { runs } from "./approval-hands.ts"
import { type Bounds, can, grantOf, idOf, shared, spend, told, type World } from "./calls.ts"
import type { Model, Move } from "./checker.ts"

/** Each approval that lends a grant makes one of its own. */
const lending = (n: number): ApprovalEvent => {
  const lends = withGrant()
  return { ...lends, grant: { ...lends.grant!, id: grantOf(n) } }
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
    for (const event of [once, lending(n), deny, revoke, withdraw, ...looked]) {
      // A person who looks finds out what is so.
      if (event.type === "settle" && (event.as === "completed") !== world.calls[n]!.effects > 0) continue
      if (can(played, event)) yield { name: `someone: ${event.type} ${idOf(n)}`, next: () => told(spent, n, event), isFree: true }
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
    if (can(played, heard)) yield { name: `${idOf(n)} is heard`, next: () => told(world, n, heard), isFree: true }
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

/** What does not tell one state of a call from another: names, and what is said of it. */
const unsaid = new Set(["approvalId", "grantId", "path", "message", "reason", "result", "by", "endedBy"])
const kinds = new Map<string, number>()
const kindsOf = new WeakMap<Played, number>()
const kindOf = (played: Played, n: number): number => {
  const known = kindsOf.get(played)
  if (known !== undefined) return known
  const { snapshot, armed, context } = played
  const { grantId } = context
  const whose = grantId === grantOf(n) ? "own" : grantId === null || grantId === shared ? grantId : "the other's"
  const text = JSON.stringify([snapshot.value, whose, context, [...armed.keys()]], (name, value) =>
    unsaid.has(name) ? undefined : value
  )
  const kind = kinds.get(text) ?? kinds.size
  kinds.set(text, kind)
  kindsOf.set(played, kind)
  return kind
}

/** Which of two calls is called the first makes no difference. */
const key = ({ calls, budgets, room, rules, hasSessionEnded, left }: World): string => {
  const each = calls.map(({ played, commands, dispatched, effects }, n) => {
    const asked = commands.map(({ name, params: { weighing, attempt } }) => [name, weighing, attempt])
    return JSON.stringify([kindOf(played, n), asked, dispatched, effects, budgets[grantOf(n)], room.includes(n)])
  })
  return JSON.stringify([each.sort(), budgets[shared], rules.length, hasSessionEnded, left])
}

export const approvalModel = (left: Bounds, risks: ReadonlyArray<Risk>): Model<World> => ({
  first: {
    calls: risks.map((risk, n) => {
      const played = begin({ approvalId: idOf(n), risk })
      const commands = played.last.commands.map(({ name, params }, index) => ({ key: `${idOf(n)}:1:${index}`, name, params }))
      return { played, steps: 1, commands, dispatched: [], effects: 0 }
    }),
    budgets: { [shared]: { usesMax: 1, used: 0, revoked: false } },
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
