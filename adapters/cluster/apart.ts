/** Asking a node that may be frozen: the answer within a time, or none. What is asked of it cannot even be taken back in that time. */
import { Effect, Exit, Fiber, Option } from "effect"

export const apart = <A, E, F>(asked: Effect.Effect<A, E>, ms: number, silent: () => F): Effect.Effect<A, E | F> =>
  Effect.gen(function* () {
    const asking = yield* Effect.forkDetach(asked)
    const answered = yield* Effect.timeoutOption(Fiber.await(asking), ms).pipe(
      Effect.onInterrupt(() => Effect.sync(() => asking.interruptUnsafe()))
    )
    if (Option.isNone(answered)) {
      asking.interruptUnsafe()
      return yield* Effect.fail(silent())
    }
    const exit = answered.value
    if (Exit.isSuccess(exit)) return exit.value
    // A connection that broke, a node that went: a defect here, and no answer.
    const failure = exit.cause.reasons.find((reason) => reason._tag === "Fail")
    return yield* Effect.fail<E | F>(failure === undefined ? silent() : failure.error)
  })
