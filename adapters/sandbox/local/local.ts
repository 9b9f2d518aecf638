/**
 * Sandboxes on this host. Promises: keyed as the port says, found again after any crash, nothing inside reaches the host but by
 * its two sockets, and no sandbox at all where none can be kept apart. Life of one: life.ts; disks: layers.ts.
 */
import { existsSync, realpathSync } from "node:fs"
import { chmod, mkdir, readdir, stat } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { Effect, Layer } from "effect"
import { Sandboxes } from "../../../actors/ports/sandboxes.ts"
import { makeLock } from "../locks.ts"
import { findCgroups } from "./cgroup.ts"
import { makeDirectory, readRecord } from "./disk.ts"
import { attempt, failed, provider, within } from "./failure.ts"
import { askHealth } from "./health.ts"
import { daemonCommand, writeInside } from "./inside.ts"
import type { Isolation } from "./isolation.ts"
import { layerOf, makeLayers } from "./layers.ts"
import { infoOf, makeLife } from "./life.ts"
import * as limits from "./limits.ts"
import { watchMemory } from "./memory-watch.ts"
import { hostOfSandbox, openPlace } from "./place.ts"
import { findIsolation } from "./probe.ts"
import { makeProxies } from "./proxies.ts"
import { isId, SandboxRecord } from "./records.ts"
import { filterFor } from "./seccomp/filter.ts"
import { makeTrash } from "./trash.ts"

export interface LocalOptions {
  /** Absolute. Everything is below it, but for sockets whose path would be too long. */
  readonly dataDir: string
  /** Where layers and snapshots are, if several servers of this host share them. */
  readonly sharedDir?: string
  /** The bundle with the daemon. By default the one that the bootstrap builds. */
  readonly bundle?: string
  /** Where agents are installed; every sandbox sees it, read-only. */
  readonly agentsDir?: string
  /** What runs inside, by paths inside: by default the bundle's daemon. */
  readonly daemonCommand?: ReadonlyArray<string>
  /** Only this one, or none. By default bubblewrap where it works, else util-linux; `unsafe` never by itself. */
  readonly isolation?: Isolation["name"]
  /** Sandboxes may make user namespaces of their own: seccomp/filter.ts says what this costs. */
  readonly nested?: boolean
  readonly memoryBytesMax?: number
  readonly processesMax?: number
  readonly fileBytesMax?: number
  readonly cpusMax?: number
}

/** Sandboxes run as another user, and a directory that was made for its owner alone would look empty to them. */
const openToAll = async (directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true })
  const { mode } = await stat(directory)
  if ((mode & 0o005) !== 0o005) await chmod(directory, (mode & 0o777) | 0o055)
}

const builtBundle = fileURLToPath(new URL("../../../cli/dist/proliferate.mjs", import.meta.url))

const placeOf = ({ dataDir, isolation, sharedDir }: Pick<LocalOptions, "dataDir" | "isolation" | "sharedDir">) =>
  openPlace(dataDir, process.geteuid!() === 0 && isolation !== "unsafe", sharedDir)

