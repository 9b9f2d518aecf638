/** How much each session may ask: at once, counted here where its sandbox is, and by time, as all servers agree on it. */
import { Effect, type Scope } from "effect"
import { Coordination } from "../../runtime/coordination.ts"
import { Limits } from "./limits.ts"

export interface Excess {
  readonly message: string
  readonly retryAfterS: number
}

/** Whose sandbox asks. */
export interface Asker {
  readonly org: string
  readonly sessionId: string
}

export const makeAllowance = Effect.gen(function* () {
  const { callsMax, callsBurst, callsPerSecond, bytesPerCall } = yield* Limits
  const { take } = yield* Coordination
  const running = new Map<string, number>()
  const nameOf = ({ org, sessionId }: Asker) => `${org}/${sessionId}`
  const count = (session: string, change: 1 | -1) => {
    const calls = (running.get(session) ?? 0) + change
    if (calls === 0) running.delete(session)
    else running.set(session, calls)
  }

  const takeOne = Effect.fnUntraced(function* (asker: Asker): Effect.fn.Return<Excess | null> {
    const waitMs = yield* take(`models/${nameOf(asker)}`, { burst: callsBurst, perSecond: callsPerSecond })
    if (waitMs === 0) return null
    return {
      message: `this session may make ${callsPerSecond * 60} calls a minute, and ${callsBurst} in a row: it has made them`,
      retryAfterS: Math.ceil(waitMs / 1_000)
    }
  })

  /** Room for one call until the scope ends, or what is too much. */
  const enter = Effect.fnUntraced(function* (asker: Asker): Effect.fn.Return<Excess | null, never, Scope.Scope> {
    const session = nameOf(asker)
    if ((running.get(session) ?? 0) >= callsMax) {
      return { message: `this session has ${callsMax} calls at once already: wait for one to end`, retryAfterS: 1 }
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => count(session, 1)),
      () => Effect.sync(() => count(session, -1))
    )
    return yield* takeOne(asker)
  })

  /** A long body is as several calls. */
  const weigh = Effect.fnUntraced(function* (asker: Asker, bytes: number): Effect.fn.Return<Excess | null> {
    for (let more = Math.floor(bytes / bytesPerCall); more > 0; more -= 1) {
      const excess = yield* takeOne(asker)
      if (excess !== null) return excess
    }
    return null
  })

  return { enter, weigh }
})
