/**
 * Attachments as boxes of a session (shelves.ts): `file.json` says what it is, `bytes` holds it. They are kept for 30 days, twice as
 * long as a session stays paused.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Clock, Effect, Layer, Schema } from "effect"
import {
  type Attached,
  AttachmentError,
  Attachments,
  attachmentBytesMax,
  type Owner,
  sessionBytesMax
} from "../../actors/ports/attachments.ts"
import { inTurns, openShelves, orNone, reaching, readAt, sizeOf, writeAt, writeWhole } from "./shelves.ts"

const keptMs = 30 * 24 * 3_600_000
const [manifest, content] = ["file.json", "bytes"]

const Record = Schema.Struct({ id: Schema.String, name: Schema.String, type: Schema.String, bytes: Schema.Int })
const parse = Schema.decodeUnknownSync(Schema.fromJsonString(Record))

const fail = (reason: AttachmentError["reason"], message: string) => new AttachmentError({ reason, message })
const reach = reaching("attachments", AttachmentError)

export const layer = (directory: string): Layer.Layer<Attachments, AttachmentError> =>
  Layer.effect(
    Attachments,
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      const { boxOf, boxes } = yield* reach(() => openShelves(directory, keptMs, nowMs))

      const inTurn = inTurns()
      /** With all that is still to come of those that were begun. */
      const heldBy = async (owner: Owner, exceptId: string) => {
        let bytes = 0
        for (const id of await boxes(owner)) {
          const text = id === exceptId ? null : await readFile(join(boxOf(owner, id), manifest), "utf8").catch(orNone)
          if (text !== null) bytes += parse(text).bytes
        }
        return bytes
      }

      const put = async (owner: Owner, file: Attached, offset: number, bytes: Uint8Array) => {
        const box = boxOf(owner, file.id)
        if (file.bytes > attachmentBytesMax || offset + bytes.byteLength > file.bytes)
          throw fail("invalid", `an attachment has at most ${attachmentBytesMax / 1_048_576} MB, and as many bytes as it says`)
        if ((await heldBy(owner, file.id)) + file.bytes > sessionBytesMax)
          throw fail("invalid", `a session's attachments have at most ${sessionBytesMax / 1_048_576} MB together`)
        if (offset > (await sizeOf(join(box, content)))) throw fail("invalid", "the bytes before these have not come yet")
        await writeWhole(box, manifest, JSON.stringify(file))
        await writeAt(box, content, offset, bytes)
        return { received: await sizeOf(join(box, content)) }
      }

      const find = async (owner: Owner, id: string) => {
        const box = boxOf(owner, id)
        const text = await readFile(join(box, manifest), "utf8").catch(orNone)
        if (text === null) throw fail("missing", `there is no attachment ${id}: attach it again`)
        const file = parse(text)
        if ((await sizeOf(join(box, content))) !== file.bytes)
          throw fail("missing", `of the attachment ${file.name} not all bytes have come: attach it again`)
        return file
      }

      return Attachments.of({
        put: (owner, file, offset, bytes) => reach(() => inTurn(owner, () => put(owner, file, offset, bytes))),
        find: (owner, id) => reach(() => find(owner, id)),
        read: (owner, id, offset, bytesMax) =>
          reach(async () => {
            const bytes = await readAt(boxOf(owner, id), content, offset, bytesMax)
            if (bytes === null) throw fail("missing", `there is no attachment ${id}: attach it again`)
            return bytes
          })
      })
    })
  )
