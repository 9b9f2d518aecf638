/** The feed of a home as its watchers and its sources see it: F1 to F3 of runtime/feed.ts. */
import { Effect, Fiber, Schedule } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { type FeedEvent, FeedStore, type StoredFeedEvent } from "../../runtime/feed.ts"
import { Feeds, type Page } from "../../runtime/feeds.ts"
import {
  feedBatchEventsMax,
  feedLookMs,
  feedPendingEventsMax,
  feedRingEventsMax,
  passivateAfterMs
} from "../../runtime/limits.ts"
import { type Hosting, Place } from "../support/hosting.ts"

const home = { org: "org_1", id: "ses_1" }
const event = (sourceSeq: number, source = "daemon/a", body: Record<string, unknown> = {}): FeedEvent => ({
  ...{ source, sourceSeq, body, kind: "message", agent: "scripted", parent: null, rev: null, at: 0 }
})
const events = (from: number, through: number, source?: string) =>
  Array.from({ length: through - from + 1 }, (_, index) => event(from + index, source))

const publish = (of: ReadonlyArray<FeedEvent>) => Feeds.use((feeds) => feeds.publish(home, of))
const next = (after: number, limit = 10_000) => Feeds.use((feeds) => feeds.next(home, after, limit))
const read = (after: number, limit = 10_000) => Feeds.use((feeds) => feeds.read(home, after, limit))
const numbers = (of: ReadonlyArray<StoredFeedEvent>) => of.map(({ source, sourceSeq }) => `${source}:${sourceSeq}`)
const seqs = ({ events: of }: Page) => of.map(({ seq }) => seq)

const stored = (place: Place): ReadonlyArray<StoredFeedEvent> =>
  (place.feeds.get("org_1/ses_1")?.events ?? []).map((text) => JSON.parse(text))

const feed = () => {
  const place = new Place()
  const host = place.host()
  const waiting = (after: number, from: Hosting = host) => from.fork(next(after))
  return { place, host, waiting }
}

describe("what is published", () => {
  it("is numbered from 1 without gaps, and is stored when its source is told so (F1)", () => {
    const { place, host } = feed()
    host.run(publish(events(1, 3)))
    host.run(publish(events(1, 2, "daemon/b")))
    assert.deepStrictEqual(
      stored(place).map(({ seq }) => seq),
      [1, 2, 3, 4, 5]
    )
  })

  it("is seen by nobody before it is stored (F1)", () => {
    const { place, host, waiting } = feed()
    place.disturbFeed = (operation) => (operation === "append" ? Effect.delay(Effect.succeed(null), 1_000) : Effect.succeed(null))
    const watcher = waiting(0)
    const publisher = host.fork(publish(events(1, 3)))
    place.advance(999)
    assert.isUndefined(watcher.pollUnsafe())
    assert.isUndefined(publisher.pollUnsafe())
    place.advance(2)
    assert.deepStrictEqual(seqs(host.run(Fiber.join(watcher))), [1, 2, 3])
    assert.isDefined(publisher.pollUnsafe())
  })

  it("again is dropped, whoever publishes it, and told to be stored only when it is (F2)", () => {
    const { place, host } = feed()
    place.disturbFeed = (operation) => (operation === "append" ? Effect.delay(Effect.succeed(null), 1_000) : Effect.succeed(null))
    const [first, second, third] = [events(1, 3), events(2, 3), events(2, 5)].map((of) => host.fork(publish(of)))
    place.advance(500)
    for (const publisher of [first, second, third]) assert.isUndefined(publisher!.pollUnsafe())
    place.advance(5_000)
    for (const publisher of [first, second, third]) assert.isDefined(publisher!.pollUnsafe())
    const other = place.host()
    other.run(publish(events(1, 5)))
    assert.deepStrictEqual(
      numbers(stored(place)),
      [1, 2, 3, 4, 5].map((seq) => `daemon/a:${seq}`)
    )
  })

  it("is stored though its publisher was interrupted while it waited", () => {
    const { place, host } = feed()
    place.disturbFeed = () => Effect.delay(Effect.succeed(null), 1_000)
    host.run(Feeds.use((feeds) => feeds.head(home)))
    const publisher = host.fork(publish(events(1, 3)))
    place.advance(10)
    publisher.interruptUnsafe()
    place.advance(5_000)
    assert.lengthOf(stored(place), 3)
  })

  it("waits when too much waits already, and loses nothing", () => {
    const { place, host } = feed()
    let isSlow = true
    place.disturbFeed = (operation) =>
      Effect.suspend(() => (isSlow && operation === "append" ? Effect.never : Effect.succeed(null)))
    host.fork(publish(events(1, feedPendingEventsMax)))
    place.advance(10)
    const slowed = host.fork(publish(events(feedPendingEventsMax + 1, feedPendingEventsMax + 1)))
    place.advance(10_000)
    assert.isUndefined(slowed.pollUnsafe())
    isSlow = false
    host.kill()
    const next = place.host()
    next.run(publish(events(1, feedPendingEventsMax)))
    next.run(publish(events(feedPendingEventsMax + 1, feedPendingEventsMax + 1)))
    assert.lengthOf(stored(place), feedPendingEventsMax + 1)
  })

  it("waits out an outage of the store, also one that stored and did not say so", () => {
    const { place, host } = feed()
    let calls = 0
    const faults = ["unavailable", null, "answerLost", null, null] as const
    place.disturbFeed = () => Effect.sync(() => faults[calls++ % faults.length]!)
    for (let seq = 1; seq <= 10; seq++) host.run(publish([event(seq)]))
    assert.deepStrictEqual(
      numbers(stored(place)),
      events(1, 10).map(({ source, sourceSeq }) => `${source}:${sourceSeq}`)
    )
    assert.deepStrictEqual(
      stored(place).map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    )
  })

  it("and cannot be stored leaves a word that it was there, and holds up nobody", () => {
    const { place, host } = feed()
    const poison = { ...event(2), agent: "half \ud83d", parent: "\u0000", kind: "a\u0000b", body: { text: "\u0000" } }
    host.run(publish([event(1), poison, event(3)]))
    host.run(publish(events(4, 600)))
    assert.deepInclude(stored(place)[1], { sourceSeq: 2, seq: 2, kind: "unstorable", agent: null, parent: null })
    assert.lengthOf(stored(place), 600)
  })
})

