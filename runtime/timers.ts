/**
 * Fires durable deadlines. They live in the journal and die with no process: what fell due while nobody ran is fired at the next
 * start, late but once. A due timer is a message with the id `timer:<timerId>:<rev>`; armed anew since, it is stale and ignored.
 */
import { Effect } from "effect"
import { nameOf } from "./address.ts"
import { Inspector } from "./inspection.ts"
import { type DueTimer, Journal, type Versions } from "./journal.ts"
import { timerAheadMs, timersReadMax } from "./limits.ts"
import type { Deliver } from "./outbox.ts"
import type { Delivery } from "./transition.ts"
import type { Wakeup } from "./wakeup.ts"

type Due = DueTimer & { readonly inMs: number }

export const deliveryOf = ({ timerId, rev, event }: DueTimer): Delivery => ({
  id: `timer:${timerId}:${rev}`,
  event: event as { readonly type: string },
  by: null,
  timer: { id: timerId, rev }
})

/** While more are due than one look shows, those that fired need a moment to leave the table. */
const crowdedMs = 50

/** Runs for ever; one per process. Woken when a deadline nearer than the next look is armed. */
export const runTimers = Effect.fnUntraced(function* (options: {
  readonly versions: Versions
  readonly deliver: Deliver
  readonly wakeup: Wakeup
  /** Whose timers are fired here, where several processes look at them all. */
  readonly isOurs?: (timer: Due) => boolean
}) {
  const { versions, deliver, wakeup, isOurs = () => true } = options
  const journal = yield* Journal
  const inspect = yield* Inspector
  const firing = new Set<string>()

  const nameOfTimer = (timer: Due) => `${nameOf(timer.address)}/${timer.timerId}/${timer.rev}`

  const fire = (timer: Due) => {
    const { address, timerId, inMs } = timer
    const name = nameOfTimer(timer)
    firing.add(name)
    inspect({ type: "timer.fired", address, timerId, lateMs: -inMs })
    return Effect.forkChild(
      deliver(address, deliveryOf(timer)).pipe(
        // It is still due, and fired again by a later look.
        Effect.catch(() => Effect.sleep(timerAheadMs)),
        Effect.ensuring(Effect.sync(() => firing.delete(name)))
      )
    )
  }

  const look = Effect.gen(function* () {
    const timers: ReadonlyArray<Due> = yield* journal.dueTimers(timerAheadMs, timersReadMax, versions)
    const due = timers.filter((timer) => timer.inMs <= 0 && isOurs(timer) && !firing.has(nameOfTimer(timer)))
    yield* Effect.forEach(due, fire, { discard: true })
    const next = timers.find(({ inMs }) => inMs > 0)?.inMs ?? timerAheadMs
    yield* wakeup.within(Math.max(1, Math.ceil(timers.length === timersReadMax ? Math.min(next, crowdedMs) : next)))
  })

  yield* look.pipe(
    Effect.catchTag("JournalError", () => Effect.sleep(timerAheadMs)),
    Effect.forever
  )
})
