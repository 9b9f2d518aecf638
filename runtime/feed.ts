/**
 * Ports and words of the feed: what watchers of one home (a session) see, in one numbered order.
 *
 *   F1  `seq` of a home counts from 1 without gaps and is given once, when the event is stored. Nobody sees an unstored event.
 *   F2  A source numbers its own events; `sourceSeq` rises. What a source sends again is dropped, whoever sends it.
 *   F3  Reading after a cursor gives every event once and in order, or a gap that says how far it reaches, never silence.
 *
 * Sources are an actor's name, `session/ses_…` (sourceSeq: 1000 times the revision that caused it, plus its place among that
 * revision's notices), and `daemon/<daemonId>` (the daemon's own number).
 */
import { Context, type Effect, Schema } from "effect"

export const FeedEvent = Schema.Struct({
  source: Schema.String,
  sourceSeq: Schema.Int,
  kind: Schema.String,
  /** Which agent speaks: its name, or null for the system. `parent` names the tool call a sub-agent works for. */
  agent: Schema.NullOr(Schema.String),
  parent: Schema.NullOr(Schema.String),
  /** Journal revision that caused it, if one did. */
  rev: Schema.NullOr(Schema.Int),
  /** Milliseconds since 1970 at the source. */
  at: Schema.Finite,
  body: Schema.Record(Schema.String, Schema.Unknown)
})
export type FeedEvent = typeof FeedEvent.Type

export interface StoredFeedEvent extends FeedEvent {
  readonly seq: number
}

export interface Cursor {
  readonly epoch: number
  readonly seq: number
}

export interface FeedHead {
  /** Changes only if a feed was lost and begun again; a cursor of another epoch gets a gap and a fresh start. */
  readonly epoch: number
  /** Newest stored seq; 0 before the first. */
  readonly seq: number
  /** Oldest seq still stored; `seq + 1` when there is none. */
  readonly first: number
  /** Highest `sourceSeq` stored, by source. */
  readonly sources: Readonly<Record<string, number>>
}

export interface Home {
  readonly org: string
  readonly id: string
}

/** `conflict`: another host appended; read the head and go on. `unavailable`: nothing, or nothing known, was stored. */
export class FeedError extends Schema.TaggedError<FeedError>()("FeedError", {
  reason: Schema.Literals(["conflict", "unavailable", "refused"]),
  message: Schema.String
}) {}

/** Where feeds are stored: adapters/postgres/feed.ts, adapters/memory/feed.ts; suite test/contract/feed.ts. */
export class FeedStore extends Context.Service<
  FeedStore,
  {
    /** The head of a home's feed; a home that never spoke has epoch 1, seq 0, first 1. */
    readonly head: (home: Home) => Effect.Effect<FeedHead, FeedError>
    /**
     * Stores events as `head.seq + 1 …`, if the stored head still is `head.seq` (else `conflict`), and raises
     * `sources`. The caller has dropped what the head already holds (F2).
     */
    readonly append: (home: Home, head: FeedHead, events: ReadonlyArray<FeedEvent>) => Effect.Effect<FeedHead, FeedError>
    /** Events with a seq above `after`, oldest first, at most `limit`. */
    readonly read: (home: Home, after: number, limit: number) => Effect.Effect<ReadonlyArray<StoredFeedEvent>, FeedError>
    /** Forgets events up to and including `through`. */
    readonly trim: (home: Home, through: number) => Effect.Effect<void, FeedError>
  }
>()("proliferate/runtime/FeedStore") {}
