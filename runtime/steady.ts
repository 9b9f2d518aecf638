/**
 * A clock for how long things last: it never jumps, whatever becomes of the wall clock, which an operator, a network or a machine
 * that slept may set by minutes, forwards and back. From no known beginning, so that it cannot be taken for a date.
 */
import { Clock, Effect } from "effect"

export const steadyMsOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe() / 1_000n) / 1_000

export const steadyMs: Effect.Effect<number> = Clock.clockWith((clock) => Effect.sync(() => steadyMsOf(clock)))
