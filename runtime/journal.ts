/**
 * Port: where actors are remembered. Two adapters, adapters/postgres/journal.ts and adapters/memory/journal.ts, pass the one suite
 * test/contract/journal.ts.
 *
 *   J1  A commit is all of it or none: revision, journal rows, commands, timers, records, completed commands; also where several
 *       steps of one actor are folded into it.
 *   J2  Revisions of an actor have no gaps. The compare-and-set is on revision and epoch; whoever loses it is fenced.
 *   J3  One message id is journaled once per actor; a repeat answers `duplicate` with the revision of the first.
 *   J4  A batch holds an actor at most once. A bad row fails the statement; the committer halves until it stands alone.
 *   J5  What is durable and due (commands, timers, claims, budgets) is judged by the journal's own clock.
 */
import { Context, type Effect, Schema } from "effect"
import type { Address } from "./address.ts"

/** A conditional or projecting row write in the same commit as the transition that asked for it. */
export type RecordWrite =
  /** Upserts the row that lists show of this actor. Never refused. */
  | { readonly type: "project"; readonly row: Projection }
  /** Takes `key` for this actor. Refused, and with it this actor's whole transition, while another actor holds it. */
  | { readonly type: "claim"; readonly name: string; readonly key: string }
  /** Gives `key` back; no one else's claim is touched. */
  | { readonly type: "release"; readonly name: string; readonly key: string }
  /** Makes a budget. Refused (`taken`) where its id is in use. */
  | { readonly type: "lend"; readonly budget: Budget }
  /** Takes one use of a budget. Refused where it is `spent`, `expired`, `revoked` or `absent`. */
  | { readonly type: "reserve"; readonly budgetId: string }
  /** Gives one use back, if there is one. Never refused. */
  | { readonly type: "refund"; readonly budgetId: string }
  /** Writes nothing. Refused where the budget is `expired`, `revoked` or `absent`. */
  | { readonly type: "ensure"; readonly budgetId: string }
  /** Puts this actor into a room, where it is once. Refused (`full`) where `max` others are in it. */
  | { readonly type: "occupy"; readonly room: string; readonly max: number }
  /** Takes this actor out of a room. Never refused. */
  | { readonly type: "vacate"; readonly room: string }

/** A number of uses that actors take one by one, until it expires or is revoked. */
export interface Budget {
  readonly id: string
  /** Null: without a limit. */
  readonly usesMax: number | null
  /** From the commit that makes it. */
  readonly lastsMs: number
  /** What its lender keeps with it. */
  readonly about: Readonly<Record<string, unknown>>
}

export interface Projection {
  readonly title: string
  readonly status: string
  readonly owner: string | null
  readonly configurationId: string | null
  /** Kept out of lists. */
  readonly archived: boolean
}