const make = Effect.fn("LocalSandboxes.make")(function* (options: LocalOptions) {
  const {
    memoryBytesMax = limits.memoryBytesMax,
    processesMax = limits.processesMax,
    fileBytesMax = limits.fileBytesMax,
    cpusMax = limits.cpusMax(availableParallelism())
  } = options
  const { agentsDir, bundle = builtBundle, daemonCommand: command = daemonCommand } = options

  const place = yield* placeOf(options)
  const filter = filterFor(process.arch, options.nested ?? false)
  yield* writeInside(place, filter)
  const trash = yield* makeTrash(place)
  const cgroups = yield* findCgroups(place.prefix, { memoryBytesMax, processesMax, cpusMax })
  const { isolation, driver } = yield* findIsolation({ place, trash, cgroups: cgroups.name, filter }, options.isolation)
  const layers = yield* makeLayers(place, driver, trash)
  const proxies = yield* makeProxies(place)
  const programs = Effect.gen(function* () {
    const hasBundle = existsSync(bundle)
    if (!hasBundle && command === daemonCommand) {
      return yield* failed(
        "rejected",
        `There is no daemon to run in sandboxes: ${bundle} is missing. Build it with \`node cli/bootstrap.mjs\`.`
      )
    }
    if (agentsDir !== undefined) yield* attempt(`open ${agentsDir} to sandboxes`, () => openToAll(agentsDir))
    return {
      node: realpathSync(process.execPath),
      bundle: hasBundle ? realpathSync(bundle) : null,
      agents: agentsDir === undefined ? null : realpathSync(agentsDir)
    }
  })
  const life = makeLife({
    place,
    isolation,
    driver,
    programs,
    command,
    rlimits: { fileBytesMax, processesMax },
    isFiltered: filter !== null,
    tmpBytesMax: cgroups.countsMemory ? limits.tmpBytesMax(memoryBytesMax) : limits.tmpUncountedBytesMax,
    cgroups,
    layers,
    trash,
    proxies
  })
  const lock = makeLock()

  const recordOf = (sandboxId: string) =>
    isId(sandboxId) ? readRecord(place.box(sandboxId).record, SandboxRecord) : Effect.succeed(null)
  const knownOf = Effect.fnUntraced(function* (sandboxId: string) {
    const record = yield* recordOf(sandboxId)
    return record ?? (yield* failed("not-found", `There is no sandbox ${sandboxId} on this host.`))
  })

  const runningOf = Effect.fnUntraced(function* (sandboxId: string) {
    const record = yield* knownOf(sandboxId)
    if ((yield* life.living(record)) === null) return yield* failed("not-found", `Sandbox ${sandboxId} does not run.`)
  })

  const names = attempt("list the sandboxes", () => readdir(place.sandboxes)).pipe(
    Effect.map((all) => all.filter((name) => isId(name)))
  )
  const records = Effect.gen(function* () {
    const found = yield* Effect.forEach(yield* names, (name) => Effect.result(recordOf(name)), { concurrency: 8 })
    for (const result of found) if (result._tag === "Failure") yield* Effect.logError(result.failure.message)
    return found.flatMap((result) => (result._tag === "Success" && result.success !== null ? [result.success] : []))
  })

  /** Runs with a daemon that answers, whatever it was before. True: it had to be started. */
  const ensure = Effect.fnUntraced(function* (record: SandboxRecord) {
    if ((yield* life.living(record)) !== null) {
      if ((yield* Effect.result(life.awaitDaemon(record)))._tag === "Success") {
        yield* life.openProxy(record)
        return false
      }
      yield* life.halt(record)
    }
    yield* life.start(record)
    return true
  })

  const obliterate = Effect.fnUntraced(function* (sandboxId: string) {
    const record = yield* recordOf(sandboxId)
    if (record !== null) yield* life.halt(record)
    yield* life.remove(sandboxId)
  })

  const create = Effect.fnUntraced(function* (record: Omit<SandboxRecord, "layers">, snapshotId: string | null) {
    yield* life.spare
    // Left by a crash before the record was written.
    yield* life.remove(record.sandboxId)
    yield* layers.withStack(snapshotId, (stack) =>
      attempt("make a sandbox", () => makeDirectory(place.box(record.sandboxId).directory, 0o711)).pipe(
        Effect.andThen(life.save({ ...record, layers: stack }))
      )
    )
  })

  const provision = Effect.fn("LocalSandboxes.provision")(
    function* (request: {
      readonly key: string
      readonly org: string
      readonly sessionId: string
      readonly snapshotId: string | null
    }) {
      const { key, org, sessionId, snapshotId } = request
      const sandboxId = place.idOf("sbx", key)
      const body = Effect.gen(function* () {
        if ((yield* recordOf(sandboxId)) === null) {
          yield* create(
            { version: 1, sandboxId, org, sessionId, key, driver, ready: false, launched: null, capturing: null },
            snapshotId
          )
        }
        const record = yield* knownOf(sandboxId)
        if (record.org !== org || record.sessionId !== sessionId) {
          return yield* failed("rejected", "This key was used for another session's sandbox.")
        }
        yield* ensure(record).pipe(
          // One that never answered has nothing to lose, and under its next key nobody would know of it.
          Effect.tapError(() => (record.ready ? Effect.void : Effect.ignore(obliterate(sandboxId))))
        )
        return { sandboxId }
      })
      return yield* lock(sandboxId)(body)
    },
    within(limits.provisionMs, "start a sandbox")
  )

  const capture = Effect.fn("LocalSandboxes.capture")(
    function* (sandboxId: string, key: string) {
      const snapshotId = layers.snapshotIdOf(sandboxId, key)
      const body = Effect.gen(function* () {
        const record = yield* knownOf(sandboxId)
        if (record.capturing?.snapshotId !== snapshotId && (yield* layers.snapshot(snapshotId)) !== null) {
          return { snapshotId, stopped: (yield* life.living(record)) === null }
        }
        if (record.layers.includes(layerOf(snapshotId))) {
          return yield* failed("rejected", "The snapshot of this capture was discarded. Capture again under another key.")
        }
        yield* life.halt(record)
        const settled = yield* layers.settle(record)
        if (record.capturing?.snapshotId !== snapshotId) {
          const capturing: SandboxRecord = { ...settled, launched: null, capturing: { snapshotId, key } }
          yield* life.save(capturing)
          yield* layers.settle(capturing)
        }
        return { snapshotId, stopped: true }
      })
      return yield* lock(sandboxId)(body)
    },
    within(limits.captureMs, "capture a sandbox")
  )

  // Those of a server before us: their sockets on our side went with it; what never got a record is nobody's.
  const before = yield* records
  for (const record of before) if ((yield* life.living(record)) !== null) yield* life.openProxy(record)
  for (const name of yield* names)
    if ((yield* Effect.orElseSucceed(recordOf(name), () => name)) === null) yield* life.remove(name)
  yield* layers.sweep
  if (!cgroups.countsMemory && isolation.name !== "unsafe") {
    const namespaces = Effect.gen(function* () {
      const running = yield* Effect.forEach(yield* records, life.living, { concurrency: 8 })
      return running.flatMap((living) => living?.namespace ?? [])
    })
    yield* Effect.forkScoped(watchMemory(namespaces, memoryBytesMax))
  }
  yield* Effect.logInfo("sandboxes are local", { isolation: isolation.name, disks: driver, limits: cgroups.name, uid: place.uid })

  return Sandboxes.of({
    provider,
    isolation: isolation.name,
    provision,
    capture,
    revive: Effect.fn("LocalSandboxes.revive")(
      function* (sandboxId) {
        const stateLost = yield* lock(sandboxId)(Effect.flatMap(knownOf(sandboxId), ensure))
        return { stateLost }
      },
      within(limits.provisionMs, "revive a sandbox")
    ),
    status: Effect.fn("LocalSandboxes.status")(
      function* (sandboxId) {
        const record = yield* recordOf(sandboxId)
        if (record === null) return "gone"
        if ((yield* life.living(record)) === null) return "stopped"
        yield* askHealth(place.run(sandboxId).daemonSocket).pipe(Effect.retry({ times: 1 }))
        return "running"
      },
      within(limits.healthMs, "ask for a sandbox's status")
    ),
    extend: Effect.fn("LocalSandboxes.extend")(
      (sandboxId) => Effect.as(runningOf(sandboxId), null),
      within(limits.healthMs, "ask for a sandbox's end")
    ),
    endpoint: Effect.fn("LocalSandboxes.endpoint")(
      function* (sandboxId) {
        yield* runningOf(sandboxId)
        return { socketPath: place.run(sandboxId).daemonSocket }
      },
      within(limits.healthMs, "find a sandbox's daemon")
    ),
    destroy: Effect.fn("LocalSandboxes.destroy")(
      function* (sandboxId) {
        if (!isId(sandboxId)) return
        yield* lock(sandboxId)(obliterate(sandboxId))
        yield* layers.sweep
      },
      within(limits.destroyMs, "destroy a sandbox")
    ),
    discard: (snapshotId) => layers.discard(snapshotId).pipe(within(limits.destroyMs, "discard a snapshot")),
    list: records.pipe(
      Effect.map((found) => found.map(infoOf)),
      within(limits.healthMs, "list the sandboxes")
    )
  })
})

export const LocalSandboxes = {
  layer: (options: LocalOptions) => Layer.effect(Sandboxes, make(options)),
  /** What the ids of its sandboxes begin with. */
  host: (options: Pick<LocalOptions, "dataDir" | "isolation" | "sharedDir">) => Effect.map(placeOf(options), ({ host }) => host),
  hostOf: hostOfSandbox
}
