/**
 * The feed store in memory, for the simulator and for tests: the promises of runtime/feed.ts. What is stored lives in a
 * `FeedState` that outlives the store. `disturb` is asked before each call what the weather does to it.
 */
import { Effect, Layer } from "effect"
import { FeedError, type FeedEvent, type FeedHead, FeedStore, type Home, type StoredFeedEvent } from "../../runtime/feed.ts"
import type { Disturbance } from "./disturbance.ts"
import { isRefusedByJsonb } from "./records.ts"

interface Feed {
  head: FeedHead
  /** JSON of each stored event, oldest first. */
  events: Array<string>
}

/** By `org/id`. */
export type FeedState = Map<string, Feed>

/** Asked before each call what befalls it; null: nothing. */
export type DisturbFeed = (operation: keyof FeedStore["Service"]) => Effect.Effect<Disturbance | null>

const silent: FeedHead = { epoch: 1, seq: 0, first: 1, sources: {} }

export const memoryFeed = (state: FeedState = new Map(), disturb: DisturbFeed = () => Effect.succeed(null)) => {
  const feedOf = (home: Home): Feed => state.get(`${home.org}/${home.id}`) ?? { head: silent, events: [] }

  const call = <A>(operation: keyof FeedStore["Service"], body: () => Effect.Effect<A, FeedError>) =>
    Effect.gen(function* () {
      const disturbance = yield* disturb(operation)
      const error =
        disturbance &&
        new FeedError({
          reason: disturbance === "refused" ? disturbance : "unavailable",
          message: `${operation} was disturbed: ${disturbance}`
        })
      if (error && disturbance !== "answerLost") return yield* error
      const answer = yield* body()
      return error ? yield* error : answer
    })

  const append = (home: Home, known: FeedHead, events: ReadonlyArray<FeedEvent>) =>
    Effect.suspend(() => {
      const feed = feedOf(home)
      const { head } = feed
      if (head.seq !== known.seq || head.epoch !== known.epoch)
        return new FeedError({ reason: "conflict", message: `the feed of ${home.id} stands at ${head.seq}, not ${known.seq}` })
      const added = events.map((event, index) => JSON.stringify({ ...event, seq: head.seq + 1 + index }))
      if (added.some(isRefusedByJsonb))
        return new FeedError({ reason: "refused", message: "holds a NUL character or half a surrogate pair" })

      const sources: Record<string, number> = { ...head.sources }
      for (const { source, sourceSeq } of events) sources[source] = Math.max(sources[source] ?? sourceSeq, sourceSeq)
      const next = { ...head, seq: head.seq + events.length, sources }
      feed.head = next
      feed.events.push(...added)
      state.set(`${home.org}/${home.id}`, feed)
      return Effect.succeed(next)
    })

  return FeedStore.of({
    head: (home) => call("head", () => Effect.sync(() => feedOf(home).head)),
    append: (home, head, events) => call("append", () => append(home, head, events)),
    read: (home, after, limit) =>
      call("read", () =>
        Effect.sync(() => {
          const { head, events } = feedOf(home)
          const from = Math.max(after + 1 - head.first, 0)
          return events.slice(from, from + limit).map((event): StoredFeedEvent => JSON.parse(event))
        })
      ),
    trim: (home, through) =>
      call("trim", () =>
        Effect.sync(() => {
          const feed = feedOf(home)
          const first = Math.min(Math.max(through + 1, feed.head.first), feed.head.seq + 1)
          feed.events = feed.events.slice(first - feed.head.first)
          feed.head = { ...feed.head, first }
        })
      )
  })
}

export const layer = (state?: FeedState, disturb?: DisturbFeed): Layer.Layer<FeedStore> =>
  Layer.succeed(FeedStore, memoryFeed(state, disturb))
