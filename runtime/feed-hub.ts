/** One home's feed in this process: what waits to be stored, in order, the newest that is, and who waits for more. */
import type { Effect } from "effect"
import type { FeedEvent, FeedHead, Home, StoredFeedEvent } from "./feed.ts"
import { feedBatchEventsMax, feedRingCharactersMax, feedRingEventsMax } from "./limits.ts"
import { Waiters } from "./waiters.ts"

export interface Pending {
  event: FeedEvent
  /** Called when this one, and so all before it, is stored. */
  readonly stored: (() => void) | null
}

/** About what it takes in memory: its words, one level deep, and what every event has. */
const weightOf = ({ body }: FeedEvent): number => {
  let characters = 200
  for (const value of Object.values(body)) characters += typeof value === "string" ? value.length : 50
  return characters
}

export class Hub {
  readonly home: Home
  /** As stored, as far as we know; null: to be read. */
  head: FeedHead | null = null
  pending: Array<Pending> = []
  /** Highest sourceSeq queued or stored, by source. */
  readonly heard = new Map<string, number>()
  writing = false
  /** Events per statement; one at a time after a refusal, so that the one that cannot be stored stands alone. */
  batchEvents = feedBatchEventsMax
  /** Nobody has asked for it since the last look over all hubs. */
  isForgotten = false
  readonly #waiters = new Waiters()
  #ring: Array<StoredFeedEvent> = []
  #ringCharacters = 0

  constructor(home: Home) {
    this.home = home
  }

  get isWatched(): boolean {
    return this.#waiters.areThere
  }

  get isQuiet(): boolean {
    return !this.isWatched && this.pending.length === 0 && !this.writing
  }

  /** Waits for the next `wake`. */
  get changed(): Effect.Effect<void> {
    return this.#waiters.changed
  }

  wake(): void {
    this.#waiters.wake()
  }

  learn(head: FeedHead): void {
    this.head = head
    for (const [source, seq] of Object.entries(head.sources)) this.heard.set(source, Math.max(seq, this.heard.get(source) ?? -1))
  }

  /** What is stored may be ahead of us: readers get it from the store. */
  forget(): void {
    this.head = null
    this.#ring = []
    this.#ringCharacters = 0
  }

  keep(events: ReadonlyArray<StoredFeedEvent>): void {
    for (const event of events) {
      this.#ring.push(event)
      this.#ringCharacters += weightOf(event)
    }
    let excess = 0
    while (this.#ring.length - excess > feedRingEventsMax || this.#ringCharacters > feedRingCharactersMax)
      this.#ringCharacters -= weightOf(this.#ring[excess++]!)
    if (excess > 0) this.#ring = this.#ring.slice(excess)
  }

  /** From memory, or null if it does not reach back that far. */
  newest(from: number, limit: number): ReadonlyArray<StoredFeedEvent> | null {
    const oldest = this.#ring[0]?.seq
    return oldest === undefined || from < oldest ? null : this.#ring.slice(from - oldest, from - oldest + limit)
  }
}
