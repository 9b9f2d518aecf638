/** Those in step get each event at once and once, those who fall behind go on by themselves, and nobody gets one twice. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FiberSet, Layer } from "effect"
import { follow, nextOf } from "../../adapters/gateway/follow.ts"
import { makeInStep } from "../../adapters/gateway/in-step.ts"
import { senderTo } from "../../adapters/gateway/sender.ts"
import * as MemoryFeed from "../../adapters/memory/feed.ts"
import type { FeedEvent } from "../../runtime/feed.ts"
import { Feeds } from "../../runtime/feeds.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"

const home = { org: "org_1", id: "ses_1" }
const event = (sourceSeq: number): FeedEvent => ({
  ...{ source: "daemon/d", sourceSeq, kind: "tool", agent: "scripted", parent: null, rev: null, at: 1 },
  body: { toolCallId: `c${sourceSeq}` }
})
const range = (from: number, through: number) => Array.from({ length: through - from + 1 }, (_, n) => from + n)

/** A connection that holds what it is sent, as one does whose other end reads slowly or not at all. */
const connection = () => {
  const seqs: Array<number> = []
  const its = { waiting: 0, sends: 0 }
  const wire = {
    send: (text: Uint8Array) => {
      const { type, seq } = JSON.parse(Buffer.from(text).toString()) as { type: string; seq: number }
      if (type === "event") seqs.push(seq)
      return true
    },
    waitingBytes: () => its.waiting,
    together: (run: () => void) => {
      its.sends += 1
      run()
    },
    ping: () => {},
    end: () => {}
  }
  return { seqs, its, sender: senderTo(wire) }
}

const world = Effect.gen(function* () {
  const feeds = yield* Feeds
  const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
  let reads = 0
  const read = nextOf(feeds)
  const inStep = makeInStep((at, after) => {
    reads += 1
    return read(at, after)
  }, fork)
  let said = 0
  const publish = Effect.fnUntraced(function* (count: number) {
    yield* feeds.publish(home, range(said + 1, said + count).map(event))
    said += count
  })
  const watch = Effect.fnUntraced(function* (after = 0) {
    const its = connection()
    const fiber = yield* Effect.forkChild(follow(feeds, home, after, said, its.sender, inStep), { startImmediately: true })
    return { ...its, fiber }
  })
  const had = (seqs: ReadonlyArray<number>) =>
    Effect.repeat(Effect.yieldNow, { until: () => seqs.at(-1) === said }).pipe(Effect.timeout("5 seconds"))
  return { publish, watch, had, said: () => said, reads: () => reads }
})

const feedsOfItsOwn = () => localFeeds.pipe(Layer.provide(Layer.merge(MemoryFeed.layer(), LocalCoordination.layer)))
const story = (title: string, play: (its: Effect.Success<typeof world>) => Effect.Effect<void, unknown>) =>
  it.live(title, () => Effect.scoped(Effect.flatMap(world, play)).pipe(Effect.provide(Layer.fresh(feedsOfItsOwn()))))

describe("those in step", () => {
  story(
    "share one read of the feed, and each gets all of it once and in order, whenever it came",
    ({ publish, watch, had, reads }) =>
      Effect.gen(function* () {
        yield* publish(10)
        const all = [yield* watch(), yield* watch(4)]
        for (let n = 0; n < 40; n++) {
          if (n % 4 === 0) all.push(yield* watch(n))
          yield* publish(1 + (n % 3))
        }
        for (const { seqs } of all) yield* had(seqs)
        assert.deepStrictEqual(all[0]!.seqs, range(1, 89))
        assert.deepStrictEqual(all[1]!.seqs, range(5, 89))
        for (const { seqs } of all.slice(2)) assert.deepStrictEqual(seqs, range(seqs[0]!, 89))
        assert.isBelow(reads(), 60)
      })
  )

  story("are not held up by one that is behind, which has it all when it is back", ({ publish, watch, had, said }) =>
    Effect.gen(function* () {
      const [quick, slow] = [yield* watch(), yield* watch()]
      yield* publish(3)
      yield* Effect.all([had(quick.seqs), had(slow.seqs)])
      slow.its.waiting = 100 * 1024 * 1024
      yield* publish(5)
      yield* publish(5)
      yield* had(quick.seqs)
      assert.deepStrictEqual(slow.seqs, range(1, 3))
      slow.its.waiting = 0
      slow.sender.drained()
      yield* had(slow.seqs)
      yield* publish(2)
      yield* Effect.all([had(quick.seqs), had(slow.seqs)])
      assert.deepStrictEqual(slow.seqs, range(1, said()))
      assert.deepStrictEqual(quick.seqs, range(1, said()))
    })
  )

  story("may leave, the last one too, and others come after", ({ publish, watch, had }) =>
    Effect.gen(function* () {
      const [one, other] = [yield* watch(), yield* watch()]
      yield* publish(1)
      yield* Effect.all([had(one.seqs), had(other.seqs)])
      one.fiber.interruptUnsafe()
      yield* publish(1)
      yield* had(other.seqs)
      assert.deepStrictEqual(one.seqs, [1])
      other.fiber.interruptUnsafe()
      yield* Effect.yieldNow
      const late = yield* watch(1)
      yield* publish(2)
      yield* had(late.seqs)
      assert.deepStrictEqual(
        [other.seqs, late.seqs],
        [
          [1, 2],
          [2, 3, 4]
        ]
      )
    })
  )
})
