/**
 * Fires durable deadlines. They live in the journal and die with no process: what fell due while nobody ran is fired at the next
 * start, late but once. Organisations take turns: what fell due of one keeps no other waiting. A due timer is a message with the id
 * `timer:<timerId>:<rev>`; armed anew since, it is stale and ignored.
 *
 * One loop reads ahead, another fires what it has read when it is due: so a look that takes long makes no deadline late. Nor does
 * what cannot be fired, for it is another process's or its actor does not answer: the next look shows so many more.
 */

import { Effect } from "effect"
import { nameOf } from "./address.ts"
import { Inspector } from "./inspection.ts"
import { type DueTimer, Journal, type Versions } from "./journal.ts"
import { timerAheadMs, timersReadMax, timersShownMax } from "./limits.ts"
import type { Deliver } from "./outbox.ts"
import { steadyMs } from "./steady.ts"
import type { Delivery } from "./transition.ts"
import { unending } from "./unending.ts"
import { Wakeup } from "./wakeup.ts"

type Due = DueTimer & { readonly inMs: number }

interface Planned {
  readonly timer: Due
  readonly name: string
  /** By the clock of this process. */
  readonly atMs: number
}

export const deliveryOf = ({ timerId, rev, event }: DueTimer): Delivery => ({
  id: `timer:${timerId}:${rev}`,
  event: event as { readonly type: string },
  by: null,
  timer: { id: timerId, rev }
})

/** Deadlines armed within this time of each other are read by one look. */
const looksApartMs = 10
/** Read further ahead than until the next look, so that one which takes its time comes too late for none. */
const readAheadMs = timerAheadMs + 250
/** While more are due than one look shows, those that fired need a moment to leave the table. */
const crowdedMs = 50

const nameOfTimer = ({ address, timerId, rev }: DueTimer) => `${nameOf(address)}/${timerId}/${rev}`

/** When to look again at the latest: of what is ahead a full look shows only a part, of some organisation up to here. */
const againMs = (shown: ReadonlyArray<Due>, limit: number, beside: number): number => {
  if (shown.length < limit || beside === timersShownMax) return timerAheadMs
  const shownMs = Math.min(...new Map(shown.map(({ address, inMs }) => [address.org, inMs])).values())
  return shownMs <= 0 ? crowdedMs : Math.max(looksApartMs, Math.min(timerAheadMs, shownMs / 2))
}

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
  const replanned = new Wakeup()
  /** What the last look has shown and was not fired yet, soonest first. */
  let planned: ReadonlyArray<Planned> = []
  const firing = new Set<string>()
  /** Fired and answered: gone from the table for every look that begins from now on. */
  let settled: Array<string> = []
  /** Of those that the last look has shown, how many are not to be fired here and now. */
  let beside = 0

  const fire = ({ timer, name, atMs }: Planned, nowMs: number) => {
    firing.add(name)
    inspect({ type: "timer.fired", address: timer.address, timerId: timer.timerId, lateMs: nowMs - atMs })
    return Effect.forkChild(
      deliver(timer.address, deliveryOf(timer)).pipe(
        // It is still due, and fired again by a later look.
        Effect.catch(() => Effect.sleep(timerAheadMs)),
        Effect.ensuring(Effect.sync(() => settled.push(name)))
      )
    )
  }

  const look = Effect.gen(function* () {
    for (const name of settled) firing.delete(name)
    settled = []
    const limit = Math.min(timersReadMax + beside, timersShownMax)
    const shown = yield* journal.dueTimers(readAheadMs, limit, versions)
    const nowMs = yield* steadyMs
    planned = shown
      .map((timer) => ({ timer, name: nameOfTimer(timer), atMs: nowMs + timer.inMs }))
      .filter(({ name }) => !firing.has(name))
    beside = shown.length - planned.filter(({ timer }) => isOurs(timer)).length
    replanned.wake()
    yield* Effect.sleep(looksApartMs)
    yield* wakeup.within(againMs(shown, limit, beside) - looksApartMs)
  })

  const fireDue = Effect.gen(function* () {
    const nowMs = yield* steadyMs
    const left = planned.findIndex(({ atMs }) => atMs > nowMs)
    const due = left === -1 ? planned : planned.slice(0, left)
    planned = left === -1 ? [] : planned.slice(left)
    const ours = due.filter(({ timer, atMs }) => isOurs({ ...timer, inMs: atMs - nowMs }))
    yield* Effect.forEach(ours, (one) => fire(one, nowMs), { discard: true })
    yield* replanned.within(planned[0] === undefined ? timerAheadMs : Math.max(1, Math.ceil(planned[0].atMs - nowMs)))
  })

  yield* Effect.forkChild(unending("firing timers", fireDue))
  return yield* unending(
    "looking for timers",
    Effect.catchTag(look, "JournalError", () => Effect.sleep(timerAheadMs))
  )
})