describe("a watcher", () => {
  it("is given what comes after its cursor, in order, and then what comes (F3)", () => {
    const { host, waiting, place } = feed()
    host.run(publish(events(1, 5)))
    assert.deepStrictEqual(seqs(host.run(next(2))), [3, 4, 5])
    assert.deepStrictEqual(seqs(host.run(next(2, 2))), [3, 4])
    const watcher = waiting(5)
    place.advance(1_000)
    assert.isUndefined(watcher.pollUnsafe())
    host.run(publish(events(6, 6)))
    assert.deepStrictEqual(seqs(host.run(Fiber.join(watcher))), [6])
  })

  it("that has gone leaves nothing behind", () => {
    const { host, waiting, place } = feed()
    const watcher = waiting(0)
    place.advance(10)
    watcher.interruptUnsafe()
    host.run(publish(events(1, 1)))
    assert.deepStrictEqual(seqs(host.run(next(0))), [1])
  })

  it("reads over the edge between memory and the store without a seam", () => {
    const { place, host } = feed()
    const count = feedRingEventsMax + 300
    host.run(publish(events(1, count)))
    for (const after of [0, 299, 300, 301, count - 1]) {
      assert.deepStrictEqual(seqs(host.run(next(after, 1))), [after + 1])
      assert.deepStrictEqual(
        seqs(host.run(read(after))),
        Array.from({ length: count - after }, (_, index) => after + 1 + index)
      )
    }
    assert.strictEqual(place.callsOf("read"), 4)
  })

  it("costs the ring no more than a megabyte, however long the outputs are", () => {
    const { place, host } = feed()
    const output = "x".repeat(65_536)
    for (let seq = 1; seq <= 40; seq++) host.run(publish([event(seq, "daemon/a", { output })]))
    assert.lengthOf(host.run(read(30)).events, 10)
    assert.strictEqual(place.callsOf("read"), 0)
    assert.lengthOf(host.run(read(10)).events, 30)
    assert.strictEqual(place.callsOf("read"), 1)
  })

  it("of a feed that was trimmed is told how far the gap reaches (F3)", () => {
    const { host, place } = feed()
    host.run(publish(events(1, 10)))
    host.kill()
    const other = place.host()
    other.run(FeedStore.use((store) => store.trim(home, 4)))
    assert.deepStrictEqual(other.run(next(2)).gap, { from: 3, through: 4 })
    assert.deepStrictEqual(seqs(other.run(next(2))), [5, 6, 7, 8, 9, 10])
    assert.isNull(other.run(next(4)).gap)
  })

  it("is told of the gap also when another host trimmed it just now (F3)", () => {
    const { host, place } = feed()
    host.run(publish(events(1, feedRingEventsMax + 10)))
    place.host().run(FeedStore.use((store) => store.trim(home, 4)))
    assert.deepInclude(host.run(next(0, 3)), { gap: { from: 1, through: 4 } })
    place.host().run(FeedStore.use((store) => store.trim(home, feedRingEventsMax + 10)))
    assert.deepStrictEqual(host.run(next(0, 3)), { events: [], gap: { from: 1, through: feedRingEventsMax + 10 } })
  })

  it("hears what another host stores, within ten seconds", () => {
    const { place, host, waiting } = feed()
    host.run(publish(events(1, 3)))
    const watcher = waiting(3)
    place.host().run(publish(events(4, 5)))
    place.advance(feedLookMs + 100)
    assert.deepStrictEqual(seqs(host.run(Fiber.join(watcher))), [4, 5])
  })

  it("is not forgotten with a home that says nothing for long", () => {
    const { place, host, waiting } = feed()
    const watcher = waiting(0)
    place.advance(3 * passivateAfterMs)
    host.run(publish(events(1, 1)))
    assert.deepStrictEqual(seqs(host.run(Fiber.join(watcher))), [1])
  })
})

