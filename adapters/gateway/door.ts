/**
 * A socket between its opening and the check of who opened it: what it says meanwhile is held, at most 64 frames, and heard once
 * it may enter. Who may not is told so by the close code, for its handshake has been answered already.
 */
import { Effect } from "effect"
import { clipped } from "./cut.ts"
import { type Failure, refusalOf } from "./problem.ts"
import { framesUnansweredMax } from "./protocol.ts"
import type { Ear, Wire } from "./transport.ts"

/** Of a refused request's status. */
const closeCodes: Readonly<Record<number, number>> = { 401: 4401, 403: 4403, 404: 4404, 503: 1013 }

export const admitting = <A>(
  wire: Wire,
  check: Effect.Effect<A, Failure>,
  enter: (pass: A) => Ear,
  fork: (effect: Effect.Effect<void>) => void
): Ear => {
  let ear: Ear | null = null
  let isClosed = false
  let held: Array<(ear: Ear) => void> = []

  fork(
    check.pipe(
      Effect.flatMap((pass) =>
        Effect.sync(() => {
          if (isClosed) return
          ear = enter(pass)
          for (const tell of held) tell(ear)
          held = []
        })
      ),
      Effect.catch((failure) =>
        Effect.sync(() => {
          const { status, detail } = refusalOf(failure).problem
          wire.end(closeCodes[status] ?? 1011, clipped(detail))
        })
      ),
      Effect.catchDefect((defect) =>
        Effect.andThen(
          Effect.logError("check of a socket", defect),
          Effect.sync(() => wire.end(1011, "our fault; it is in the server's log"))
        )
      )
    )
  )

  return {
    frame: (bytes, isText) => {
      if (ear !== null) ear.frame(bytes, isText)
      else if (held.length < framesUnansweredMax) held.push((entered) => entered.frame(bytes, isText))
      else wire.end(4429, `more than ${framesUnansweredMax} frames before the first answer`)
    },
    sign: () => ear?.sign(),
    drained: () => ear?.drained(),
    closed: () => {
      isClosed = true
      ear?.closed()
    }
  }
}
