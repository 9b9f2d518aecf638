/**
 * Service: the live feeds of all homes, over the FeedStore. Implemented below the port in runtime/local-feeds.ts.
 *
 * Watchers pull: each keeps its own cursor and asks for what comes after it, so a slow one costs the session nothing, and there
 * is no queue per watcher to overflow.
 */
import { Context, type Effect } from "effect"
import type { FeedError, FeedEvent, FeedHead, Home, StoredFeedEvent } from "./feed.ts"

export interface Page {
  readonly events: ReadonlyArray<StoredFeedEvent>
  /** Events `from` to `through` are no longer stored; `events` goes on after them. */
  readonly gap: { readonly from: number; readonly through: number } | null
}

export class Feeds extends Context.Service<
  Feeds,
  {
    readonly head: (home: Home) => Effect.Effect<FeedHead, FeedError>
    /** What is stored after `after`, at most `limit` events; waits until there is something. Interruptible. */
    readonly next: (home: Home, after: number, limit: number) => Effect.Effect<Page, FeedError>
    /** The same without waiting. */
    readonly read: (home: Home, after: number, limit: number) => Effect.Effect<Page, FeedError>
    /** Queues what the journal has committed, in order, and returns: should the process die first, the journal tells it again. */
    readonly tell: (home: Home, events: ReadonlyArray<FeedEvent>) => Effect.Effect<void>
    /** Stores events in order, drops repeats, returns when they are stored and can be read. Waits out an outage of the store. */
    readonly publish: (home: Home, events: ReadonlyArray<FeedEvent>) => Effect.Effect<void>
  }
>()("proliferate/runtime/Feeds") {}
