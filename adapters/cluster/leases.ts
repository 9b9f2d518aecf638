/**
 * Who holds which home, for people to see: entries of the room `leases`, a home saying its node, for as long as it is held and at
 * most 90 s longer. A mirror and no more: nothing is decided by it.
 */

import { Clock, Effect } from "effect"
import { Coordination } from "../../runtime/coordination.ts"
import { unending } from "../../runtime/unending.ts"
import * as limits from "./limits.ts"

const room = "leases"

/** Runs for ever. */
export const mirrorLeases = Effect.fnUntraced(function* (node: string, held: () => ReadonlyArray<string>) {
  const coordination = yield* Coordination
  /** When each was said last. */
  const said = new Map<string, number>()
  const leave = (who: string) => {
    said.delete(who)
    return coordination.leave(room, who, node)
  }
  const atOnce = { concurrency: limits.leasesAtOnce, discard: true } as const
  yield* Effect.addFinalizer(() => Effect.forEach([...said.keys()], leave, atOnce))
  const say = Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis
    const homes = new Set(held().slice(0, limits.leasesMax))
    yield* Effect.forEach(
      [...said.keys()].filter((who) => !homes.has(who)),
      leave,
      atOnce
    )
    const due = [...homes].filter((who) => nowMs - (said.get(who) ?? Number.NEGATIVE_INFINITY) >= limits.leaseSaidEveryMs)
    yield* Effect.forEach(
      due,
      (who) => {
        said.set(who, nowMs)
        return coordination.enter(room, { who, says: node }, limits.leaseSaidForMs)
      },
      atOnce
    )
  })
  return yield* unending("mirroring leases", say, limits.leasesEveryMs)
})

/** How many homes each node holds. */
export const leasesByNode = Effect.map(
  Effect.flatMap(Coordination, ({ present }) => present(room)),
  (entries) => {
    const homes = new Map<string, number>()
    for (const { says } of entries) homes.set(says, (homes.get(says) ?? 0) + 1)
    return homes
  }
)
