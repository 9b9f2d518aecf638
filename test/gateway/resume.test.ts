/** Coming back with a cursor: each event once and in order, wherever the connection was cut and whatever was published meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import { FeedStore } from "../../runtime/feed.ts"
import { passivateAfterMs } from "../../runtime/limits.ts"
import { deltas, type Started, startGateway } from "../support/gateway.ts"
import { follow, open } from "../support/socket.ts"

const gateway = startGateway()

interface Plan {
  /** Events published one burst after the other, while the client comes and goes. */
  readonly bursts: ReadonlyArray<number>
  /** How many events the client hears before each cut. */
  readonly cuts: ReadonlyArray<number>
}

const plans: fc.Arbitrary<Plan> = fc.record({
  bursts: fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 12 }),
  cuts: fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 5 })
})

const heardThrough = Effect.fnUntraced(function* ({ url, owner, session, publish }: Started, { bursts, cuts }: Plan) {
  const { id } = yield* session()
  const total = bursts.reduce((sum, burst) => sum + burst, 0)
  const publishing = Effect.gen(function* () {
    let from = 1
    for (const burst of bursts) {
      yield* publish(id, deltas(from, burst))
      from += burst
    }
  })
  const watching = Effect.gen(function* () {
    const heard: Array<any> = []
    let cursor: { epoch: number; seq: number } | null = null
    const listen = (enough: (frames: ReadonlyArray<any>) => boolean, most: number) =>
      Effect.scoped(
        Effect.gen(function* () {
          const client = yield* open(url, id, owner.token, { cursor })
          const { epoch } = yield* client.until("welcome", ({ type }) => type === "welcome")
          yield* client.until("enough", () => enough(client.of("event")))
          const taken = client.of("event").slice(0, most)
          heard.push(...taken)
          cursor = { epoch, seq: taken.at(-1)?.seq ?? cursor?.seq ?? 0 }
          assert.isEmpty(client.of("gap"))
        })
      )
    for (const cut of cuts) {
      const room = Math.min(cut, total - heard.filter(({ kind }) => kind === "message").length)
      yield* listen((events) => events.length >= room, cut)
    }
    const isLast = ({ body }: any) => body.delta === `${total} `
    if (!heard.some(isLast)) yield* listen((events) => events.some(isLast), Number.POSITIVE_INFINITY)
    return heard
  })
  const [, heard] = yield* Effect.all([publishing, watching], { concurrency: "unbounded" })
  return { heard, total }
})

describe("a client that comes back with its cursor", () => {
  it.live("has each event once and in order, wherever it was cut and while more is published", () =>
    Effect.gen(function* () {
      const its = yield* gateway
      yield* its.session()
      const holds = async (plan: Plan) => {
        const { heard, total } = await Effect.runPromise(Effect.scoped(heardThrough(its, plan)))
        assert.deepEqual(
          heard.map(({ seq }) => seq),
          heard.map((_, index) => index + 1)
        )
        assert.deepEqual(
          heard.filter(({ kind }) => kind === "message").map(({ body }) => body.delta),
          Array.from({ length: total }, (_, index) => `${index + 1} `)
        )
      }
      yield* Effect.promise(() => fc.assert(fc.asyncProperty(plans, holds), { numRuns: 40 }))
    })
  )

  it.live("is told that its cursor is of another feed, or ahead of this one, and begins afresh", () =>
    Effect.gen(function* () {
      const { url, owner, session, publish } = yield* gateway
      const { id } = yield* session()
      yield* publish(id, deltas(1, 5))
      for (const [cursor, reason] of [
        [{ epoch: 7, seq: 3 }, "epoch"],
        [{ epoch: 1, seq: 999 }, "ahead"]
      ] as const) {
        const client = yield* follow(url, id, owner.token, cursor)
        assert.deepEqual(client.of("gap"), [{ type: "gap", from: 1, through: 0, reason }])
        const { seq } = client.frames[0]
        assert.lengthOf(client.of("event"), seq)
        assert.strictEqual(client.of("event")[0].seq, 1)
      }
    })
  )

  it.effect("is told how far what it missed reaches, where it is no longer stored", () =>
    Effect.gen(function* () {
      const { url, owner, organisation, session, publish, its } = yield* gateway
      const { id } = yield* session()
      yield* publish(id, deltas(1, 20))
      // What nobody watches leaves memory; then the store alone knows what there is.
      yield* TestClock.adjust(3 * passivateAfterMs)
      yield* its(FeedStore.use((store) => store.trim({ org: organisation.id, id }, 10)))

      const back = yield* follow(url, id, owner.token, { epoch: 1, seq: 4 })
      assert.deepEqual(back.of("gap"), [{ type: "gap", from: 5, through: 10, reason: "trimmed" }])
      assert.strictEqual(back.of("event")[0].seq, 11)
      const first = yield* follow(url, id, owner.token, null)
      assert.isEmpty(first.of("gap"), "whoever asks for what there is misses nothing")
      assert.deepEqual(first.of("event"), back.of("event"))
    })
  )

  it.live("pages through the same events over HTTP, where a gap is told as well", () =>
    Effect.gen(function* () {
      const { must, owner, session, publish } = yield* gateway
      const { id } = yield* session()
      yield* publish(id, deltas(1, 25))
      const seqs: Array<number> = []
      let after = 0
      while (true) {
        const page = yield* must(owner.token, "GET", `/v1/sessions/${id}/events?after=${after}&limit=7`)
        assert.deepInclude(page, { epoch: 1, gap: null })
        if (page.events.length === 0) break
        assert.isAtMost(page.events.length, 7)
        seqs.push(...page.events.map(({ seq }: { seq: number }) => seq))
        after = seqs.at(-1)!
      }
      assert.deepEqual(
        seqs,
        seqs.map((_, index) => index + 1)
      )
      assert.isAtLeast(seqs.length, 25)
    })
  )
})
