/**
 * Attachments as files below one directory, `<organisation>/<session>/<id>/`: `file.json` says what it is, `bytes` holds it. What
 * nobody has touched for 30 days, twice as long as a session stays paused, is removed when the server starts.
 */
import { mkdir, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
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

const keptMs = 30 * 24 * 3_600_000

const Record = Schema.Struct({ id: Schema.String, name: Schema.String, type: Schema.String, bytes: Schema.Int })
const parse = Schema.decodeUnknownSync(Schema.fromJsonString(Record))

const fail = (reason: AttachmentError["reason"], message: string) => new AttachmentError({ reason, message })
const reach = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      cause instanceof AttachmentError
        ? cause
        : fail(
            "unavailable",
            `attachments cannot be stored or read on the server (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`
          )
  })
const sizeOf = (path: string) =>
  stat(path).then(
    ({ size }) => size,
    () => 0
  )

const sweep = async (directory: string, nowMs: number) => {
  for (const org of await readdir(directory))
    for (const session of await readdir(join(directory, org))) {
      const path = join(directory, org, session)
      if (nowMs - (await stat(path)).mtimeMs > keptMs) await rm(path, { recursive: true, force: true })
    }
}

export const layer = (directory: string): Layer.Layer<Attachments, AttachmentError> =>
  Layer.effect(
    Attachments,
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      yield* reach(async () => {
        await mkdir(directory, { recursive: true, mode: 0o700 })
        await sweep(directory, nowMs)
      })
      const shelfOf = ({ org, sessionId }: Owner) => join(directory, encodeURIComponent(org), encodeURIComponent(sessionId))
      const placeOf = (owner: Owner, id: string) => join(shelfOf(owner), encodeURIComponent(id))

      const heldBy = async (owner: Owner, exceptId: string) => {
        let bytes = 0
        for (const id of await readdir(shelfOf(owner)).catch(() => []))
          if (id !== exceptId) bytes += await sizeOf(join(shelfOf(owner), id, "bytes"))
        return bytes
      }

      const put = async (owner: Owner, file: Attached, offset: number, bytes: Uint8Array) => {
        const place = placeOf(owner, file.id)
        const path = join(place, "bytes")
        if (file.bytes > attachmentBytesMax || offset + bytes.byteLength > file.bytes)
          throw fail("invalid", `an attachment has at most ${attachmentBytesMax / 1_048_576} MB, and as many bytes as it says`)
        if ((await heldBy(owner, file.id)) + file.bytes > sessionBytesMax)
          throw fail("invalid", `a session's attachments have at most ${sessionBytesMax / 1_048_576} MB together`)
        if (offset > (await sizeOf(path))) throw fail("invalid", "the bytes before these have not come yet")
        await mkdir(place, { recursive: true, mode: 0o700 })
        await writeFile(join(place, "file.json"), JSON.stringify(file), { mode: 0o600 })
        const handle = await open(path, offset === 0 ? "w" : "r+", 0o600)
        try {
          await handle.write(bytes, 0, bytes.byteLength, offset)
          await handle.sync()
        } finally {
          await handle.close()
        }
        return { received: await sizeOf(path) }
      }

      const find = async (owner: Owner, id: string) => {
        const place = placeOf(owner, id)
        const text = await readFile(join(place, "file.json"), "utf8").catch(() => null)
        if (text === null) throw fail("missing", `there is no attachment ${id}: attach it again`)
        const file = parse(text)
        if ((await sizeOf(join(place, "bytes"))) !== file.bytes)
          throw fail("missing", `of the attachment ${file.name} not all bytes have come: attach it again`)
        return file
      }

      return Attachments.of({
        put: (owner, file, offset, bytes) => reach(() => put(owner, file, offset, bytes)),
        find: (owner, id) => reach(() => find(owner, id)),
        read: (owner, id, offset, bytesMax) =>
          reach(async () => {
            const handle = await open(join(placeOf(owner, id), "bytes"), "r")
            try {
              const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytesMax), 0, bytesMax, offset)
              return buffer.subarray(0, bytesRead)
            } finally {
              await handle.close()
            }
          })
      })
    })
  )
