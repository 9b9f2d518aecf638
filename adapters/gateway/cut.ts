/** The end of a conversation, with the code and the reason that the client hears. The codes are those of protocol.ts. */
import { Data, Effect } from "effect"
import type { Failure } from "./problem.ts"

/** A close frame holds 125 bytes, two of them for the code. */
const reasonBytesMax = 123

export class Cut extends Data.TaggedError("Cut")<{ readonly code: number; readonly reason: string }> {}

export const cut = (code: number, reason: string): Effect.Effect<never, Cut> => Effect.fail(new Cut({ code, reason }))

export const clipped = (reason: string): string => {
  const bytes = Buffer.from(reason)
  if (bytes.length <= reasonBytesMax) return reason
  const whole = bytes.subarray(0, reasonBytesMax - 3).toString("utf8")
  return `${whole.replace(/\ufffd$/, "")}…`
}

/** Of the ways in which a request can fail, those that end the whole conversation. */
export const fatal = (failure: Failure): Cut | null => {
  if (failure._tag !== "ServiceError") return null
  if (failure.reason === "unauthenticated") return new Cut({ code: 4401, reason: failure.message })
  return failure.reason === "not-found" ? new Cut({ code: 4404, reason: failure.message }) : null
}
