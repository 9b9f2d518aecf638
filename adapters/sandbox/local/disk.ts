/**
 * The few file operations that must survive a power cut or a crash between any two of them. After `writeDurably` the file is
 * the old one or the new one, whole; after `renameDurably` the name is on disk in the one place or the other.
 */
import { chmod, mkdir, open, readFile, rename, stat, statfs } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect, Schema } from "effect"
import type { SandboxError } from "../../../actors/ports/sandboxes.ts"
import { attempt, failed } from "./failure.ts"

const isMissing = (cause: unknown): boolean =>
  typeof cause === "object" && cause !== null && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR")

/** Null instead of an error when there is no such file. */
export const orMissing = <A>(promise: Promise<A>): Promise<A | null> =>
  promise.catch((cause) => {
    if (isMissing(cause)) return null
    throw cause
  })

/** What this user may still write on the disk that holds `path`. */
export const freeBytes = async (path: string): Promise<number> => {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}

export const exists = async (path: string): Promise<boolean> => (await orMissing(stat(path))) !== null

const syncDirectory = async (path: string) => {
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export const writeDurably = async (path: string, content: string | Uint8Array, mode = 0o600): Promise<void> => {
  const handle = await open(`${path}.new`, "w", mode)
  try {
    await handle.chmod(mode)
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}.new`, path)
  await syncDirectory(dirname(path))
}

export const renameDurably = async (from: string, to: string): Promise<void> => {
  await rename(from, to)
  await syncDirectory(dirname(to))
  if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from))
}

/** With this mode, whatever the umask. */
export const makeDirectory = async (path: string, mode: number): Promise<void> => {
  await mkdir(path, { recursive: true, mode })
  await chmod(path, mode)
}

/** Null when there is none. One that does not decode was written by other hands: `rejected`, and its path is told. */
export const readRecord = Effect.fnUntraced(function* <A>(path: string, schema: Schema.Codec<A, any>) {
  const text = yield* attempt(`read ${path}`, () => orMissing(readFile(path, "utf8")))
  if (text === null) return null
  return yield* Schema.decodeEffect(Schema.fromJsonString(schema))(text).pipe(
    Effect.mapError((error) => failed("rejected", `${path} is not a record of ours: ${error.message}`))
  )
})

export const writeRecord = <A>(path: string, schema: Schema.Codec<A, any>, record: A): Effect.Effect<void, SandboxError> =>
  attempt(`write ${path}`, () => writeDurably(path, `${JSON.stringify(Schema.encodeSync(schema)(record), null, 2)}\n`))
