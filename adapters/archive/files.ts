/**
 * The archive as files: `<directory>/<what>/<id>.ndjson.gz`, a row a line, and beside it `<id>.json`, its manifest, with the number
 * of rows and the SHA-256 of the file. Each is written under another name, synced, renamed, and its directory synced; the manifest
 * comes last, so that a file with one is whole. `gzip -dc` reads them; a row is what PostgreSQL's `row_to_json` makes of it.
 */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { mkdir, open, rename, stat } from "node:fs/promises"
import { basename, join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createGzip } from "node:zlib"
import { Effect, Layer } from "effect"
import { Archive, type Archived, RetentionError } from "../../runtime/retention.ts"

const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Whole under its name, or not there. */
const put = async (directory: string, name: string, contents: AsyncIterable<Uint8Array>): Promise<string> => {
  const path = join(directory, name)
  const partial = `${path}.${process.pid}.partial`
  const file = await open(partial, "w", 0o600)
  try {
    for await (const part of contents) await file.write(part)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
  await syncDirectory(directory)
  return path
}

const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash("sha256")
  await pipeline(createReadStream(path), hash)
  return hash.digest("hex")
}

export const layer = (directory: string): Layer.Layer<Archive> =>
  Layer.succeed(
    Archive,
    Archive.of({
      write: ({ id, what }, rows, atMs) =>
        Effect.tryPromise({
          try: async (): Promise<Archived> => {
            const shelf = join(directory, what)
            await mkdir(shelf, { recursive: true, mode: 0o700 })
            let count = 0
            const lines = async function* () {
              for await (const some of rows) {
                count += some.length
                yield some.map((line) => `${line}\n`).join("")
              }
            }
            const zipped = createGzip()
            const [path] = await Promise.all([put(shelf, `${id}.ndjson.gz`, zipped), pipeline(Readable.from(lines()), zipped)])
            const archived = { file: path, rows: count, bytes: (await stat(path)).size, sha256: await sha256Of(path) }
            const manifest = { id, what, ...archived, file: basename(path), writtenAt: new Date(atMs).toISOString() }
            await put(shelf, `${id}.json`, Readable.from([Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)]))
            return archived
          },
          catch: (cause) =>
            cause instanceof RetentionError
              ? cause
              : new RetentionError({
                  reason: "archive",
                  message: `${directory} cannot be written (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`
                })
        })
    })
  )