/** What a machine emits for watchers. */
export interface Notice {
  readonly kind: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface CommandRequest {
  readonly name: string
  readonly params: unknown
}

export interface TimerRequest {
  readonly delayMs: number
  readonly event: unknown
}

/** Proof that a worker may report on a command: the key of the command and the token of the claim it runs under. */
export interface Completion {
  readonly key: string
  readonly claim: string
}

/** What one message did: one row of the journal, and all that goes with it. */
export interface Step {
  readonly messageId: string
  readonly event: unknown
  /** Transitions the machine took, as `source -event-> target`; empty: the fact was not accepted in this state. */
  readonly taken: ReadonlyArray<string>
  /** What this step tells watchers; kept so that a crash before the feed took it loses nothing. */
  readonly notices: ReadonlyArray<Notice>
  readonly by: string | null
  /** Message or command that led here. */
  readonly cause: string | null
  readonly completes: Completion | null
  readonly commands: ReadonlyArray<CommandRequest>
  /** By timer id; null cancels. The last word of a step wins, so an id stands here once. */
  readonly timers: ReadonlyMap<string, TimerRequest | null>
  readonly records: ReadonlyArray<RecordWrite>
}

/** One step of one actor, ready to be remembered, and how the actor then stands. */
export interface Transition extends Step {
  readonly address: Address
  readonly machineVersion: number
  /** Revision before this; 0 creates the actor. */
  readonly base: number
  /** Epoch that the writer read or holds. */
  readonly epoch: number
  /** True on the first commit after an activation: raises the epoch by one, which fences every earlier owner. */
  readonly takesEpoch: boolean
  readonly status: string
  readonly snapshot: unknown
  /** The actor has standing work (a link to hold) and is activated again after a restart of its host. */
  readonly resident: boolean
  /**
   * Steps that came before this one and are written with it: revisions `base + 1` and on, this one the last. No two of them have a
   * message or a claim in common. Should any be a duplicate or be rejected, nothing of the transition is written.
   */
  readonly earlier: ReadonlyArray<Step>
  /** Its commands are the writer's from the beginning, for so long: attempt 1, under the claim `1`. Else they are anyone's. */
  readonly claimMs?: number
}

/** Revision that a transition leads to. */
export const revOf = ({ base, earlier }: Transition): number => base + earlier.length + 1

/** All its steps, each with its revision. */
export const stepsOf = (transition: Transition): ReadonlyArray<readonly [rev: number, step: Step]> =>
  [...transition.earlier, transition].map((step, index) => [transition.base + index + 1, step])

export type Verdict =
  | { readonly _tag: "Won"; readonly rev: number; readonly epoch: number; readonly atMs: number }
  /** A message of it was journaled before. Its command is settled, if it came alone. */
  | { readonly _tag: "Duplicate"; readonly rev: number }
  /** Another owner wrote: what is stored now, or null if there is no such actor. */
  | { readonly _tag: "Fenced"; readonly rev: number | null; readonly epoch: number | null }
  /**
   * A record's condition failed: nothing of this transition was written. Of a budget or a room (that is then the `name`), the
   * holder is the word for why.
   */
  | { readonly _tag: "Rejected"; readonly record: { readonly name: string; readonly key: string; readonly holder: string } }

export interface Stored {
  readonly rev: number
  readonly epoch: number
  readonly machineVersion: number
  readonly status: string
  readonly snapshot: unknown
  readonly resident: boolean
  /** Armed timers by id, with the revision that armed each. */
  readonly timers: ReadonlyMap<string, number>
  readonly quarantine: Quarantine | null
  /** The number of its newest notice (notices.ts), 0 if there was none; null: not known. */
  readonly noticed: number | null
  readonly updatedAtMs: number
}

export interface Quarantine {
  readonly reason: string
  /** The event that did it, if one did. */
  readonly event: unknown
  readonly atMs: number
}

/** The newest version of its machine that a program knows, by kind of actor. A kind that is not named is known in all. */
export type Versions = Readonly<Record<string, number>>

/** How many each organisation may have; one that is not named, `each`. */
export interface Shares {
  readonly each: number
  readonly of: Readonly<Record<string, number>>
}

export interface ClaimedCommand {
  readonly key: string
  readonly address: Address
  readonly name: string
  readonly params: unknown
  /** Starts at 1. */
  readonly attempt: number
  readonly claim: string
}

/** A deadline that has passed. Its message id is `timer:<timerId>:<rev>`, so that firing twice is one event. */
export interface DueTimer {
  readonly address: Address
  readonly timerId: string
  /** Revision that armed it. */
  readonly rev: number
  readonly event: unknown
}

export interface JournalRow {
  readonly rev: number
  readonly machineVersion: number
  readonly messageId: string
  readonly event: unknown
  readonly taken: ReadonlyArray<string>
  readonly effects: ReadonlyArray<string>
  readonly notices: ReadonlyArray<Notice>
  readonly by: string | null
  readonly cause: string | null
  readonly atMs: number
}

/**
 * `unavailable`: nothing was written. `unknown`: the connection broke and the commit may stand; send the same batch again,
 * a `duplicate` at `base + 1` was our own. `refused`: the statement failed for what is in it; halve.
 */
export class JournalError extends Schema.TaggedError<JournalError>()("JournalError", {
  reason: Schema.Literals(["unavailable", "unknown", "refused"]),
  message: Schema.String
}) {}

export class Journal extends Context.Service<
  Journal,
  {
    /** Verdicts in the order of the batch. */
    readonly commit: (batch: ReadonlyArray<Transition>) => Effect.Effect<ReadonlyArray<Verdict>, JournalError>
    readonly load: (address: Address) => Effect.Effect<Stored | null, JournalError>
    /** At which revision a message was journaled, if it was, and where the actor stood then; null: there is no such actor. */
    readonly seen: (
      address: Address,
      messageId: string
    ) => Effect.Effect<{ readonly at: number | null; readonly rev: number | null }, JournalError>
    /** Rows with a revision above `after`, oldest first, at most `limit`. */
    readonly history: (address: Address, after: number, limit: number) => Effect.Effect<ReadonlyArray<JournalRow>, JournalError>
    /** Resolves an id to its whole address, within one organisation. */
    readonly find: (org: string, kind: string, id: string) => Effect.Effect<Address | null, JournalError>
    /**
     * Every actor to be activated when a host starts: those marked resident, and of those written within `recentMs` before the newest
     * write of all each whose notices a crash may have kept from the feed.
     */
    readonly residents: (recentMs: number) => Effect.Effect<ReadonlyArray<Address>, JournalError>

    /**
     * Takes up to `limit` due commands for `claimMs`; skips quarantined actors, those stored by a newer version than `versions`
     * says, and what others hold. Organisations take turns, each gets its oldest due, and none more than its share.
     */
    readonly claim: (
      limit: number,
      claimMs: number,
      versions?: Versions,
      shares?: Shares
    ) => Effect.Effect<ReadonlyArray<ClaimedCommand>, JournalError>
    /** Makes every claim void at once, for a host that knows it is the only one and that the last one is dead. */
    readonly reclaim: Effect.Effect<void, JournalError>
    /** Extends claims; says of each, in order, whether it is still ours. */
    readonly renew: (claims: ReadonlyArray<Completion>, claimMs: number) => Effect.Effect<ReadonlyArray<boolean>, JournalError>
    /** Ends commands that have no fact to tell. One whose claim is another's by now is left alone. */
    readonly complete: (completions: ReadonlyArray<Completion>) => Effect.Effect<void, JournalError>
    /** Gives a command back, due again after `delayMs`. */
    readonly retry: (completion: Completion, delayMs: number, error: string) => Effect.Effect<void, JournalError>
    /** Marks a command dead: it is not claimed again, and shown to operators with its error. */
    readonly bury: (completion: Completion, error: string) => Effect.Effect<void, JournalError>

    /**
     * Timers due within `aheadMs`, soonest first, at most `limit`, each with the milliseconds until it is due (≤ 0: due). Where there
     * are more, organisations take turns, each with its soonest. Skips the actors that `claim` skips.
     */
    readonly dueTimers: (
      aheadMs: number,
      limit: number,
      versions?: Versions
    ) => Effect.Effect<ReadonlyArray<DueTimer & { readonly inMs: number }>, JournalError>

    readonly quarantine: (address: Address, quarantine: Omit<Quarantine, "atMs">) => Effect.Effect<void, JournalError>
    /** False when it was not quarantined. */
    readonly release: (address: Address) => Effect.Effect<boolean, JournalError>
  }
>()("proliferate/runtime/Journal") {}
