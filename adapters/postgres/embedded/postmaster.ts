/**
 * The server process: launched, found again, asked, stopped. It has a session of its own, so that a Ctrl-C is ours to hear and it
 * outlives our crash; then `findOrphan` takes it over, or ends it when it does not answer within 5 s. `stop` gives it 10 s.
 */
import { spawn } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Deferred, Effect, Schedule } from "effect"
import { client } from "../pool.ts"
import type { Binaries } from "./binaries.ts"
import { type EmbeddedError, embeddedError, fileError } from "./error.ts"
import { type Place, withLog } from "./place.ts"
import { isPostgresOf, postgresIn, signal, startOf } from "./processes.ts"

/** A recovery after a crash replays at most max_wal_size of 1 GB. */
const readyTimeoutMs = 120_000
const readyPollMs = 20
const orphanAnswerMs = 5_000
const questionTimeoutMs = 2_000
const stopTimeoutMs = 10_000
/** Between looks at a server that is not our child, so that its end reaches us as no event. */
const exitPollMs = 100
const complaintBytesMax = 4_096

export type Settings = Readonly<Record<string, string>>

export interface Postmaster {
  readonly pid: number
  readonly exited: Effect.Effect<void>
  /** Never reaches another process that was given its pid. */
  readonly kill: (signal: NodeJS.Signals) => boolean
  /** Why it ended, from what it said since it began. */
  readonly complaint: () => EmbeddedError
}

const defaults: Settings = {
  listen_addresses: "",
  port: "5432",
  unix_socket_permissions: "0700",
  fsync: "on",
  synchronous_commit: "on",
  max_connections: "100",
  shared_buffers: "128MB",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "off",
  // Values and statements, which may hold what people wrote, stay out of the log.
  log_min_error_statement: "panic",
  log_error_verbosity: "terse"
}

const readOrNull = (file: string): string | null => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return null
  }
}

const pidFiles = (place: Place) => [join(place.cluster, "postmaster.pid"), place.socketLock]

/**
 * A lock file whose pid lives again as another process would keep the server from starting. With our own pid, its parent's, it
 * counts as left over, and the server still looks whether anyone holds the memory that it names.
 */
const disown = (place: Place): void => {
  for (const file of pidFiles(place)) {
    const text = readOrNull(file)
    if (text === null) continue
    const pid = Number.parseInt(text, 10)
    if (Number.isNaN(pid)) rmSync(file, { force: true })
    else if (startOf(pid) !== null) writeFileSync(file, text.replace(/^-?\d+/, String(process.pid)))
  }
}

const complaintIn = (place: Place, offset: number): EmbeddedError => {
  const said = (readOrNull(place.log) ?? "").slice(offset).slice(-complaintBytesMax)
  if (/No space left on device/.test(said)) return fileError(place.root, { code: "ENOSPC" })
  if (/shared memory block .* still in use|lock file .* already exists/.test(said)) {
    return embeddedError("in-use", `processes of an earlier server still hold ${place.cluster}; end them`)
  }
  // Not what it told those who came too early, us among them.
  const problem =
    said
      .replaceAll(/FATAL: +the database system is .*/g, "")
      .match(/(?:FATAL|PANIC|error): +.*/g)
      ?.at(-1) ?? "it ended without a word"
  return embeddedError("failed", `${problem} (more in ${place.log})`)
}

/** Starts the server; it does not answer yet. */
export const launch = (place: Place, binaries: Binaries, settings: Settings): Effect.Effect<Postmaster, EmbeddedError> =>
  withLog(place, (log, offset) => {
    disown(place)
    const sockets = `"${place.sockets.replaceAll('"', '""')}"`
    const all = { ...defaults, ...settings, unix_socket_directories: sockets }
    const options = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])
    const invocation = binaries.invoke("postgres", ["-D", place.cluster, ...options])
    const exited = Deferred.makeUnsafe<void>()
    const end = () => Deferred.doneUnsafe(exited, Effect.void)
    const child = spawn(invocation.file, invocation.args, { ...invocation.options, detached: true, stdio: ["ignore", log, log] })
    child.once("error", end).once("exit", end)
    return {
      pid: child.pid ?? 0,
      exited: Deferred.await(exited),
      kill: (signal) => child.kill(signal),
      complaint: () => complaintIn(place, offset)
    }
  })

