/**
 * The feeds of this process. What is published for a home waits in order, is stored in batches of at most 256, and only then is
 * seen; watchers read from a ring of the newest 1,024 and, below that, from the store. What another host stores is found by
 * looking while somebody watches here: when it gives the word (runtime/coordination.ts), and every 10 s all the same. Whoever asks
 * how far a feed is, or for what is stored of it, is answered from the store where others may have written there.
 */

import { Effect, Layer, Schedule } from "effect"
import { Again } from "./again.ts"
import { Coordination } from "./coordination.ts"
import { FeedError, type FeedEvent, FeedStore, type Home } from "./feed.ts"
import { Hub } from "./feed-hub.ts"
import { Feeds, type Page } from "./feeds.ts"
import {
  feedBatchEventsMax,
  feedCallsMax,
  feedEventsMax,
  feedLookMs,
  feedPendingEventsMax,
  feedRetryMs,
  passivateAfterMs
} from "./limits.ts"
import { forEachPart } from "./parts.ts"
import { unending } from "./unending.ts"

const trimEvery = 1_000

/** What is left of an event that no store takes: that there was one. */
const unstorable = ({ source, sourceSeq, rev, at }: FeedEvent): FeedEvent => ({
  ...{ source, sourceSeq, rev, at, agent: null, parent: null },
  kind: "unstorable",
  body: { message: "this event could not be stored and was left out" }
})

/** Each part of the journal has feeds of its own. */
export const localFeeds = Layer.effect(
  Feeds,
  Effect.suspend(() =>
    Effect.map(forEachPart(feedsOfStore), ({ all, of, find }) => {
      if (all.length === 1) return all[0]!
      const asked = <A>({ org }: Home, question: (feeds: Feeds["Service"]) => Effect.Effect<A, FeedError>) =>
        find(org).pipe(
          Effect.mapError(({ message }) => new FeedError({ reason: "unavailable", message })),
          Effect.flatMap(question)
        )
      const told = ({ org }: Home, word: (feeds: Feeds["Service"]) => Effect.Effect<void>) => {
        const known = of(org)
        return known === null ? Effect.flatMap(Effect.orDie(Effect.retry(find(org), persistently)), word) : word(known)
      }
      return Feeds.of({
        head: (home) => asked(home, (feeds) => feeds.head(home)),
        read: (home, after, limit) => asked(home, (feeds) => feeds.read(home, after, limit)),
        next: (home, after, limit) => asked(home, (feeds) => feeds.next(home, after, limit)),
        tell: (home, events) => told(home, (feeds) => feeds.tell(home, events)),
        publish: (home, events) => told(home, (feeds) => feeds.publish(home, events))
      })
    })
  )
)

const persistently = { while: () => true, schedule: Schedule.spaced(feedRetryMs) }

