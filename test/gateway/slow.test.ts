/** A reader that does not keep up: told in fewer frames, then cut, and nobody else notices. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { FeedEvent } from "../../runtime/feed.ts"
import { deltas, startGateway } from "../support/gateway.ts"
import { type Client, follow } from "../support/socket.ts"
import { transports } from "../support/transports.ts"

/** A tool's output as large as it may be. */
const outputs = (from: number, count: number): ReadonlyArray<FeedEvent> =>
  Array.from({ length: count }, (_, index) => ({
    source: "daemon/d",
    sourceSeq: from + index,
    kind: "tool",
    agent: "scripted",
    parent: null,
    rev: null,
    at: 1,
    body: { turnId: "t1", toolCallId: `c${index}`, output: "x".repeat(60_000) }
  }))

const hasHeard = (client: Client, delta: string) => client.until(delta, ({ body }) => body?.delta?.endsWith(delta))

describe.each(transports)("over %s, a slow reader", (_, transport) => {
  const gateway = Effect.suspend(() => startGateway({ transport: transport() }))

  it.live("hears deltas of one message joined, without losing or repeating a character", () =>
    Effect.gen(function* () {
      const { url, owner, session, publish } = yield* gateway
      const { id } = yield* session()
      const [slow, quick] = [yield* follow(url, id, owner.token), yield* follow(url, id, owner.token)]
      slow.raw.pause()
      // More than the system holds for a connection.
      yield* publish(id, outputs(1, 250))
      yield* quick.until("the outputs", ({ seq }) => seq >= 250)
      yield* publish(id, deltas(251, 1_500))
      yield* hasHeard(quick, "1750 ")
      slow.raw.resume()
      yield* hasHeard(slow, "1750 ")

      const said = (client: Client, kind: string) => client.of("event").filter((event) => event.kind === kind)
      assert.lengthOf(said(slow, "tool"), 250)
      const [joined, single] = [said(slow, "message"), said(quick, "message")]
      assert.isBelow(joined.length, 500)
      const textOf = (events: ReadonlyArray<any>) => events.map(({ body }) => body.delta).join("")
      assert.strictEqual(textOf(joined), textOf(single))
      let last = 0
      for (const { seq, from = seq } of slow.of("event")) {
        assert.strictEqual(from, last + 1)
        last = seq
      }
      assert.strictEqual(last, quick.of("event").at(-1).seq)
    })
  )

  it.effect("is cut with 4413 when more than 8 MB wait for it for 10 s, and all others go on", () =>
    Effect.gen(function* () {
      const { url, owner, session, publish } = yield* gateway
      const { id } = yield* session()
      const [stuck, quick] = [yield* follow(url, id, owner.token), yield* follow(url, id, owner.token)]
      stuck.raw.pause()
      yield* publish(id, outputs(1, 500))
      yield* quick.until("the outputs", ({ seq }) => seq >= 500)
      yield* TestClock.adjust("9 seconds")
      quick.send({ type: "ping", at: 1 })
      yield* quick.until("pong", ({ type }) => type === "pong")
      assert.isFalse(stuck.frames.some(({ seq }) => seq >= 500))
      yield* TestClock.adjust("1 seconds")
      yield* publish(id, deltas(501, 1))
      yield* hasHeard(quick, "501 ")
      stuck.raw.resume()
      const { code, reason } = yield* stuck.ended
      assert.strictEqual(code, 4413)
      assert.match(reason, /more than 8 MB .* come back with your cursor/)

      const last = stuck.of("event").at(-1)
      const back = yield* follow(url, id, owner.token, { epoch: 1, seq: last.seq })
      yield* hasHeard(back, "501 ")
      assert.strictEqual(back.of("event")[0].seq, last.seq + 1)
    })
  )
})
