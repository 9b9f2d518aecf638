/**
 * The life of one sandbox: its disk, its processes, its sockets. All that is known of it is its record on disk and what /proc
 * says, so a server that comes after a crash knows as much as the one before. Callers hold the sandbox's lock.
 *
 *   (nothing) ──create──▶ stopped ──start──▶ running ──halt, crash, host restart──▶ stopped ──remove──▶ (nothing)
 */
import { link, lstat, readFile, rm, symlink } from "node:fs/promises"
import { Effect, Schedule } from "effect"
import type { SandboxError, SandboxInfo } from "../../../actors/ports/sandboxes.ts"
import { type Cgroups, removeGroups } from "./cgroup.ts"
import { freeBytes, makeDirectory, orMissing, writeRecord } from "./disk.ts"
import { attempt, failed } from "./failure.ts"
import { askHealth } from "./health.ts"
import { proxyLink } from "./inside.ts"
import { type Isolation, type Programs, type Rlimits, startLine } from "./isolation.ts"
import { launch } from "./launch.ts"
import type { Layers } from "./layers.ts"
import * as limits from "./limits.ts"
import type { Place } from "./place.ts"
import { kill, type Living, livingOf } from "./processes.ts"
import type { Proxies } from "./proxies.ts"
import { type Driver, SandboxRecord } from "./records.ts"
import type { Trash } from "./trash.ts"
import { endProcesses } from "./unsafe.ts"

export interface World {
  readonly place: Place
  readonly isolation: Isolation
  readonly driver: Driver
  /** Looked for at each start: a new bundle reaches a sandbox when it is started next. */
  readonly programs: Effect.Effect<Programs, SandboxError>
  readonly command: ReadonlyArray<string>
  readonly rlimits: Rlimits
  readonly isFiltered: boolean
  readonly tmpBytesMax: number
  readonly cgroups: Cgroups
  readonly layers: Layers
  readonly trash: Trash
  readonly proxies: Proxies
}

export interface Life {
  readonly save: (record: SandboxRecord) => Effect.Effect<void, SandboxError>
  /** `quota` when the disk has too little left for another sandbox. */
  readonly spare: Effect.Effect<void, SandboxError>
  readonly living: (record: SandboxRecord) => Effect.Effect<Living | null, SandboxError>
  /** From stopped to a daemon that answers. On failure everything that was started is dead again. */
  readonly start: (record: SandboxRecord) => Effect.Effect<SandboxRecord, SandboxError>
  /** Of one that runs, perhaps since a server before us: until its daemon answers. */
  readonly awaitDaemon: (record: SandboxRecord) => Effect.Effect<SandboxRecord, SandboxError>
  readonly openProxy: (record: SandboxRecord) => Effect.Effect<void, SandboxError>
  readonly halt: (record: SandboxRecord) => Effect.Effect<void, SandboxError>
  /** Everything but snapshots; `sandboxId` alone, since its record may never have been written. */
  readonly remove: (sandboxId: string) => Effect.Effect<void, SandboxError>
}

export const infoOf = ({ sandboxId, org, sessionId, key }: SandboxRecord): SandboxInfo => ({ sandboxId, org, sessionId, key })

