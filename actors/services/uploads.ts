/** Files that people attach to prompts: they are brought piece by piece, then a prompt names them. */
import { Context, Effect, Layer, Schema } from "effect"
import { type AttachmentError, Attachments, attachmentBytesMax, attachmentsMax, pieceBytesMax } from "../ports/attachments.ts"
import type { Pass } from "./access.ts"
import { ServiceError } from "./error.ts"

export const AttachmentId = Schema.String.check(
  Schema.isPattern(/^att_[A-Za-z0-9]{8,64}$/, { message: "must be att_ and 8 to 64 letters or digits" })
)
export const AttachmentIds = Schema.Array(AttachmentId).check(
  Schema.isMaxLength(attachmentsMax, { message: `a prompt has at most ${attachmentsMax} attachments` })
)
/** One piece of a file. `bytes` is what the whole of it has. */
export const Piece = Schema.Struct({
  id: AttachmentId,
  name: Schema.String.check(
    Schema.isPattern(/^[^/\\\p{Cc}\p{Cs}.][^/\\\p{Cc}\p{Cs}]{0,99}$/u, {
      message: "must be the name of a file, 1 to 100 characters, without / and not beginning with a dot"
    })
  ),
  type: Schema.String.check(
    Schema.isPattern(/^[a-z]+\/[a-z0-9][a-z0-9.+-]{0,99}$/, { message: "must be a media type, such as image/png" })
  ),
  bytes: Schema.Int.check(
    Schema.isBetween({ minimum: 1, maximum: attachmentBytesMax }, { message: `must be 1 to ${attachmentBytesMax}` })
  ),
  offset: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  data: Schema.Uint8ArrayFromBase64
})

export const asServiceError = ({ reason, message }: AttachmentError) =>
  new ServiceError({ reason: reason === "unavailable" ? "refused" : "reference", message })

export class Uploads extends Context.Service<
  Uploads,
  {
    readonly put: (
      pass: Pass<"session.prompt">,
      piece: typeof Piece.Type
    ) => Effect.Effect<{ readonly id: string; readonly received: number }, ServiceError>
  }
>()("proliferate/actors/services/Uploads") {
  static readonly layer: Layer.Layer<Uploads, never, Attachments> = Layer.effect(
    Uploads,
    Effect.gen(function* () {
      const attachments = yield* Attachments
      return Uploads.of({
        put: Effect.fn("Uploads.put")(function* ({ organisation, session }, { id, name, type, bytes, offset, data }) {
          if (data.byteLength > pieceBytesMax)
            return yield* new ServiceError({ reason: "invalid", message: `data: a piece has at most ${pieceBytesMax} bytes` })
          const owner = { org: organisation, sessionId: session.id }
          const { received } = yield* Effect.mapError(
            attachments.put(owner, { id, name, type, bytes }, offset, data),
            asServiceError
          )
          return { id, received }
        })
      })
    })
  )
}