const feedsOfStore = Effect.gen(function* () {
  const store = yield* FeedStore
  const coordination = yield* Coordination
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const hubs = new Map<string, Hub>()

  const hubOf = ({ org, id }: Home): Hub => {
    const name = `${org}/${id}`
    const hub = hubs.get(name) ?? new Hub({ org, id })
    hub.isForgotten = false
    hubs.set(name, hub)
    return hub
  }

  const headOf = Effect.fnUntraced(function* (home: Home, hub: Hub) {
    if (hub.head !== null) return hub.head
    const head = yield* store.head(home)
    // Another fibre may have been quicker, and have moved on since.
    if (hub.head === null) hub.learn(head)
    return hub.head ?? head
  })

  const changed = new Set<string>()
  /** A word to the other servers, which nobody waits for. */
  const telling = new Again(
    Effect.suspend(() => {
      const names = [...changed]
      changed.clear()
      return Effect.forEach(names, (name) => coordination.publish("feed", name), { concurrency: feedCallsMax, discard: true })
    }),
    fork
  )
  const tellOthers = ({ org, id }: Home): void => {
    changed.add(`${org}/${id}`)
    telling.ask()
  }

  /** Stores one batch; whatever goes wrong, what is stored is read again and the rest is tried again. */
  const storeSome = Effect.fnUntraced(function* (home: Home, hub: Hub) {
    const head = yield* headOf(home, hub)
    const batch = hub.pending.slice(0, hub.batchEvents)
    const reached = new Map(Object.entries(head.sources))
    const fresh = batch.filter(({ event: { source, sourceSeq } }) => {
      if (sourceSeq <= (reached.get(source) ?? -1)) return false
      reached.set(source, sourceSeq)
      return true
    })
    if (fresh.length > 0) {
      const events = fresh.map(({ event }) => event)
      const next = yield* store.append(home, head, events).pipe(
        Effect.tapError(({ reason }) =>
          Effect.sync(() => {
            hub.forget()
            if (reason !== "refused") return
            if (fresh.length === 1) fresh[0]!.event = unstorable(fresh[0]!.event)
            hub.batchEvents = 1
          })
        )
      )
      hub.head = next
      if (coordination.isShared) tellOthers(home)
      hub.keep(events.map((event, index) => ({ ...event, seq: head.seq + 1 + index })))
      if (hub.pending.length <= batch.length) hub.batchEvents = feedBatchEventsMax
    }
    hub.pending = hub.pending.slice(batch.length)
    for (const { stored } of batch) stored?.()
    hub.wake()
    yield* trim(home, hub)
  })

  const trim = Effect.fnUntraced(function* (home: Home, hub: Hub) {
    if (hub.head === null) return
    const through = hub.head.seq - feedEventsMax
    if (through < hub.head.first + trimEvery) return
    yield* store.trim(home, through)
    if (hub.head !== null) hub.head = { ...hub.head, first: Math.max(hub.head.first, through + 1) }
  })

  const write = (home: Home, hub: Hub): void => {
    if (hub.writing || hub.pending.length === 0) return
    hub.writing = true
    fork(
      // Lets what one turn of the loop publishes travel together.
      Effect.yieldNow.pipe(
        Effect.andThen(
          storeSome(home, hub).pipe(Effect.retry(persistently), Effect.repeat({ while: () => hub.pending.length > 0 }))
        ),
        Effect.ensuring(
          Effect.sync(() => {
            hub.writing = false
          })
        )
      )
    )
  }

  /** False: all of it is queued or stored already. */
  const queue = (home: Home, hub: Hub, events: ReadonlyArray<FeedEvent>, stored: (() => void) | null): boolean => {
    const fresh = events.filter(({ source, sourceSeq }) => {
      if (sourceSeq <= (hub.heard.get(source) ?? -1)) return false
      hub.heard.set(source, sourceSeq)
      return true
    })
    for (const [index, event] of fresh.entries()) hub.pending.push({ event, stored: index === fresh.length - 1 ? stored : null })
    write(home, hub)
    return fresh.length > 0
  }

  const publish = Effect.fnUntraced(function* (home: Home, events: ReadonlyArray<FeedEvent>) {
    const last = events.at(-1)
    if (last === undefined) return
    const hub = hubOf(home)
    yield* headOf(home, hub).pipe(Effect.retry(persistently), Effect.orDie)
    while (hub.pending.length >= feedPendingEventsMax) yield* hub.changed
    yield* Effect.callback<void>((resume) => {
      const stored = () => resume(Effect.void)
      if (queue(home, hub, events, stored)) return
      // Repeats alone: stored already, or about to be with what is queued before us.
      if (hub.pending.length === 0) stored()
      else hub.pending.push({ event: last, stored })
    })
  })

  const pageOf = Effect.fnUntraced(function* (home: Home, after: number, limit: number) {
    const hub = hubOf(home)
    let head = yield* headOf(home, hub)
    let from = Math.max(after + 1, head.first)
    let events = from > head.seq ? [] : (hub.newest(from, limit) ?? (yield* store.read(home, from - 1, limit)))
    if (events.length === 0 && from <= head.seq) {
      // Another host has forgotten all of it.
      hub.forget()
      head = yield* headOf(home, hub)
      from = Math.max(after + 1, head.first)
      events = yield* store.read(home, from - 1, limit)
    }
    // The oldest may have been forgotten while we read.
    const first = events[0]?.seq ?? from
    return { events, gap: first > after + 1 ? { from: after + 1, through: first - 1 } : null } satisfies Page
  })

  const next = Effect.fnUntraced(function* (home: Home, after: number, limit: number) {
    while (true) {
      const page = yield* pageOf(home, after, limit)
      if (page.events.length > 0 || page.gap !== null) return page
      const hub = hubOf(home)
      if ((hub.head?.seq ?? 0) <= after) yield* hub.changed
    }
  })

  /** What another host has stored; how far it is in the store, or here, should that be further by now. */
  const look = Effect.fnUntraced(function* (hub: Hub) {
    const known = hub.head
    const head = yield* store.head(hub.home)
    if (hub.writing || hub.head !== known) return hub.head === null || hub.head.seq < head.seq ? head : hub.head
    if (head.seq === known?.seq) return head
    hub.forget()
    hub.learn(head)
    // What all who watch ask for next is read once.
    const missed = known?.epoch === head.epoch ? head.seq - known.seq : Number.POSITIVE_INFINITY
    if (hub.isWatched && missed <= feedBatchEventsMax) {
      const events = yield* store.read(hub.home, head.seq - missed, missed)
      if (hub.head === head && events.at(-1)?.seq === head.seq) hub.keep(events)
    }
    hub.wake()
    return head
  })
  const storedHead = (home: Home) => {
    const hub = hubOf(home)
    return coordination.isShared ? look(hub) : headOf(home, hub)
  }
  const lookFor = (found: Iterable<Hub>) =>
    Effect.forEach(
      [...found].filter(({ isWatched, writing }) => isWatched && !writing),
      (hub) => Effect.ignore(look(hub)),
      { concurrency: feedCallsMax, discard: true }
    )
  yield* Effect.forkScoped(
    unending(
      "looking for feeds",
      Effect.suspend(() => lookFor(hubs.values())),
      feedLookMs
    )
  )

  const spokenOf = new Set<Hub>()
  const looking = new Again(
    Effect.suspend(() => {
      const found = [...spokenOf]
      spokenOf.clear()
      return lookFor(found)
    }),
    fork
  )
  yield* coordination.subscribe("feed", (name) => {
    for (const hub of name === null ? hubs.values() : [hubs.get(name)]) {
      if (hub === undefined) continue
      if (hub.isWatched) spokenOf.add(hub)
      // Whoever is about to watch reads it anew.
      else if (!hub.writing) hub.forget()
    }
    looking.ask()
  })

  // Homes that nobody has asked for in a while leave memory; their feed is stored.
  const forget = Effect.sync(() => {
    for (const [name, hub] of hubs) {
      if (hub.isForgotten && hub.isQuiet) hubs.delete(name)
      hub.isForgotten = true
    }
  })
  yield* Effect.forkScoped(unending("forgetting feeds", forget, passivateAfterMs))

  return Feeds.of({
    head: storedHead,
    read: (home, after, limit) => Effect.andThen(storedHead(home), pageOf(home, after, limit)),
    next,
    tell: (home, events) => Effect.sync(() => void queue(home, hubOf(home), events, null)),
    publish
  })
})
