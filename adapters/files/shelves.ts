/**
 * Files of sessions below one directory, `<organisation>/<session>/<box>/`: a box is what was kept together. A shelf on which nobody
 * has put a box for so long is removed when the server starts; several may start on one directory at once.
 */
import { randomUUID } from "node:crypto"
import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"

export interface Owner {
  readonly org: string
  readonly sessionId: string
}

/** Null for what is not there; another server may have removed it a moment ago. */
export const orNone = (cause: NodeJS.ErrnoException): null => {
  if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return null
  throw cause
}

interface KeepingError {
  readonly reason: "invalid" | "missing" | "unavailable"
  readonly message: string
}

/** Runs what reaches for the disk. Its own error comes as it is; any other says that `what` cannot be stored or read. */
export const reaching =
  <E extends KeepingError>(what: string, Failure: new (error: KeepingError) => E) =>
  <A>(run: () => Promise<A>): Effect.Effect<A, E> =>
    Effect.tryPromise({
      try: run,
      catch: (cause) => {
        if (cause instanceof Failure) return cause
        const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message
        return new Failure({ reason: "unavailable", message: `${what} cannot be stored or read on the server (${why})` })
      }
    })

const sweep = async (directory: string, beforeMs: number): Promise<void> => {
  for (const org of await readdir(directory))
    for (const session of (await readdir(join(directory, org)).catch(orNone)) ?? []) {
      const path = join(directory, org, session)
      const seen = await stat(path).catch(orNone)
      if (seen !== null && seen.mtimeMs < beforeMs) await rm(path, { recursive: true, force: true })
    }
}

export interface Shelves {
  /** Its place on the disk. */
  readonly boxOf: (owner: Owner, box: string) => string
  /** Names of the boxes of a session. */
  readonly boxes: (owner: Owner) => Promise<ReadonlyArray<string>>
}

export const openShelves = async (directory: string, keptMs: number, nowMs: number): Promise<Shelves> => {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await sweep(directory, nowMs - keptMs)
  const shelfOf = ({ org, sessionId }: Owner) => join(directory, encodeURIComponent(org), encodeURIComponent(sessionId))
  return {
    boxOf: (owner, box) => join(shelfOf(owner), encodeURIComponent(box)),
    boxes: async (owner) => ((await readdir(shelfOf(owner)).catch(orNone)) ?? []).map(decodeURIComponent)
  }
}

/** One after another of a session: what was counted is what is there when it is written. */
export const inTurns = () => {
  const last = new Map<string, Promise<unknown>>()
  return <A>({ org, sessionId }: Owner, run: () => Promise<A>): Promise<A> => {
    const name = JSON.stringify([org, sessionId])
    const mine = (last.get(name) ?? Promise.resolve()).then(run, run)
    const over = () => {
      if (last.get(name) === mine) last.delete(name)
    }
    last.set(name, mine)
    mine.then(over, over)
    return mine
  }
}

export const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(orNone))?.size ?? 0

/** On the disk when it returns. At 0 the file begins anew. */
export const writeAt = async (box: string, name: string, offset: number, bytes: Uint8Array): Promise<void> => {
  await mkdir(box, { recursive: true, mode: 0o700 })
  const handle = await open(join(box, name), offset === 0 ? "w" : "r+", 0o600)
  try {
    await handle.write(bytes, 0, bytes.byteLength, offset)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** All of it or nothing, whenever the server is killed. */
export const writeWhole = async (box: string, name: string, text: string): Promise<void> => {
  await mkdir(box, { recursive: true, mode: 0o700 })
  // A name of its own: the same may be written twice at once.
  const path = join(box, `${name}.${randomUUID()}`)
  await writeFile(path, text, { mode: 0o600, flush: true })
  await rename(path, join(box, name))
}

/** At most so many bytes from there; null: there is no such file. */
export const readAt = async (box: string, name: string, offset: number, bytesMax: number): Promise<Uint8Array | null> => {
  const handle = await open(join(box, name), "r").catch(orNone)
  if (handle === null) return null
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytesMax), 0, bytesMax, offset)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
