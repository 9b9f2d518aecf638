/**
 * Port: what looking after the journal's actors reads of it, apart from the journal itself, which hosts them. Two adapters,
 * adapters/postgres/oversight.ts and adapters/memory/oversight.ts, pass the one suite test/contract/oversight.ts.
 *
 *   W1  Reading wakes nobody and changes nothing. Every answer is bounded by its `limit`; where there is more of several
 *       organisations, they take turns: what one has piled up hides nothing of another.
 *   W2  What is due or late is judged by the journal's own clock.
 *   W3  A note of a fix is written once under its id, and never changed.
 *   W4  A pause holds from its commit until its end, for every server. There is one of a kind and organisation: the last word.
 */
import { Context, type Effect } from "effect"
import type { Address } from "./address.ts"
import type { ClaimedCommand, JournalError, Quarantine } from "./journal.ts"
import type { Pause } from "./pauses.ts"

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

/** A command that is not settled. */
export interface ListedCommand extends Omit<WaitingCommand, "forMs"> {
  /** `running`: a claim holds it. */
  readonly state: "waiting" | "running" | "dead"
  /** Its actor is set aside, and with it the command. */
  readonly isAside: boolean
  /** Since the commit that asked for it; null: that is archived by now. */
  readonly ageMs: number | null
  /** Until it may be run, or its claim runs out; of a dead one, since when it is. */
  readonly inMs: number
}

/** Buried commands that are all this. */
export interface Sought {
  readonly name?: string | undefined
  /** Id of its actor. */
  readonly actor?: string | undefined
  /** Part of its error. */
  readonly error?: string | undefined
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
    /** Of an organisation: those that wait or run, soonest due first; or those that were buried, newest first. */
    readonly commands: (
      org: string,
      which: "open" | "dead",
      limit: number
    ) => Effect.Effect<ReadonlyArray<ListedCommand>, JournalError>
    /** Keys of the buried ones of an organisation that fit, newest first. */
    readonly buried: (org: string, sought: Sought, limit: number) => Effect.Effect<ReadonlyArray<string>, JournalError>
    /** Makes buried commands due again, each under its key; answers with those that were buried in this organisation. */
    readonly exhume: (org: string, keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, JournalError>
    /** Claims one command for `claimMs`, due or buried, so that nobody runs it. Null: there is none such in this organisation. */
    readonly seize: (org: string, key: string, claimMs: number) => Effect.Effect<ClaimedCommand | "running" | null, JournalError>

    readonly pause: (pause: Omit<Pause, "atMs" | "untilMs"> & { readonly lastsMs: number }) => Effect.Effect<Pause, JournalError>
    /** False: it was not paused, or is over. */
    readonly resume: (org: string, kind: string) => Effect.Effect<boolean, JournalError>
    /** Those that are not over, by organisation and kind; null: of all organisations. */
    readonly pauses: (org: string | null) => Effect.Effect<ReadonlyArray<Pause>, JournalError>

    readonly note: (fix: FixNote) => Effect.Effect<void, JournalError>
    /** Newest first; of the last `withinMs`, by one user, where these are given. */
    readonly notes: (
      org: string,
      limit: number,
      only?: { readonly withinMs?: number | undefined; readonly by?: string | undefined }
    ) => Effect.Effect<ReadonlyArray<FixNote & { readonly atMs: number }>, JournalError>
  }
>()("proliferate/runtime/Oversight") {}
