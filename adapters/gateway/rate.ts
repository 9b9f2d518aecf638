/** How much one principal may ask, on all servers together: one bucket for its requests and its frames, `requestRate` of limits.ts. */
import { Effect } from "effect"
import type { Pass } from "../../actors/services/access.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { requestRate } from "./limits.ts"
import { HttpError } from "./problem.ts"

/** A name for whoever asks. */
export const principalOf = ({ principal }: Pass): string =>
  `${principal.organisation}/${principal.kind === "user" ? principal.user.id : principal.session.id}`

/** 0, or the milliseconds after which it may ask again. */
export const waitMsOf = (coordination: Coordination["Service"], pass: Pass): Effect.Effect<number> =>
  coordination.take(`requests/${principalOf(pass)}`, requestRate)

/** For people, and for `Retry-After`, which counts whole seconds. */
export const inSeconds = (waitMs: number): number => Math.max(1, Math.ceil(waitMs / 1_000))

export const withinRate = Effect.fnUntraced(function* (pass: Pass): Effect.fn.Return<void, HttpError, Coordination> {
  const waitMs = yield* waitMsOf(yield* Coordination, pass)
  if (waitMs === 0) return
  return yield* new HttpError({
    status: 429,
    message: `more than ${requestRate.perSecond} requests in a second, for longer than a moment; ask again in ${inSeconds(waitMs)} s`,
    headers: { "retry-after": String(inSeconds(waitMs)) }
  })
})
