/**
 * Evidence as files below one directory, `<organisation>/<session>/<key>/`: its files by their numbers, never by names that a sandbox
 * gave them, and `evidence.json`, written last. What nobody has added to for 90 days is removed when the server starts.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Clock, Effect, Layer, Schema } from "effect"
import {
  Evidence,
  EvidenceError,
  EvidenceStore,
  evidenceFileBytesMax,
  evidenceFilesMax,
  evidencePieceBytesMax,
  type Owner
} from "../../actors/ports/evidence.ts"

const keptMs = 90 * 24 * 3_600_000
const manifest = "evidence.json"

const parse = Schema.decodeUnknownSync(Schema.fromJsonString(Evidence))
const fail = (reason: EvidenceError["reason"], message: string) => new EvidenceError({ reason, message })

const reach = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      cause instanceof EvidenceError
        ? cause
        : fail(
            "unavailable",
            `evidence cannot be stored or read on the server (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`
          )
  })

const none = (cause: NodeJS.ErrnoException) => {
  if (cause.code === "ENOENT") return null
  throw cause
}

const sweep = async (directory: string, nowMs: number) => {
  for (const org of await readdir(directory))
    for (const session of await readdir(join(directory, org))) {
      const path = join(directory, org, session)
      if (nowMs - (await stat(path)).mtimeMs > keptMs) await rm(path, { recursive: true, force: true })
    }
}

export const layer = (directory: string): Layer.Layer<EvidenceStore, EvidenceError> =>
  Layer.effect(
    EvidenceStore,
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      yield* reach(async () => {
        await mkdir(directory, { recursive: true, mode: 0o700 })
        await sweep(directory, nowMs)
      })
      const shelfOf = ({ org, sessionId }: Owner) => join(directory, encodeURIComponent(org), encodeURIComponent(sessionId))
      const placeOf = (owner: Owner, key: string) => join(shelfOf(owner), encodeURIComponent(key))

      const find = async (owner: Owner, key: string): Promise<Evidence | null> => {
        const text = await readFile(join(placeOf(owner, key), manifest), "utf8").catch(none)
        return text === null ? null : parse(text)
      }

      const put = async (owner: Owner, key: string, file: number, offset: number, bytes: Uint8Array) => {
        if (file >= evidenceFilesMax || offset + bytes.byteLength > evidenceFileBytesMax)
          throw fail("invalid", `evidence has at most ${evidenceFilesMax} files of ${evidenceFileBytesMax / 1_048_576} MB each`)
        const place = placeOf(owner, key)
        await mkdir(place, { recursive: true, mode: 0o700 })
        const handle = await open(join(place, String(file)), offset === 0 ? "w" : "r+", 0o600)
        try {
          await handle.write(bytes, 0, bytes.byteLength, offset)
          await handle.sync()
        } finally {
          await handle.close()
        }
      }

      return EvidenceStore.of({
        put: (owner, key, file, offset, bytes) => reach(() => put(owner, key, file, offset, bytes)),
        seal: (owner, evidence) =>
          reach(async () => {
            const path = join(placeOf(owner, evidence.key), manifest)
            await writeFile(`${path}.new`, JSON.stringify(evidence), { mode: 0o600, flush: true })
            await rename(`${path}.new`, path)
          }),
        drop: (owner, key) => reach(() => rm(placeOf(owner, key), { recursive: true, force: true })),
        find: (owner, key) => reach(() => find(owner, key)),
        list: (owner) =>
          reach(async () => {
            const keys = (await readdir(shelfOf(owner)).catch(none)) ?? []
            const all = await Promise.all(keys.map((key) => find(owner, decodeURIComponent(key))))
            return all.filter((one) => one !== null).sort((a, b) => b.atMs - a.atMs)
          }),
        read: (owner, key, file, offset) =>
          reach(async () => {
            const handle = await open(join(placeOf(owner, key), String(file)), "r").catch(none)
            if (handle === null) throw fail("missing", `evidence ${key} has no file ${file}`)
            try {
              const { buffer, bytesRead } = await handle.read(
                Buffer.alloc(evidencePieceBytesMax),
                0,
                evidencePieceBytesMax,
                offset
              )
              return buffer.subarray(0, bytesRead)
            } finally {
              await handle.close()
            }
          })
      })
    })
  )
