/**
 * What goes on in the background for as long as its server does. A turn that fails, or breaks by a defect of ours, is told in the
 * log, and the next comes a second later at the soonest: nothing that others count on ends in silence.
 */
import { Effect, Schedule } from "effect"

const afterFailureMs = 1_000

/** `everyMs`: the pause between two turns; without it a turn paces itself. Ends only by interruption. */
export const unending = <A, E, R>(name: string, turn: Effect.Effect<A, E, R>, everyMs = 0): Effect.Effect<never, never, R> =>
  turn.pipe(
    Effect.as(everyMs),
    // What interrupts the loop itself is not caught; a turn that was interrupted from within has failed.
    Effect.catchCause((cause) =>
      Effect.as(Effect.logError(`${name}: this turn failed, the next one comes`, cause), Math.max(everyMs, afterFailureMs))
    ),
    Effect.flatMap((pauseMs) => (pauseMs === 0 ? Effect.void : Effect.sleep(pauseMs))),
    Effect.forever
  )

/** The same for what is done once: again until it was. */
export const untilDone = <A, E, R>(name: string, work: Effect.Effect<A, E, R>): Effect.Effect<A, never, R> =>
  work.pipe(
    Effect.tapCause((cause) => Effect.logWarning(`${name}: it failed, and is tried again`, cause)),
    Effect.sandbox,
    Effect.retry({ while: () => true, schedule: Schedule.spaced(afterFailureMs) }),
    Effect.orDie
  )
