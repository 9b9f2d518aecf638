/**
 * Disks as layers. A layer is a directory that nothing writes any more; a sandbox is a stack of layers and its own changes on
 * top; a snapshot is the name of a stack. Where the kernel cannot stack them, a disk is one layer, copied.
 *
 *   capture   write the intent ─▶ sync ─▶ rename disk to layers/<id> ─▶ write the snapshot ─▶ write the sandbox, intent gone
 *
 *   L1  Ids are made from the sandbox and the key, so that carrying on after a crash between any two steps ends in the same.
 *   L2  A layer is thrown away when no snapshot, sandbox or intent names it; the look and the throw are under one lock with
 *       everything that comes to name a layer. Servers that share layers have no lock together: they see each other's records,
 *       and throw away nothing that is younger than ten minutes.
 *   L3  A snapshot is on disk, data and all, before it is spoken of.
 */
import { mkdir, readdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Semaphore } from "effect"
import type { SandboxError } from "../../../actors/ports/sandboxes.ts"
import { exists, makeDirectory, orMissing, readRecord, renameDurably, writeRecord } from "./disk.ts"
import { attempt, failed } from "./failure.ts"
import { flattenLine } from "./isolation.ts"
import * as limits from "./limits.ts"
import type { Place } from "./place.ts"
import { type Driver, isId, SandboxRecord, SnapshotRecord } from "./records.ts"
import { run } from "./run.ts"
import type { Trash } from "./trash.ts"

export interface Layers {
  /** Null: unknown here. */
  readonly snapshot: (snapshotId: string) => Effect.Effect<SnapshotRecord | null, SandboxError>
  readonly snapshotIdOf: (sandboxId: string, key: string) => string
  /** The stack to start from, written down by `use` before any layer of it can go. */
  readonly withStack: (
    snapshotId: string | null,
    use: (layers: ReadonlyArray<string>) => Effect.Effect<void, SandboxError>
  ) => Effect.Effect<void, SandboxError>
  /** Makes the disk that the record speaks of, if it is not there. */
  readonly prepare: (record: SandboxRecord) => Effect.Effect<void, SandboxError>
  /** Carries the record's capture to its end; nothing may run in the sandbox. */
  readonly settle: (record: SandboxRecord) => Effect.Effect<SandboxRecord, SandboxError>
  readonly discard: (snapshotId: string) => Effect.Effect<void, SandboxError>
  readonly sweep: Effect.Effect<void, SandboxError>
}

/** What a capture freezes; its snapshot stands on it, unless it was flattened. */
export const layerOf = (snapshotId: string) => `lay_${snapshotId.slice(4)}`

const sync = (path: string) => run(["sync", "-f", path], limits.captureMs, "write the disk of a sandbox")

