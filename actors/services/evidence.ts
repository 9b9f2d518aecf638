/** What agents kept to show their work, for their people to read. */
import { Context, Effect, Layer } from "effect"
import { type Evidence, type EvidenceError, EvidenceStore } from "../ports/evidence.ts"
import type { Pass } from "./access.ts"
import { ServiceError } from "./error.ts"

const asServiceError = ({ reason, message }: EvidenceError) =>
  new ServiceError({ reason: reason === "missing" ? "not-found" : "refused", message })

export class EvidenceOf extends Context.Service<
  EvidenceOf,
  {
    /** Newest first. */
    readonly list: (pass: Pass<"session.read">) => Effect.Effect<ReadonlyArray<Evidence>, ServiceError>
    /** Base64; `next` is where the piece after it begins, or null. */
    readonly piece: (
      pass: Pass<"session.read">,
      key: string,
      file: number,
      offset: number
    ) => Effect.Effect<{ readonly data: string; readonly next: number | null }, ServiceError>
  }
>()("proliferate/actors/services/EvidenceOf") {
  static readonly layer: Layer.Layer<EvidenceOf, never, EvidenceStore> = Layer.effect(
    EvidenceOf,
    Effect.gen(function* () {
      const store = yield* EvidenceStore
      const ownerOf = ({ organisation, session }: Pass<"session.read">) => ({ org: organisation, sessionId: session.id })
      return EvidenceOf.of({
        list: (pass) => Effect.mapError(store.list(ownerOf(pass)), asServiceError),
        piece: Effect.fn("EvidenceOf.piece")(function* (pass, key, file, offset) {
          const owner = ownerOf(pass)
          const isKey = /^evd_[0-9a-f]{24}$/.test(key)
          const kept = isKey ? yield* Effect.mapError(store.find(owner, key), asServiceError) : null
          const bytes = kept?.files[file]?.bytes
          if (bytes === undefined)
            return yield* new ServiceError({
              reason: "not-found",
              message: `session ${pass.session.id} has no such evidence; \`proliferate sessions evidence ${pass.session.id}\` shows what it has`
            })
          const data = yield* Effect.mapError(store.read(owner, key, file, offset), asServiceError)
          const next = offset + data.byteLength
          return { data: Buffer.from(data).toString("base64"), next: next < bytes && data.byteLength > 0 ? next : null }
        })
      })
    })
  )
}
