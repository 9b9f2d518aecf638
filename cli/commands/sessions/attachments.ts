/** Files of this machine for a prompt: read, named by what they are, brought to the server in pieces. */
import { createHash } from "node:crypto"
import { readFile, stat } from "node:fs/promises"
import { basename, extname } from "node:path"
import { Effect, Schema } from "effect"
import { attachmentBytesMax, attachmentsMax, pieceBytesMax } from "../../../actors/ports/attachments.ts"
import { type Connection, call } from "../../api.ts"
import { type Failed, usage } from "../../failure.ts"
import { pathOf } from "./session.ts"

const types: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".pdf": "application/pdf",
  ".json": "application/json",
  ".zip": "application/zip",
  ".gz": "application/gzip"
}
const Received = Schema.Struct({ received: Schema.Int })

interface Given {
  readonly name: string
  readonly type: string
  readonly content: Buffer
}

const typeOf = (path: string, content: Buffer): string =>
  types[extname(path).toLowerCase()] ?? (content.subarray(0, 8_192).includes(0) ? "application/octet-stream" : "text/plain")

const read = (path: string): Effect.Effect<Given, Failed> =>
  Effect.tryPromise({
    try: async () => {
      const { size } = await stat(path)
      if (size > attachmentBytesMax) throw new Error(`it has more than ${attachmentBytesMax / 1_048_576} MB`)
      const content = await readFile(path)
      if (content.byteLength === 0) throw new Error("it is empty")
      return { name: basename(path).replace(/^\./, "_"), type: typeOf(path, content), content }
    },
    catch: (cause) =>
      usage(`${path} cannot be attached: ${(cause as Error).message}`, "Put large files into the repository instead.")
  })

/** The ids under which the prompt names them. The same file for the same prompt is the same attachment. */
export const bring = Effect.fnUntraced(function* (
  connection: Connection,
  sessionId: string,
  promptId: string,
  paths: ReadonlyArray<string>
) {
  if (paths.length > attachmentsMax)
    return yield* usage(`${paths.length} files are too many`, `Attach at most ${attachmentsMax}.`)
  const files = yield* Effect.forEach(paths, read)
  const twice = files.find(({ name }, at) => files.findIndex((other) => other.name === name) !== at)
  if (twice) return yield* usage(`two files are called ${twice.name}`, "Rename one: the agent finds them by their names.")
  return yield* Effect.forEach(
    files,
    Effect.fnUntraced(function* ({ name, type, content }) {
      const id = `att_${createHash("sha256").update(`${promptId}\0${name}`).update(content).digest("hex").slice(0, 40)}`
      for (let offset = 0; offset < content.byteLength; offset += pieceBytesMax) {
        const data = content.subarray(offset, offset + pieceBytesMax).toString("base64")
        yield* call(connection, "POST", pathOf(sessionId, "/attachments"), Received, {
          body: { id, name, type, bytes: content.byteLength, offset, data }
        })
      }
      return id
    })
  )
})