export const makeLayers = Effect.fn("sandbox.makeLayers")(function* (place: Place, driver: Driver, trash: Trash) {
  const naming = Semaphore.makeUnsafe(1)
  /** Layers on their way to their first name. */
  const making = new Set<string>()
  const saveSandbox = (record: SandboxRecord) => writeRecord(place.box(record.sandboxId).record, SandboxRecord, record)

  yield* attempt("make the lowest layer", async () => {
    await makeDirectory(place.layer("empty"), 0o700)
    await place.give(place.layer("empty"))
  })

  const makeFolder = async (path: string, mode: number) => {
    await mkdir(path, { mode }).catch((cause) => {
      if (cause.code !== "EEXIST") throw cause
    })
    await place.give(path)
  }

  const copy = Effect.fnUntraced(function* (from: string, to: string) {
    yield* trash.throwAway(`${to}.new`)
    const how = driver === "reflink" ? "--reflink=always" : "--reflink=auto"
    yield* run(["cp", "-a", how, "--", from, `${to}.new`], limits.provisionMs, "copy the disk of a snapshot")
    yield* sync(`${to}.new`)
    yield* attempt("put the disk of a sandbox in its place", () => renameDurably(`${to}.new`, to))
  })

  const prepare = Effect.fn("layers.prepare")(function* (record: SandboxRecord) {
    const { disk, work, merged, root } = place.box(record.sandboxId)
    const [top] = record.layers
    const isThere = yield* attempt("look at the disk of a sandbox", () => exists(disk))
    if (record.driver !== "overlay" && top !== undefined && !isThere) yield* copy(place.layer(top), disk)
    yield* attempt("make the disk of a sandbox", async () => {
      await makeFolder(disk, 0o700)
      // Above other layers they would hide the rights of those that are there.
      if (top === undefined)
        for (const [name, mode] of [
          ["workspace", 0o755],
          ["home", 0o700]
        ] as const)
          await makeFolder(join(disk, name), mode)
      for (const path of [work, merged, root]) await makeFolder(path, 0o700)
    })
  })

  /** One layer that shows what the stack shows. */
  const flatten = Effect.fn("layers.flatten")(function* (sandboxId: string, stack: ReadonlyArray<string>, id: string) {
    if (yield* attempt("look for a layer", () => exists(place.layer(id)))) return
    const flat = join(place.box(sandboxId).directory, "flat")
    yield* trash.throwAway(flat)
    yield* attempt("make a layer", () => makeFolder(flat, 0o700))
    yield* run(flattenLine(place, sandboxId, stack), limits.captureMs, "flatten the layers of a snapshot")
    yield* sync(flat)
    yield* attempt("put a layer in its place", () => renameDurably(flat, place.layer(id)))
  })

  const settle = Effect.fn("layers.settle")(function* (record: SandboxRecord) {
    if (record.capturing === null) return record
    const { snapshotId, key } = record.capturing
    const layer = layerOf(snapshotId)
    const { disk } = place.box(record.sandboxId)
    const isIn = (path: string) => attempt("look for a layer", () => exists(path))
    const hasChanges = yield* isIn(disk)
    if (!(yield* isIn(place.layer(layer))) && hasChanges) {
      yield* sync(disk)
      yield* attempt("freeze the disk of a sandbox", () => renameDurably(disk, place.layer(layer)))
    } else if (!hasChanges && record.layers.length === 0 && !(yield* isIn(place.layer(layer)))) {
      return yield* failed("rejected", `The disk of sandbox ${record.sandboxId} is lost.`)
    }
    const below = record.driver === "overlay" ? record.layers : []
    // Not started since the last capture, it has no changes of its own.
    const stack = (yield* isIn(place.layer(layer))) ? [layer, ...below] : record.layers
    const name = (layers: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const snapshot: SnapshotRecord = {
          version: 1,
          snapshotId,
          provider: "local",
          driver: record.driver,
          key,
          sandboxId: record.sandboxId,
          layers
        }
        yield* writeRecord(place.snapshot(snapshotId), SnapshotRecord, snapshot)
        const settled: SandboxRecord = { ...record, layers, capturing: null, launched: null }
        yield* saveSandbox(settled)
        return settled
      })
    if (stack.length < limits.layersMax) return yield* naming.withPermits(1)(name(stack))
    const flat = place.idOf("lay", ...stack)
    making.add(flat)
    const settled = yield* flatten(record.sandboxId, stack, flat).pipe(
      Effect.as([flat]),
      Effect.catch((error) =>
        stack.length < limits.layersTallestMax
          ? Effect.as(Effect.logWarning("a stack of layers stays as it is", error.message), stack)
          : Effect.fail(error)
      ),
      Effect.flatMap((layers) => naming.withPermits(1)(name(layers))),
      Effect.ensuring(Effect.sync(() => making.delete(flat)))
    )
    yield* sweepLater
    return settled
  })

  const named = Effect.fnUntraced(function* () {
    const names = new Set(["empty", ...making])
    const files = yield* attempt("list the snapshots", () => readdir(place.snapshots))
    for (const file of files.filter((each) => each.endsWith(".json"))) {
      const snapshot = yield* readRecord(join(place.snapshots, file), SnapshotRecord)
      for (const layer of snapshot?.layers ?? []) names.add(layer)
    }
    for (const directory of yield* attempt("list the neighbours", place.neighbours)) {
      // One that was taken away has no sandboxes.
      const boxes = yield* attempt("list the sandboxes", () => orMissing(readdir(directory)))
      for (const id of (boxes ?? []).filter((each) => isId(each))) {
        const record = yield* readRecord(join(directory, id, "record.json"), SandboxRecord)
        for (const layer of record?.layers ?? []) names.add(layer)
        if (record?.capturing) names.add(layerOf(record.capturing.snapshotId))
      }
    }
    return names
  })

  /** Another server is not under our lock: it has time to name what it has just made. */
  const isOld = (layer: string) =>
    attempt("look at a layer", async () => {
      if (!place.isShared) return true
      const found = await orMissing(stat(place.layer(layer)))
      return found !== null && Date.now() - found.ctimeMs > limits.layerYoungMs
    })

  const sweep = naming.withPermits(1)(
    Effect.gen(function* () {
      const kept = yield* named()
      const layers = yield* attempt("list the layers", () => readdir(place.layers))
      for (const layer of layers.filter((each) => !kept.has(each)))
        if (yield* isOld(layer)) yield* trash.throwAway(place.layer(layer))
    })
  )
  const scope = yield* Effect.scope
  const sweepLater = Effect.forkIn(sweep.pipe(Effect.catch((error) => Effect.logWarning(error.message))), scope).pipe(
    Effect.asVoid
  )

  const snapshot = (snapshotId: string) =>
    isId(snapshotId) ? readRecord(place.snapshot(snapshotId), SnapshotRecord) : Effect.succeed(null)

  const layers: Layers = {
    snapshot,
    snapshotIdOf: (sandboxId, key) => place.idOf("snp", sandboxId, key),
    prepare,
    settle,
    sweep: sweepLater,
    withStack: (snapshotId, use) =>
      naming.withPermits(1)(
        Effect.gen(function* () {
          if (snapshotId === null) return yield* use([])
          const found = yield* snapshot(snapshotId)
          if (found === null)
            return yield* failed(
              "rejected",
              `Snapshot ${snapshotId} is not on this host: it was discarded, or another host or provider made it.`
            )
          if (driver !== "overlay" && found.layers.length > 1) {
            return yield* failed(
              "rejected",
              `Snapshot ${snapshotId} is a stack of ${found.layers.length} layers, and this host can no longer mount overlays. Start the server where it could before.`
            )
          }
          yield* use(found.layers)
        })
      ),
    discard: Effect.fn("layers.discard")(function* (snapshotId) {
      if (!isId(snapshotId)) return
      yield* attempt("discard a snapshot", () => rm(place.snapshot(snapshotId), { force: true }))
      yield* sweepLater
    })
  }
  return layers
})
