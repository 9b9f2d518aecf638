/** What every feed store promises (runtime/feed.ts): F1, and what the feed builds F2 and F3 on. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, type Layer } from "effect"
import { type FeedError, type FeedEvent, type FeedHead, FeedStore, type Home } from "../../runtime/feed.ts"

export class FeedWorld extends Context.Service<
  FeedWorld,
  {
    /** Breaks the connection under the next append, before it is heard or after it is stored. */
    readonly lose: (what: "question" | "answer") => Effect.Effect<void>
  }
>()("proliferate/test/FeedWorld") {}

const silent: FeedHead = { epoch: 1, seq: 0, first: 1, sources: {} }

const event = (
  sourceSeq: number,
  source = "daemon/dmn_1",
  body: FeedEvent["body"] = { text: `word ${sourceSeq}` }
): FeedEvent => ({
  source,
  sourceSeq,
  kind: "agent.message",
  agent: "scripted",
  parent: null,
  rev: null,
  at: 1_700_000_000_000.25,
  body
})

const events = (from: number, through: number) => Array.from({ length: through - from + 1 }, (_, n) => event(from + n))

export const exerciseFeed = (name: string, world: Layer.Layer<FeedStore | FeedWorld, unknown>) =>
  layer(world)(`the feed store in ${name}`, (it) => {
    let homes = 0
    /** Every story has a home of its own. */
    const fresh = (org = "org_1"): Home => ({ org, id: `ses_${++homes}` })
    const reasonOf = <A, R>(effect: Effect.Effect<A, FeedError, R>) => Effect.map(Effect.flip(effect), ({ reason }) => reason)
    const seqs = (home: Home, after: number, limit: number) =>
      FeedStore.use((store) => Effect.map(store.read(home, after, limit), (rows) => rows.map(({ seq }) => seq)))
    /** Stores chunks of the given sizes, one after another. */
    const spoken = Effect.fnUntraced(function* (home: Home, ...sizes: ReadonlyArray<number>) {
      const store = yield* FeedStore
      let head = yield* store.head(home)
      for (const size of sizes) head = yield* store.append(home, head, events(head.seq + 1, head.seq + size))
      return head
    })

    it.effect("a home that never spoke stands at its beginning", () =>
      Effect.gen(function* () {
        const [store, home] = [yield* FeedStore, fresh()]
        assert.deepStrictEqual(yield* store.head(home), silent)
        assert.deepStrictEqual(yield* store.read(home, 0, 10), [])
        yield* store.trim(home, 5)
        assert.deepStrictEqual(yield* store.head(home), silent)
      })
    )

    it.effect("F1 numbers events from 1 without gaps, and remembers how far each source is", () =>
      Effect.gen(function* () {
        const [store, home] = [yield* FeedStore, fresh()]
        const first = yield* store.append(home, silent, [event(1_000, "session/ses_1"), event(7), event(9)])
        assert.deepStrictEqual(first, { epoch: 1, seq: 3, first: 1, sources: { "session/ses_1": 1_000, "daemon/dmn_1": 9 } })
        const second = yield* store.append(home, first, [event(10), event(1, "daemon/dmn_2")])
        const sources = { "session/ses_1": 1_000, "daemon/dmn_1": 10, "daemon/dmn_2": 1 }
        assert.deepStrictEqual(second, { epoch: 1, seq: 5, first: 1, sources })
        assert.deepStrictEqual(yield* store.head(home), second)
        assert.deepStrictEqual(yield* store.append(home, second, []), second)
      })
    )

    it.effect("gives back what it was given, in order", () =>
      Effect.gen(function* () {
        const [store, home] = [yield* FeedStore, fresh()]
        const body = { text: 'a "quoted"\nline, 日本 \\u0000 🙂', nested: { list: [1, null, "x"] }, empty: {} }
        const given = [event(1, "daemon/dmn_1", body), { ...event(2), agent: null, parent: "call_1", rev: 4 }]
        yield* store.append(home, silent, given)
        assert.deepStrictEqual(
          yield* store.read(home, 0, 10),
          given.map((each, n) => ({ ...each, seq: n + 1 }))
        )
      })
    )

    it.effect("F3 reads any range over the borders of what was stored together", () =>
      Effect.gen(function* () {
        const home = fresh()
        yield* spoken(home, 3, 1, 256, 40)
        const all = Array.from({ length: 300 }, (_, n) => n + 1)
        assert.deepStrictEqual(yield* seqs(home, 0, 1_000), all)
        for (const [after, limit] of [
          [0, 2],
          [2, 3],
          [3, 1],
          [100, 200],
          [258, 10],
          [299, 10],
          [300, 10],
          [900, 10]
        ] as const) {
          assert.deepStrictEqual(yield* seqs(home, after, limit), all.slice(after, after + limit))
        }
      })
    )

    it.effect("F1 whoever appends to a head that has moved is told of the conflict, and stores nothing", () =>
      Effect.gen(function* () {
        const [store, home] = [yield* FeedStore, fresh()]
        const head = yield* spoken(home, 2)
        for (const stale of [silent, { ...head, seq: 1 }, { ...head, seq: 3 }, { ...head, epoch: 2 }]) {
          assert.strictEqual(yield* reasonOf(store.append(home, stale, events(3, 4))), "conflict")
        }
        assert.deepStrictEqual(yield* store.head(home), head)
        const lost = { epoch: 1, seq: 8, first: 1, sources: {} }
        assert.strictEqual(yield* reasonOf(store.append(fresh(), lost, events(9, 9))), "conflict")
      })
    )

    it.effect("F1 of many that append at once, one stores", () =>
      Effect.gen(function* () {
        const [store, home] = [yield* FeedStore, fresh()]
        for (let seq = 0; seq < 10; seq += 2) {
          const head = yield* store.head(home)
          const racers = Array.from({ length: 4 }, () => Effect.result(store.append(home, head, events(seq + 1, seq + 2))))
          const outcomes = yield* Effect.all(racers, { concurrency: "unbounded" })
          const reasons = outcomes.map((outcome) => (outcome._tag === "Success" ? "stored" : outcome.failure.reason))
          assert.deepStrictEqual(reasons.sort(), ["conflict", "conflict", "conflict", "stored"])
        }
        assert.deepStrictEqual(
          yield* seqs(home, 0, 100),
          Array.from({ length: 10 }, (_, n) => n + 1)
        )
      })
    )

    it.effect("F3 forgets what it is told to, and says what is its oldest", () =>
      Effect.gen(function* () {
        const [store, home] = [yield* FeedStore, fresh()]
        const head = yield* spoken(home, 4, 4, 4)
        for (const [through, first] of [
          [0, 1],
          [3, 4],
          [2, 4],
          [4, 5],
          [6, 7],
          [8, 9]
        ] as const) {
          yield* store.trim(home, through)
          assert.deepStrictEqual(yield* store.head(home), { ...head, first })
          assert.deepStrictEqual(yield* seqs(home, 0, 2), [first, first + 1])
        }
        yield* store.trim(home, 99)
        assert.deepStrictEqual(yield* store.head(home), { ...head, first: 13 })
        assert.deepStrictEqual(yield* seqs(home, 0, 10), [])
        // The head that the writer knows is from before the trim.
        assert.deepInclude(yield* store.append(home, head, events(13, 13)), { seq: 13, first: 13 })
        assert.deepStrictEqual(yield* seqs(home, 0, 10), [13])
      })
    )

    it.effect("keeps homes and organisations apart", () =>
      Effect.gen(function* () {
        const [store, home] = [yield* FeedStore, fresh()]
        yield* spoken(home, 2)
        const stranger = { ...home, org: "org_2" }
        assert.deepStrictEqual(yield* store.head(stranger), silent)
        assert.deepStrictEqual(yield* store.read(stranger, 0, 10), [])
        yield* spoken(stranger, 1)
        yield* store.trim(stranger, 1)
        assert.deepStrictEqual(yield* seqs(home, 0, 10), [1, 2])
      })
    )

    it.effect("refuses what cannot be stored, and none of its batch is", () =>
      Effect.gen(function* () {
        const [store, home] = [yield* FeedStore, fresh()]
        const bad = event(2, "daemon/dmn_1", { text: "a\u0000b" })
        assert.strictEqual(yield* reasonOf(store.append(home, silent, [event(1), bad])), "refused")
        assert.deepStrictEqual(yield* store.head(home), silent)
      })
    )

    for (const lost of ["question", "answer"] as const) {
      it.effect(`an append whose ${lost} is lost says so; the head tells whether it stands`, () =>
        Effect.gen(function* () {
          const [store, world, home] = [yield* FeedStore, yield* FeedWorld, fresh()]
          yield* world.lose(lost)
          assert.strictEqual(yield* reasonOf(store.append(home, silent, events(1, 3))), "unavailable")
          const head = yield* store.head(home)
          assert.strictEqual(head.seq, lost === "question" ? 0 : 3)
          if (lost === "answer") assert.strictEqual(yield* reasonOf(store.append(home, silent, events(1, 3))), "conflict")
        })
      )
    }
  })
