/**
 * One server per data directory. A contender first leaves a file that names its process, then looks for others: of two at once
 * at least one sees the other, so there are never two owners; who sees another steps back and tries again after an uneven pause.
 * What a `kill -9` leaves names a process that is gone, by pid and start time, and whoever comes next removes it.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Random, Schedule } from "effect"
import { type EmbeddedError, embeddedError, fileError } from "./error.ts"
import { startOf } from "./processes.ts"

const claimTries = 4
const claimPauseMs = 100

const lockFile = /^server-(\d+)-(\w+)\.lock$/

/** Pid of a living process that claims `directory`, other than through `ours`. */
const otherClaim = (directory: string, ours: string): number | null => {
  for (const name of readdirSync(directory)) {
    const [, pid, start] = lockFile.exec(name) ?? []
    if (pid === undefined || name === ours) continue
    if (startOf(Number(pid)) === start) return Number(pid)
    rmSync(join(directory, name), { force: true })
  }
  return null
}

const inUse = (directory: string, pid: number) =>
  embeddedError(
    "in-use",
    `another server (pid ${pid}) uses this data directory, ${directory}; stop it or change PROLIFERATE_DATA`
  )

const claim = (directory: string): Effect.Effect<string, EmbeddedError> => {
  const name = `server-${process.pid}-${startOf(process.pid)}.lock`
  const path = join(directory, name)
  return Effect.try({
    try: () => {
      if (existsSync(path)) return process.pid
      writeFileSync(path, "")
      const other = otherClaim(directory, name)
      if (other !== null) rmSync(path, { force: true })
      return other
    },
    catch: (cause) => fileError(directory, cause)
  }).pipe(Effect.flatMap((other) => (other === null ? Effect.succeed(path) : Effect.fail(inUse(directory, other)))))
}

/** Owns `directory` until the scope closes. */
export const own = (directory: string) =>
  Effect.acquireRelease(
    claim(directory).pipe(
      Effect.tapError(() => Effect.flatMap(Random.nextIntBetween(claimPauseMs, 2 * claimPauseMs), Effect.sleep)),
      Effect.retry({ while: ({ reason }) => reason === "in-use", schedule: Schedule.recurs(claimTries - 1) })
    ),
    (path) => Effect.sync(() => rmSync(path, { force: true }))
  )
