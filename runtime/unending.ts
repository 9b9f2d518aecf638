/**
 * What goes on in the background for as long as its server does. A turn that fails, or breaks by a defect of ours, is told in the
 * log, and the next comes a second later at the soonest: nothing that others count on ends in silence.
 */
import { Effect } from "effect"

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
