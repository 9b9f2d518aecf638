/** What goes over the wire: events joined without loss, JSON faults found where they are. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { clipped } from "../../adapters/gateway/cut.ts"
import { coalesce, encodeEvent } from "../../adapters/gateway/frames.ts"
import { faultIn, parseText } from "../../adapters/gateway/json.ts"
import type { StoredFeedEvent } from "../../runtime/feed.ts"

const said: fc.Arbitrary<Omit<StoredFeedEvent, "seq">> = fc.record({
  source: fc.constantFrom("daemon/a", "daemon/b"),
  sourceSeq: fc.nat(),
  kind: fc.constantFrom("message", "message", "thought", "tool"),
  agent: fc.constantFrom("scripted", null),
  parent: fc.constant(null),
  rev: fc.constant(null),
  at: fc.nat(),
  body: fc.record({
    turnId: fc.constant("t"),
    messageId: fc.constantFrom("m1", "m2"),
    delta: fc.oneof(fc.string(), fc.constant("x".repeat(40_000)))
  })
})
const feeds = fc.array(said, { maxLength: 60 }).map((events) => events.map((event, index) => ({ ...event, seq: index + 1 })))

describe("joining deltas", () => {
  it("loses, repeats and reorders nothing, covers every seq once, and joins only what one message says in one breath", () => {
    fc.assert(
      fc.property(feeds, (events) => {
        const spans = coalesce(events)
        let next = 0
        for (const span of spans) {
          const parts = events.slice(next, span.seq)
          assert.strictEqual(span.from ?? span.seq, next + 1)
          assert.strictEqual(span.body["delta"], parts.map(({ body }) => body["delta"]).join(""))
          assert.isTrue(parts.length === 1 || (span.body["delta"] as string).length <= 64 * 1024)
          for (const part of parts) {
            assert.deepInclude(part, { kind: span.kind, source: span.source, agent: span.agent })
            assert.strictEqual(part.body["messageId"], span.body["messageId"])
          }
          next = span.seq
        }
        assert.strictEqual(next, events.length)
      })
    )
  })

  it("encodes an event once, however many watch", () => {
    const [event] = fc.sample(
      feeds.filter(({ length }) => length > 0),
      { numRuns: 1, seed: 1 }
    )[0]!
    assert.strictEqual(encodeEvent(event!), encodeEvent(event!))
    assert.notProperty(JSON.parse(String(encodeEvent(event!))), "sourceSeq")
  })
})

describe("a fault in JSON", () => {
  it("is never found in what is JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(4), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        assert.strictEqual(faultIn(text), text.length)
      })
    )
  })

  it("is found at the end of what was cut off, or before", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), (value, cut) => {
        const whole = JSON.stringify([value])
        const text = whole.slice(0, cut % whole.length)
        assert.property(parseText(text), "fault")
        assert.isAtMost(faultIn(text), text.length)
      })
    )
  })

  it.each([
    ['{"a": 1,}', "is not valid JSON at line 1, column 9"],
    ['{\n  "a": nope\n}', "is not valid JSON at line 2, column 8"],
    ["[1, 2", "is not valid JSON: it ends too early"],
    ["", "is not valid JSON: it ends too early"],
    ['{"a":1} {', "is not valid JSON at line 1, column 9"],
    ["[".repeat(200_000), "is not valid JSON: it ends too early"]
  ])("in %.20j is told with its place", (text, fault) => {
    assert.deepEqual(parseText(text), { fault })
  })
})

describe("a close reason", () => {
  it("fits its frame, whatever it is made of, and is never cut within a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (reason) => {
        const short = clipped(reason)
        assert.isAtMost(Buffer.byteLength(short), 123)
        assert.notInclude(short, "\ufffd")
        if (short !== reason) assert.isTrue(reason.startsWith(short.slice(0, -1)))
      })
    )
  })
})
