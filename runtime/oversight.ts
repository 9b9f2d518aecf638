/**
 * Port: what looking after the journal's actors reads of it, apart from the journal itself, which hosts them. Two adapters,
 * adapters/postgres/oversight.ts and adapters/memory/oversight.ts, pass the one suite test/contract/oversight.ts.
 *
 *   W1  Reading wakes nobody and changes nothing. Every answer is bounded by its `limit`.
 *   W2  What is due or late is judged by the journal's own clock.
 *   W3  A note of a fix is written once under its id, and never changed.
 */
import { Context, type Effect } from "effect"
import type { Address } from "./address.ts"
import type { JournalError, Quarantine } from "./journal.ts"

export interface Standing {
  readonly address: Address
  readonly rev: number
}

export interface Isolated extends Standing {
  readonly quarantine: Quarantine
}

/** A command that ended nobody's wait: nobody runs it, or it was buried. */
export interface WaitingCommand {
  readonly key: string
  readonly address: Address
  readonly name: string
  readonly attempt: number
  /** Since it could have been run, or since it was buried. */
  readonly forMs: number
  /** Why it was given back or buried last. */
  readonly error: string | null
}

export interface OpenCommand {
  readonly key: string
  readonly name: string
  readonly params: unknown
}

/** A fix that was tried: by whom, on what it was planned, and what came of it. */
export interface FixNote {
  readonly id: string
  readonly org: string
  readonly kind: string
  readonly subject: string
  /** The event or the call. */
  readonly fix: string
  /** Null: the loop itself. */
  readonly by: string | null
  readonly why: string | null
  /** Revision that it was planned on; null for what has none. */
  readonly plannedRev: number | null
  readonly result: "applied" | "skipped" | "failed"
  readonly outcome: string
}

export class Oversight extends Context.Service<
  Oversight,
  {
    /** Actors with standing work that are not quarantined, by id, from the one after `after`. */
    readonly standing: (after: string | null, limit: number) => Effect.Effect<ReadonlyArray<Standing>, JournalError>
    /** Null: of all organisations. */
    readonly quarantined: (org: string | null, limit: number) => Effect.Effect<ReadonlyArray<Isolated>, JournalError>
    /** Commands that have been due for `lateMs` and that no claim holds, or whose claim ran out that long ago; longest first. */
    readonly stuck: (lateMs: number, limit: number) => Effect.Effect<ReadonlyArray<WaitingCommand>, JournalError>
    /** Commands that were buried, newest first. */
    readonly dead: (limit: number) => Effect.Effect<ReadonlyArray<WaitingCommand>, JournalError>
    /** What an actor has asked for and not had yet, oldest first; buried ones are not waited for. */
    readonly commandsOf: (address: Address) => Effect.Effect<ReadonlyArray<OpenCommand>, JournalError>
    /** Makes a buried command due again, under its key. False: there is none such in this organisation. */
    readonly exhume: (org: string, key: string) => Effect.Effect<boolean, JournalError>

    readonly note: (fix: FixNote) => Effect.Effect<void, JournalError>
    /** Newest first. */
    readonly notes: (
      org: string,
      limit: number
    ) => Effect.Effect<ReadonlyArray<FixNote & { readonly atMs: number }>, JournalError>
  }
>()("proliferate/runtime/Oversight") {}
