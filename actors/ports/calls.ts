/**
 * Port: what belongs to calls and is not their actors' own: sealed arguments, what was dispatched, and the rows of calls in lists.
 * Adapters in adapters/postgres and adapters/memory; suite test/contract/calls.ts.
 */
import { Context, type Effect } from "effect"
import type { DirectoryError } from "./directory.ts"

/** A call as it is stored, for pages of many. */
export interface CallRow {
  readonly id: string
  readonly sessionId: string
  readonly rev: number
  readonly status: string
  /** Of the actor's snapshot. */
  readonly context: Readonly<Record<string, unknown>>
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

export interface CallQuery {
  readonly limit: number
  /** Of one session. */
  readonly sessionId?: string | undefined
  /** Of these states. */
  readonly statuses?: ReadonlyArray<string> | undefined
  /** Those before this id, which is the next page. */
  readonly before?: string | undefined
  /** Not older than this. */
  readonly sinceMs?: number | undefined
}

type Result<A> = Effect.Effect<A, DirectoryError>

export class Calls extends Context.Service<
  Calls,
  {
    /** Newest first. */
    readonly list: (org: string, query: CallQuery) => Result<ReadonlyArray<CallRow>>
    readonly sessionOf: (org: string, id: string) => Result<string | null>

    /** The first that is put is kept. */
    readonly seal: (org: string, id: string, sealed: Uint8Array) => Result<void>
    readonly sealed: (org: string, id: string) => Result<Uint8Array | null>
    /** Wiping what is not there succeeds. */
    readonly wipe: (org: string, id: string) => Result<void>
    /** Wipes what is older than `olderMs` and belongs to no call that is stored: a server died between the two. At most 1,000. */
    readonly sweep: (olderMs: number) => Result<number>

    /** True for one caller of `key`, ever, and for none once the call's old rows were taken out: it may send. Written before it returns. */
    readonly dispatch: (org: string, key: string) => Result<boolean>
    /** When it was written, or null: nothing was sent under it. */
    readonly dispatchedAtMs: (org: string, key: string) => Result<number | null>
  }
>()("proliferate/actors/ports/Calls") {}
