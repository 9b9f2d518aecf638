/** What may come of a committed command of a call: its work done and told, done and not told, told and run again, or not done. */
import type { ApprovalEvent } from "../../machines/approval/events.ts"
import { grant } from "../support/approval.ts"
import { change, grantOf, shared, spend, told, type Wanted, type World } from "./calls.ts"
import type { Move } from "./checker.ts"

const without = (world: World, n: number, { key }: Wanted): World =>
  change(world, n, { commands: world.calls[n]!.commands.filter((command) => command.key !== key) })

/** The narrowest first, and of two alike its own. */
const liveGrants = ({ budgets, calls }: World, n: number) =>
  [shared, grantOf(n), ...calls.map((_, other) => grantOf(other))]
    .filter((id, at, all) => {
      const budget = budgets[id]
      return all.indexOf(id) === at && budget !== undefined && !budget.revoked && budget.used < budget.usesMax
    })
    .map((id) => grant(id))

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
        { type: "weighed", weighing: params.weighing, rules, grants: params.alone ? [] : liveGrants(world, n), nowMs }
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

export function* runs(world: World, n: number, wanted: Wanted): Generator<Move<World>> {
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
