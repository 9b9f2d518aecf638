/**
 * What is remembered on disk, and nowhere else: `sandboxes/<id>/record.json` and `snapshots/<id>.json`. Every write is whole
 * or not at all (disk.ts), so that a crash at any instant leaves one of the states drawn in sandbox.ts and layers.ts.
 */
import { Schema } from "effect"

/** `overlay`: a stack of layers, the changes on top. `reflink`, `copy`: one layer, copied whole. */
export const Driver = Schema.Literals(["overlay", "reflink", "copy"])
export type Driver = typeof Driver.Type

const Id = Schema.String.check(Schema.isPattern(/^[a-z]{3}_[a-z0-9]{26}$/))
export const isId = Schema.is(Id)

/** A process is its id and its start: ids come round again, within one boot not at the same tick. */
export const Process = Schema.Struct({ pid: Schema.Int, startTicks: Schema.Int })
export type Process = typeof Process.Type

export const Launched = Schema.Struct({
  /** Of the host: after its restart no process of ours lives, whatever the ids say. */
  bootId: Schema.String,
  /** Ours on the outside, which ends with the sandbox. */
  monitor: Process,
  /** Pid 1 of the sandbox. Null until its daemon has answered; until then it is known by its namespace. */
  init: Schema.NullOr(Process),
  /** Its control groups: the next server may be in other ones itself. */
  groups: Schema.Array(Schema.String)
})
export type Launched = typeof Launched.Type

export const SandboxRecord = Schema.Struct({
  version: Schema.Literal(1),
  sandboxId: Id,
  org: Schema.String,
  sessionId: Schema.String,
  key: Schema.String,
  driver: Driver,
  /** Below the sandbox's own changes, newest first. */
  layers: Schema.Array(Id),
  /** Its daemon has answered once. Until then it is nobody's, and a failed start leaves nothing of it. */
  ready: Schema.Boolean,
  launched: Schema.NullOr(Launched),
  /** A capture that was begun: carried on wherever it was broken off. */
  capturing: Schema.NullOr(Schema.Struct({ snapshotId: Id, key: Schema.String }))
})
export type SandboxRecord = typeof SandboxRecord.Type

export const SnapshotRecord = Schema.Struct({
  version: Schema.Literal(1),
  snapshotId: Id,
  provider: Schema.Literal("local"),
  driver: Driver,
  key: Schema.String,
  sandboxId: Id,
  /** Newest first; the last stands on nothing. */
  layers: Schema.Array(Id)
})
export type SnapshotRecord = typeof SnapshotRecord.Type

/** Who the sandboxes of this data directory are on the host, fixed at its first use. */
export const HostRecord = Schema.Struct({
  version: Schema.Literal(1),
  /** Makes ids of two data directories differ, even under one key. */
  salt: Schema.String,
  /** Null: this server does not run as root, and sandboxes belong to its own user. */
  uid: Schema.NullOr(Schema.Int)
})
export type HostRecord = typeof HostRecord.Type
