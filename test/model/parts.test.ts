/** The relay's parts that see bytes, however those are cut into pieces: what takes the key out, what finds events, what reads a cost. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { Dialect } from "../../actors/ports/models.ts"
import { routes } from "../../adapters/model/dialects.ts"
import { dataOf, makeSplitter } from "../../adapters/model/events.ts"
import { fieldsOf } from "../../adapters/model/fields.ts"
import { isUsageChunk, makeMeter } from "../../adapters/model/meter.ts"
import { makeRedactor } from "../../adapters/model/redactor.ts"
import { type Asked, readRequest } from "../../adapters/model/request.ts"

const key = "sk-ab-ab-abc"

/** Cuts at any places. */
const pieces = (text: string, cuts: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const bytes = Buffer.from(text)
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length))
}
const cuts = fc.array(fc.nat(), { maxLength: 20 })

describe("a key", () => {
  // Of its own letters, so that beginnings of it are everywhere.
  const words = fc.array(fc.constantFrom(key, "sk-", "ab-", "a", "c", "sk-ab-ab-ab", "é", " "), { maxLength: 20 })

  it("is taken out wherever it stands and wherever it is cut, and nothing else is", () => {
    fc.assert(
      fc.property(words, cuts, (parts, cuts) => {
        const text = parts.join("")
        const redactor = makeRedactor(key)
        const said = Buffer.concat([...pieces(text, cuts).map(redactor.take), redactor.end()]).toString()
        assert.strictEqual(said, text.replaceAll(key, "[redacted]"))
      }),
      { numRuns: 2_000 }
    )
  })

  it("holds nothing back but what may be its beginning", () => {
    const redactor = makeRedactor(key)
    assert.strictEqual(Buffer.from(redactor.take(Buffer.from("hello sk-"))).toString(), "hello ")
    assert.strictEqual(Buffer.from(redactor.take(Buffer.from("ip"))).toString(), "sk-ip")
  })

  it("of a few letters is a word like any other", () => {
    const redactor = makeRedactor("none")
    assert.strictEqual(Buffer.from(redactor.take(Buffer.from("none"))).toString(), "none")
  })
})

describe("events", () => {
  const event = fc.tuple(
    fc.constantFrom('data: {"a":1}', "event: x\ndata: é", ": ping", "data: 1\r\ndata: 2"),
    fc.constantFrom("\n\n", "\r\n\r\n", "\n\r\n")
  )

  it("are found whole however they are cut, and are together what came", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 8 }), fc.constantFrom("", "data: unfinished"), cuts, (events, rest, cuts) => {
        const whole = events.map((parts) => parts.join(""))
        const splitter = makeSplitter(1_000)
        const found = [...pieces(whole.join("") + rest, cuts).flatMap(splitter.take), ...splitter.end()]
        assert.deepStrictEqual(
          found.map(({ bytes }) => bytes.toString()),
          [...whole, ...(rest === "" ? [] : [rest])]
        )
        assert.isTrue(found.every(({ isPart }) => !isPart))
      }),
      { numRuns: 2_000 }
    )
  })

  it("that are longer than may be held pass in parts, and the next is whole again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 101, max: 500 }), cuts, (length, cuts) => {
        const long = `data: ${"x".repeat(length)}\n\n`
        const splitter = makeSplitter(100)
        const found = pieces(`${long}data: 2\n\n`, [...cuts, 101, long.length]).flatMap(splitter.take)
        assert.strictEqual(Buffer.concat(found.map(({ bytes }) => bytes)).toString(), `${long}data: 2\n\n`)
        assert.deepInclude(found.at(-1), { isPart: false, bytes: Buffer.from("data: 2\n\n") })
        assert.isAbove(found.filter(({ isPart }) => isPart).length, 0)
      })
    )
  })

  it("carry JSON, over several lines too, or nothing", () => {
    assert.deepStrictEqual(dataOf(Buffer.from('event: x\ndata: {"a":\ndata: 1}\n\n')), { a: 1 })
    assert.deepStrictEqual(dataOf(Buffer.from('data:{"a":1}\r\n\r\n')), { a: 1 })
    assert.isNull(dataOf(Buffer.from("data: [DONE]\n\n")))
    assert.isNull(dataOf(Buffer.from(": a comment\n\n")))
  })

  it("at the end of a chat stream tell its cost when they have no words", () => {
    assert.isTrue(isUsageChunk({ choices: [], usage: { prompt_tokens: 1 } }))
    assert.isFalse(isUsageChunk({ choices: [], usage: null }))
    assert.isFalse(isUsageChunk({ choices: [{}], usage: { prompt_tokens: 1 } }))
    assert.isFalse(isUsageChunk(null))
  })
})

