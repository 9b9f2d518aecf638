/** How much each session may ask: at once, counted here where its sandbox is, and by time, as all servers agree on it. */
import { Effect, type Scope } from "effect"
import { Coordination } from "../../runtime/coordination.ts"
import { Limits } from "./limits.ts"

export interface Excess {
  readonly message: string
  readonly retryAfterS: number
}

export const makeAllowance = Effect.gen(function* () {
  const { callsMax, callsBurst, callsPerSecond } = yield* Limits
  const { take } = yield* Coordination
  const running = new Map<string, number>()
  const count = (session: string, change: 1 | -1) => {
    const calls = (running.get(session) ?? 0) + change
    if (calls === 0) running.delete(session)
    else running.set(session, calls)
  }

  /** Room for one call until the scope ends, or what is too much. */
  return Effect.fnUntraced(function* (session: string): Effect.fn.Return<Excess | null, never, Scope.Scope> {
    if ((running.get(session) ?? 0) >= callsMax) {
      return { message: `this session has ${callsMax} calls at once already: wait for one to end`, retryAfterS: 1 }
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => count(session, 1)),
      () => Effect.sync(() => count(session, -1))
    )
    const waitMs = yield* take(`models/${session}`, { burst: callsBurst, perSecond: callsPerSecond })
    if (waitMs === 0) return null
    return {
      message: `this session may make ${callsPerSecond * 60} calls a minute, and ${callsBurst} in a row: it has made them`,
      retryAfterS: Math.ceil(waitMs / 1_000)
    }
  })
})
