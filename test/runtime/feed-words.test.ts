/** Servers on one feed store: what one stores, those who watch on another see at the word, and by looking where no word comes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type FeedState, memoryFeed } from "../../adapters/memory/feed.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { FeedStore } from "../../runtime/feed.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { feedLookMs } from "../../runtime/limits.ts"
import { localCoordination, Table } from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"

const home = { org: "org_1", id: "ses_1" }
const event = (sourceSeq: number) => ({
  ...{ source: "daemon/d", sourceSeq, kind: "message", agent: "scripted", parent: null, rev: null, at: 1 },
  body: { delta: `${sourceSeq}` }
})

describe("feeds on two servers", () => {
  /** Two on one store; `calls` counts what the store was asked. */
  const servers = Effect.fnUntraced(function* (coordinationOf: () => Coordination["Service"]) {
    const state: FeedState = new Map()
    const calls = { read: 0 }
    const store = memoryFeed(state, (operation) =>
      Effect.sync(() => {
        if (operation === "read") calls.read += 1
        return null
      })
    )
    const server = Effect.suspend(() =>
      Layer.build(
        Layer.fresh(localFeeds).pipe(
          Layer.provide(Layer.mergeAll(Layer.succeed(FeedStore, store), Layer.succeed(Coordination, coordinationOf())))
        )
      ).pipe(Effect.map((context) => Effect.provideContext(Feeds, context)))
    )
    return { one: yield* yield* server, other: yield* yield* server, calls }
  })

  it.effect("are in step at once where they share a coordination, and the store is read once for all who watch", () =>
    Effect.gen(function* () {
      const table = new Table()
      const { one, other, calls } = yield* servers(() => localCoordination(table))
      for (let seq = 1; seq <= 20; seq++) {
        const watching = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 50 }, () => other.next(home, seq - 1, 10)),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust(0)
        yield* one.publish(home, [event(seq)])
        for (const { events } of yield* Fiber.join(watching))
          assert.deepStrictEqual(
            events.map((each) => each.seq),
            [seq]
          )
      }
      assert.isAtMost(calls.read, 20)
    })
  )

  it.effect("are as far as the store for whoever comes to the other one, also where no word came", () =>
    Effect.gen(function* () {
      const table = new Table()
      for (const shared of [true, false]) {
        const { one, other } = yield* servers(() => localCoordination(shared ? table : new Table()))
        assert.strictEqual((yield* other.head(home)).seq, 0)
        yield* one.publish(home, [event(1), event(2)])
        assert.strictEqual((yield* other.head(home)).seq, 2)
        yield* one.publish(home, [event(3)])
        assert.deepStrictEqual(
          (yield* other.read(home, 1, 10)).events.map((each) => each.seq),
          [2, 3]
        )
      }
    })
  )

  it.effect("are in step at once for who begins to watch after the word came", () =>
    Effect.gen(function* () {
      const table = new Table()
      const { one, other } = yield* servers(() => localCoordination(table))
      const { seq } = yield* other.head(home)
      yield* one.publish(home, [event(1)])
      yield* TestClock.adjust(0)
      const watching = yield* Effect.forkChild(other.next(home, seq, 10))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(watching.pollUnsafe()?._tag, "Success")
    })
  )

  it.effect("see each other's events within 10 s where no word comes", () =>
    Effect.gen(function* () {
      const { one, other } = yield* servers(() => localCoordination())
      const watching = yield* Effect.forkChild(other.next(home, 0, 10))
      yield* TestClock.adjust(0)
      yield* one.publish(home, [event(1)])
      yield* TestClock.adjust(feedLookMs - 1)
      assert.isUndefined(watching.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(
        (yield* Fiber.join(watching)).events.map((each) => each.seq),
        [1]
      )
    })
  )
})