export const makeLife = (world: World): Life => {
  const { place, layers, trash, proxies, cgroups } = world

  const save = (record: SandboxRecord) => writeRecord(place.box(record.sandboxId).record, SandboxRecord, record)
  const living = (record: SandboxRecord) => livingOf(record.launched, place.box(record.sandboxId))
  const openProxy = (record: SandboxRecord) => proxies.open(infoOf(record), place.run(record.sandboxId).proxySocket)

  /** Of a daemon that did not come up: before it has been told anything, so there is no secret in it. */
  const lastWords = (record: SandboxRecord) =>
    Effect.promise(async () => {
      const log = (await readFile(place.box(record.sandboxId).log, "utf8").catch(() => "")).slice(-limits.logQuotedBytesMax)
      const printable = log.replace(/[^\P{Cc}\n]/gu, "").trim()
      return printable === "" ? "It wrote nothing." : `It wrote: ${printable}`
    })

  /** A fresh one for each start: what a sandbox left in its inbox could be anything. */
  const makeRun = Effect.fn("sandbox.makeRun")(function* (sandboxId: string) {
    const run = place.run(sandboxId)
    yield* proxies.close(sandboxId)
    yield* trash.throwAway(run.directory)
    yield* attempt("make the sockets of a sandbox", async () => {
      await makeDirectory(run.directory, 0o711)
      await makeDirectory(run.proxy, 0o711)
      await makeDirectory(run.inbox, 0o700)
      await symlink(proxyLink, `${run.inbox}/proxy.sock`)
      await place.give(run.inbox)
    })
  })

  /** A second name for the socket; what the sandbox puts in its place later does not change where ours leads. */
  const linkSocket = (sandboxId: string) =>
    attempt("find the daemon's socket", async () => {
      const { daemonSocket, inbox } = place.run(sandboxId)
      if ((await orMissing(lstat(daemonSocket))) !== null) return true
      await orMissing(link(`${inbox}/daemon.sock`, daemonSocket))
      const linked = await orMissing(lstat(daemonSocket))
      if (linked === null || linked.isSocket()) return linked !== null
      await rm(daemonSocket)
      return false
    })

  const awaitDaemon = Effect.fn("sandbox.awaitDaemon")(function* (record: SandboxRecord) {
    const { sandboxId } = record
    const look = Effect.gen(function* () {
      if ((yield* living(record)) === null) {
        return yield* failed("unreachable", `The sandbox ended while it started. ${yield* lastWords(record)}`)
      }
      if (!(yield* linkSocket(sandboxId))) return false
      return yield* askHealth(place.run(sandboxId).daemonSocket).pipe(
        Effect.as(true),
        Effect.orElseSucceed(() => false)
      )
    })
    yield* look.pipe(
      Effect.repeat({ until: (answers) => answers, schedule: Schedule.spaced("10 millis") }),
      Effect.timeoutOrElse({
        duration: limits.healthMs,
        orElse: () =>
          Effect.flatMap(lastWords(record), (words) =>
            Effect.fail(failed("unreachable", `The daemon did not answer for ${limits.healthMs / 1_000} s. ${words}`))
          )
      })
    )
    if (record.ready && record.launched?.init) return record
    const init = (yield* living(record))?.init ?? null
    const ready: SandboxRecord = { ...record, ready: true, launched: record.launched && { ...record.launched, init } }
    yield* save(ready)
    return ready
  })

  const halt = Effect.fn("sandbox.halt")(function* (record: SandboxRecord) {
    yield* kill(record.launched, place.box(record.sandboxId))
    if (world.isolation.name === "unsafe") yield* endProcesses(record.sessionId)
    yield* proxies.close(record.sandboxId)
    yield* removeGroups(record.launched?.groups ?? [])
  })

  /** Sandboxes share the server's disk: one that fills it ends what the others begin, and not the server. */
  const spare = Effect.gen(function* () {
    const free = yield* attempt("look at the disk", () => freeBytes(place.dataDir))
    if (free >= limits.freeBytesMin) return
    const [left, floor] = [free, limits.freeBytesMin].map((bytes) => `${Math.floor(bytes / 1_048_576)} MB`)
    return yield* failed(
      "quota",
      `The disk is full: ${left} of it are free, and no sandbox is started with less than ${floor}. Free some space on it, or point PROLIFERATE_DATA at another disk.`
    )
  })

  const start = Effect.fn("sandbox.start")(function* (stopped: SandboxRecord) {
    yield* spare
    const record = yield* layers.settle(stopped)
    const { sandboxId, sessionId } = record
    if (record.driver === "overlay" && world.driver !== "overlay") {
      return yield* failed(
        "rejected",
        `The disk of sandbox ${sandboxId} is a stack of layers, and this host can no longer mount overlays.`
      )
    }
    yield* layers.prepare(record)
    yield* makeRun(sandboxId)
    yield* openProxy(record)
    const programs = yield* world.programs
    const launched = yield* launch({
      box: place.box(sandboxId),
      argv: startLine({ ...world, programs, sandboxId, sessionId, layers: record.driver === "overlay" ? record.layers : null }),
      enter: (pid) => cgroups.enter(sandboxId, pid),
      remember: (launched) => save({ ...record, launched })
    })
    const started: SandboxRecord = { ...record, launched }
    return yield* awaitDaemon(started).pipe(Effect.tapError(() => Effect.ignore(halt(started))))
  })

  const remove = Effect.fn("sandbox.remove")(function* (sandboxId: string) {
    yield* proxies.close(sandboxId)
    yield* trash.throwAway(place.box(sandboxId).directory)
    yield* trash.throwAway(place.run(sandboxId).directory)
  })

  return { save, spare, living, start, awaitDaemon, openProxy, halt, remove }
}
