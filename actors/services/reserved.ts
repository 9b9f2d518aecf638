/** What is made under a client's key is made once: the first request under it gives it its id, and only the same request has it again. */
import { Effect } from "effect"
import { hashOfValue } from "../canonical.ts"
import type { Directory, DirectoryError } from "../ports/directory.ts"
import { ServiceError } from "./error.ts"

/** The id that it has: `id`, or that of the first request of this text. */
export const reserved = Effect.fnUntraced(function* (
  directory: Directory["Service"],
  under: { readonly org: string; readonly key: string; readonly id: string },
  asked: unknown
): Effect.fn.Return<string, ServiceError | DirectoryError> {
  const hash = hashOfValue(asked)
  const kept = yield* directory.reserve({ ...under, hash })
  if (kept.hash === hash) return kept.id
  const message = "this Idempotency-Key was used for another request: use a fresh one, or send the same body"
  return yield* new ServiceError({ reason: "conflict", message })
})