describe("the fields of an object", () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 6 })

  it("stand where they are said to, whatever is in them", () => {
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 2, "\t"), (value, space) => {
        const bytes = Buffer.from(JSON.stringify(value, null, space))
        const found = fieldsOf(bytes)!.map(({ name, from, to }) => [name, JSON.parse(bytes.toString("utf8", from, to))])
        assert.deepStrictEqual(found, Object.entries(JSON.parse(bytes.toString("utf8"))))
      }),
      { numRuns: 2_000 }
    )
  })

  it("are none where it is cut or goes on", () => {
    fc.assert(
      fc.property(object, fc.nat(), (value, cut) => {
        const text = JSON.stringify(value)
        assert.isNull(fieldsOf(Buffer.from(text).subarray(0, cut % Buffer.byteLength(text))))
        assert.isNull(fieldsOf(Buffer.from(`${text},`)))
      }),
      { numRuns: 2_000 }
    )
  })

  const bad = [
    "",
    "[]",
    "null",
    '{"a" 1}',
    '{"a":}',
    '{"a":1,}',
    "{a:1}",
    '{"a":1 /* */}',
    '{"a":1}{"a":2}',
    "{'a':1}",
    '{"\\x":1}'
  ]
  it.each(bad)("are none in %s", (text) => assert.isNull(fieldsOf(Buffer.from(text))))
})

describe("a question in chat", () => {
  const read = (body: string) => readRequest(Buffer.from(body), routes["/v1/chat/completions"]!)
  const sent = (body: string) => (read(body) as Asked).body.toString()

  it("that is streamed asks what it costs, and is otherwise as it was written", () => {
    assert.strictEqual(
      sent(' {"model":"m", "stream":true,"n":1.0}'),
      ' {"stream_options":{"include_usage":true},"model":"m", "stream":true,"n":1.0}'
    )
    assert.strictEqual(
      sent('{"stream_options": {"include_usage":false,"a":1} ,"model":"m","stream":true}'),
      '{"stream_options": {"include_usage":true,"a":1} ,"model":"m","stream":true}'
    )
    assert.strictEqual(
      sent('{"stream_options":null,"model":"m","stream":true}'),
      '{"stream_options":{"include_usage":true},"model":"m","stream":true}'
    )
  })

  it("that is not streamed, or asks by itself, is as it was written", () => {
    for (const body of [
      '{"model":"m","seed":12345678901234567890}',
      '{"model":"m","stream":true,"stream_options":{"include_usage":true}}'
    ]) {
      assert.strictEqual(sent(body), body)
      assert.isFalse((read(body) as Asked).hidesUsage)
    }
  })
})

describe("a cost", () => {
  const costOf = (dialect: Dialect, ...events: ReadonlyArray<unknown>) => {
    const meter = makeMeter(dialect, { bodyBytes: 10, bytesPerToken: 4 })
    events.forEach(meter.event)
    return meter.cost()
  }
  const messageStart = (usage: object) => ({ type: "message_start", message: { usage } })
  const messageDelta = (usage: object) => ({ type: "message_delta", usage })

  const told: ReadonlyArray<readonly [string, ReturnType<typeof costOf>, object]> = [
    [
      "of a chat stream is its last word",
      costOf(
        "chat",
        { usage: null },
        { usage: { prompt_tokens: 9, completion_tokens: 1 } },
        { usage: { prompt_tokens: 9, completion_tokens: 4 } }
      ),
      { input: 9, output: 4, cached: 0, estimated: false }
    ],
    [
      "of a response stands in its last event, also of one that was not completed",
      costOf(
        "responses",
        { response: { usage: null } },
        {
          type: "response.incomplete",
          response: { usage: { input_tokens: 9, output_tokens: 4, input_tokens_details: { cached_tokens: 5 } } }
        }
      ),
      { input: 9, output: 4, cached: 5, estimated: false }
    ],
    [
      "of messages counts what was written to a cache and read from it with the input",
      costOf(
        "messages",
        messageStart({ input_tokens: 1, cache_creation_input_tokens: 20, cache_read_input_tokens: 300, output_tokens: 1 }),
        messageDelta({ output_tokens: 7 })
      ),
      { input: 321, output: 7, cached: 300, estimated: false }
    ],
    [
      "of messages whose end did not come is told in part",
      costOf("messages", messageStart({ input_tokens: 30, output_tokens: 1 }), {}, {}, {}),
      { input: 30, output: 4, cached: 0, estimated: true }
    ],
    ["that nobody tells is estimated", costOf("chat", {}, {}, null), { input: 3, output: 3, cached: 0, estimated: true }],
    [
      "that is no number is estimated",
      costOf(
        "chat",
        { usage: { prompt_tokens: -1, completion_tokens: "7" } },
        { usage: [] },
        { usage: { completion_tokens: 1.5 } }
      ),
      { input: 3, output: 3, cached: 0, estimated: true }
    ]
  ]
  it.each(told)("%s", (_, cost, expected) => assert.deepStrictEqual(cost, expected as typeof cost))
})
