/**
 * Port: files with which an agent shows what it did, kept on the host under its session. Adapter: adapters/files. A piece of evidence
 * is whole or not there: its files are put first, then it is sealed with what it holds.
 */
import { Context, type Effect, Schema } from "effect"

/** `invalid`: it breaks a bound, which the message names. `missing`: it is not there. `unavailable`: the disk. */
export class EvidenceError extends Schema.TaggedError<EvidenceError>()("EvidenceError", {
  reason: Schema.Literals(["invalid", "missing", "unavailable"]),
  message: Schema.String
}) {}

/** Screenshots of a walk through an application fit; a build does not. */
export const evidenceFilesMax = 50
export const evidenceFileBytesMax = 25 * 1_048_576
/** All that one session has, ever. */
export const sessionEvidenceBytesMax = 1_024 * 1_048_576
/** One piece of a file on its way out. */
export const evidencePieceBytesMax = 2 * 1_048_576

export interface Owner {
  readonly org: string
  readonly sessionId: string
}

export const EvidenceFile = Schema.Struct({
  /** As the sandbox names it: a stranger's word, never a place on this host. */
  path: Schema.String,
  bytes: Schema.Int,
  sha256: Schema.String
})
export const Evidence = Schema.Struct({
  key: Schema.String,
  folder: Schema.String,
  atMs: Schema.Finite,
  files: Schema.Array(EvidenceFile)
})
export type Evidence = typeof Evidence.Type

export class EvidenceStore extends Context.Service<
  EvidenceStore,
  {
    /** Bytes of the file of this number; the same again is the same. */
    readonly put: (
      owner: Owner,
      key: string,
      file: number,
      offset: number,
      bytes: Uint8Array
    ) => Effect.Effect<void, EvidenceError>
    /** From now on it is there. */
    readonly seal: (owner: Owner, evidence: Evidence) => Effect.Effect<void, EvidenceError>
    /** What was put under this key and never sealed is gone. Dropping nothing succeeds. */
    readonly drop: (owner: Owner, key: string) => Effect.Effect<void, EvidenceError>
    readonly find: (owner: Owner, key: string) => Effect.Effect<Evidence | null, EvidenceError>
    /** Newest first. */
    readonly list: (owner: Owner) => Effect.Effect<ReadonlyArray<Evidence>, EvidenceError>
    readonly read: (owner: Owner, key: string, file: number, offset: number) => Effect.Effect<Uint8Array, EvidenceError>
  }
>()("proliferate/actors/ports/EvidenceStore") {}
