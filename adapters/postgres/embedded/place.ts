/**
 * What lies where in the data directory of the embedded PostgreSQL:
 *
 *   cluster/            the database, 0700
 *   run/                its socket, 0700; in /tmp where the path would not fit a socket address
 *   postgres.log        what it says, emptied at a start that finds it above 10 MB
 *   server-*.lock       who owns all this (owner.ts)
 */
import { createHash } from "node:crypto"
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmSync
} from "node:fs"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { socketUrl } from "../pool.ts"
import { type EmbeddedError, embeddedError, fileError } from "./error.ts"

/** Of a unix socket's address; the last byte is its end. */
const socketPathBytesMax = 107
/** PostgreSQL holds paths in 1,024 bytes, and its longest own file name needs some. */
const rootBytesMax = 900
const logBytesMax = 10 * 1024 * 1024

/** Whom the server's files belong to, where that is not us. */
export type Owner = { readonly uid: number; readonly gid: number } | null

export interface Place {
  readonly root: string
  readonly cluster: string
  readonly sockets: string
  readonly socketLock: string
  readonly log: string
  readonly url: string
}

const trying = <A>(directory: string, attempt: () => A): Effect.Effect<A, EmbeddedError> =>
  Effect.try({ try: attempt, catch: (cause) => fileError(directory, cause) })

const fits = (sockets: string) => Buffer.byteLength(join(sockets, ".s.PGSQL.5432")) <= socketPathBytesMax

const socketsIn = (root: string): string => {
  const near = join(root, "run")
  if (fits(near)) return near
  const digest = createHash("sha256").update(root).digest("hex").slice(0, 16)
  return `/tmp/proliferate-${process.getuid?.() ?? ""}-${digest}`
}

/** Without a mode: parents made on the way must stay open to the user that the server may have to run as. */
const makeDirectory = (directory: string): void => {
  try {
    mkdirSync(directory, { recursive: true })
  } catch {
    // Of a read-only disk Node says here that something is missing; of the first missing one it says why.
    let missing = directory
    while (!existsSync(dirname(missing))) missing = dirname(missing)
    mkdirSync(missing)
  }
}

/** The data directory, made where it is missing. */
export const findPlace = Effect.fn("findPlace")(function* (dataDir: string) {
  yield* trying(dataDir, () => makeDirectory(dataDir))
  const root = yield* trying(dataDir, () => realpathSync(dataDir))
  if (Buffer.byteLength(root) > rootBytesMax) {
    return yield* embeddedError("directory", `the path ${root.slice(0, 60)}… is longer than ${rootBytesMax} bytes`)
  }
  const sockets = socketsIn(root)
  const place: Place = {
    root,
    cluster: join(root, "cluster"),
    sockets,
    socketLock: join(sockets, ".s.PGSQL.5432.lock"),
    log: join(root, "postgres.log"),
    url: socketUrl(sockets, "postgres")
  }
  return place
})

/** Makes the directory of the socket, ours alone; one in /tmp is removed when the scope closes. */
export const openSockets = ({ root, sockets }: Place, owner: Owner) =>
  Effect.acquireRelease(
    trying(sockets, () => mkdirSync(sockets, { recursive: true, mode: 0o700 })).pipe(
      Effect.flatMap(() => trying(sockets, () => lstatSync(sockets))),
      Effect.filterOrFail(
        // In /tmp someone may have made it before us, to answer in the server's name.
        (stat) => stat.isDirectory() && [process.getuid?.(), owner?.uid].includes(stat.uid),
        () => embeddedError("directory", `${sockets} belongs to someone else; remove it`)
      ),
      Effect.flatMap(() =>
        trying(sockets, () => {
          chmodSync(sockets, 0o700)
          if (owner !== null) chownSync(sockets, owner.uid, owner.gid)
        })
      )
    ),
    () => Effect.sync(() => sockets.startsWith(root) || rmSync(sockets, { recursive: true, force: true }))
  )

/** A descriptor to append to, for `use` alone. */
export const withLog = <A>(
  { root, log }: Place,
  use: (descriptor: number, offset: number) => A
): Effect.Effect<A, EmbeddedError> =>
  trying(root, () => {
    const descriptor = openSync(log, "a", 0o600)
    try {
      if (fstatSync(descriptor).size > logBytesMax) ftruncateSync(descriptor)
      return use(descriptor, fstatSync(descriptor).size)
    } finally {
      closeSync(descriptor)
    }
  })