/** Does a server of this very cluster answer? */
const answers = (place: Place): Effect.Effect<boolean> =>
  Effect.acquireUseRelease(
    Effect.sync(() => client(place.url, { max: 1 })),
    (sql) => Effect.tryPromise(() => sql`select current_setting('data_directory') as directory`),
    (sql) => Effect.promise(() => sql.end({ timeout: 0 }))
  ).pipe(
    Effect.timeout(questionTimeoutMs),
    Effect.map(([row]) => row?.directory === place.cluster),
    Effect.catch(() => Effect.succeed(false))
  )

const answered = (place: Place) =>
  answers(place).pipe(Effect.repeat({ until: (isThere) => isThere, schedule: Schedule.spaced(readyPollMs) }), Effect.asVoid)

/** Waits until it answers; fails when it ends instead, or takes too long. */
export const ready = (place: Place, postmaster: Postmaster): Effect.Effect<void, EmbeddedError> =>
  answered(place).pipe(
    Effect.raceFirst(Effect.flatMap(postmaster.exited, () => Effect.fail(postmaster.complaint()))),
    Effect.timeoutOrElse({ duration: readyTimeoutMs, orElse: () => Effect.fail(postmaster.complaint()) })
  )

/** Ends it in order, rolling back what is open; the hard way after 10 s. */
export const stop = Effect.fn("stop")(function* ({ pid, exited, kill }: Postmaster) {
  if (!kill("SIGINT")) return
  yield* exited.pipe(
    Effect.timeoutOrElse({
      duration: stopTimeoutMs,
      orElse: () =>
        Effect.logWarning(`PostgreSQL (pid ${pid}) did not stop within ${stopTimeoutMs / 1000} s and is killed`).pipe(
          Effect.andThen(Effect.sync(() => kill("SIGKILL"))),
          Effect.andThen(Effect.timeoutOption(exited, stopTimeoutMs))
        )
    })
  )
})

/**
 * Ends the processes of a postmaster that was killed. Most end by themselves; one that its client keeps busy never looks whether
 * its postmaster is there, and no other can start before it ends. What they have not committed is rolled back, as in any crash.
 */
export const endLeftovers = ({ cluster }: Place): void => {
  for (const pid of postgresIn(cluster)) signal(pid, "SIGQUIT")
}

/** The server that a crash of ours left running on this cluster, if it answers; otherwise it is stopped. */
export const findOrphan = Effect.fn("findOrphan")(function* (place: Place) {
  const pid = Number.parseInt(readOrNull(pidFiles(place)[0]!) ?? "", 10)
  const start = startOf(pid)
  if (start === null || !isPostgresOf(pid, place.cluster)) return null

  const exited = Effect.sync(() => startOf(pid) !== start).pipe(
    Effect.repeat({ until: (isGone) => isGone, schedule: Schedule.spaced(exitPollMs) }),
    Effect.asVoid
  )
  const kill: Postmaster["kill"] = (signal) => startOf(pid) === start && process.kill(pid, signal)
  const orphan: Postmaster = { pid, exited, kill, complaint: () => embeddedError("failed", `see ${place.log}`) }
  const isAlive = yield* answered(place).pipe(
    Effect.as(true),
    Effect.raceFirst(Effect.as(exited, false)),
    Effect.timeoutOrElse({ duration: orphanAnswerMs, orElse: () => Effect.succeed(false) })
  )
  if (isAlive) return orphan
  yield* Effect.logWarning(`PostgreSQL (pid ${pid}) of an earlier server does not answer and is stopped`)
  yield* stop(orphan)
  return null
})