describe("two hosts that publish for one home", () => {
  it("store each event once, in one order", () => {
    const { place, host } = feed()
    const other = place.host()
    const publishers = [host, other].flatMap((from) =>
      Array.from({ length: 20 }, (_, index) => from.fork(publish(events(1, 5 * (index + 1)))))
    )
    for (const [index, publisher] of publishers.entries()) (index < 20 ? host : other).run(Fiber.join(publisher))
    assert.deepStrictEqual(
      stored(place).map(({ sourceSeq }) => sourceSeq),
      events(1, 100).map(({ sourceSeq }) => sourceSeq)
    )
    assert.deepStrictEqual(
      stored(place).map(({ seq }) => seq),
      events(1, 100).map(({ sourceSeq }) => sourceSeq)
    )
  })
})

it("travels in batches of at most 256", () => {
  const { place, host } = feed()
  host.run(publish(events(1, 1_000)))
  assert.strictEqual(place.callsOf("append"), Math.ceil(1_000 / feedBatchEventsMax))
})

it("gives every watcher every event once and in order, whatever befalls the store, its hosts and the watchers", () => {
  const publication = fc.record({
    source: fc.constantFrom("daemon/a", "daemon/b", "session/ses_1"),
    through: fc.integer({ min: 1, max: 40 }),
    waitMs: fc.integer({ min: 0, max: 400 })
  })
  const faults = fc.infiniteStream(fc.constantFrom(null, null, null, "unavailable" as const, "answerLost" as const))
  fc.assert(
    fc.property(fc.array(publication, { minLength: 1, maxLength: 25 }), faults, fc.boolean(), (publications, fault, areTwo) => {
      const place = new Place()
      const hosts = areTwo ? [place.host(), place.host()] : [place.host()]
      place.disturbFeed = () => Effect.sync(() => fault.next().value!)
      const seen: Array<StoredFeedEvent> = []
      const watch = Effect.gen(function* () {
        while (true) {
          const { events: page, gap } = yield* next(seen.length, 7)
          assert.isNull(gap)
          seen.push(...page)
        }
      }).pipe(Effect.retry({ while: () => true, schedule: Schedule.spaced(20) }))
      hosts[0]!.fork(watch)
      const reached = new Map<string, number>()
      for (const [index, { source, through, waitMs }] of publications.entries()) {
        const from = hosts[index % hosts.length]!
        from.fork(publish(events(1, Math.max(through, reached.get(source) ?? 0), source)))
        reached.set(source, Math.max(through, reached.get(source) ?? 0))
        place.advance(waitMs)
      }
      place.disturbFeed = () => Effect.succeed(null)
      place.advance(3 * feedLookMs)
      assert.deepStrictEqual(seen, stored(place))
      assert.deepStrictEqual(
        seen.map(({ seq }) => seq),
        seen.map((_, index) => index + 1)
      )
      for (const [source, through] of reached)
        assert.deepStrictEqual(
          seen.filter((one) => one.source === source).map(({ sourceSeq }) => sourceSeq),
          Array.from({ length: through }, (_, index) => index + 1)
        )
    }),
    { numRuns: 60 }
  )
})
