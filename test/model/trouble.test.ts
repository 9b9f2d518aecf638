/** What goes wrong between an agent and a model: everyone is told in words they know, nothing hangs, and what was used is counted. */
import { createServer } from "node:net"
import type Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import OpenAI from "openai"
import { startRelay } from "../support/model-relay.ts"

const model = "scripted-1"
const say = (text: string) => [{ role: "user" as const, content: text }]
const flip = <E>(work: () => Promise<unknown>): Effect.Effect<E> =>
  Effect.promise(() =>
    work().then(
      (value) => assert.fail(`it succeeded: ${JSON.stringify(value)}`),
      (error) => error as E
    )
  )
/** All of a stream, or how it failed. */
const drain = async (stream: AsyncIterable<unknown>) => {
  let count = 0
  for await (const _ of stream) count += 1
  return count
}

describe("through the relay", () => {
  it.live("an endpoint's 429 and 5xx arrive as they are, with when to ask again", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      const body = JSON.stringify({ error: { type: "rate_limit_error", message: "slow down" } })
      world.model.misbehave({
        type: "status",
        status: 429,
        headers: { "retry-after": "7", "x-ratelimit-remaining-tokens": "3", "openai-organization": "the-host" },
        body
      })
      const limited = yield* flip<InstanceType<typeof OpenAI.APIError>>(() =>
        world.openai.chat.completions.create({ model, messages: say("hi") })
      )
      assert.instanceOf(limited, OpenAI.RateLimitError)
      assert.match(limited.message, /slow down/)
      assert.strictEqual(limited.headers!.get("retry-after"), "7")
      assert.strictEqual(limited.headers!.get("x-ratelimit-remaining-tokens"), "3")
      assert.isNull(limited.headers!.get("openai-organization"))

      world.model.misbehave({
        type: "status",
        status: 529,
        body: JSON.stringify({ type: "error", error: { type: "overloaded_error" } })
      })
      const overloaded = yield* flip<InstanceType<typeof Anthropic.APIError>>(() =>
        world.anthropic.messages.create({ model, max_tokens: 9, messages: say("hi") })
      )
      assert.strictEqual(overloaded.status, 529)
      assert.strictEqual(world.model.requests.length, 2)
      yield* world.counted(2)
      assert.deepStrictEqual(
        world.calls.map(({ status, input, output, estimated }) => ({ status, input, output, estimated })),
        [429, 529].map((status) => ({ status, input: 0, output: 0, estimated: false }))
      )
    })
  )

  it.live("an endpoint that refuses the host's key is the operator's business, and none of the agent's", () =>
    Effect.gen(function* () {
      const world = yield* startRelay({ model: { key: "another" } })
      const refused = yield* flip<InstanceType<typeof OpenAI.APIError>>(() =>
        world.openai.responses.create({ model, input: "hi" })
      )
      assert.strictEqual(refused.status, 403)
      assert.match(refused.message, /refuses the key that the host has/)
    })
  )

  it.live("a redirect is not followed, since it would take the key along", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      world.model.misbehave({ type: "status", status: 307, headers: { location: `${world.model.url}/models` } })
      const refused = yield* flip<InstanceType<typeof OpenAI.APIError>>(() =>
        world.openai.responses.create({ model, input: "hi" })
      )
      assert.strictEqual(refused.status, 502)
      assert.match(refused.message, /redirects \(307\)/)
      assert.strictEqual(world.model.requests.length, 1)
    })
  )

  it.live("an endpoint where nobody listens is tried three times, and named", () =>
    Effect.gen(function* () {
      const world = yield* startRelay({ url: "http://127.0.0.1:1/v1", limits: { connectPauseMs: 1 } })
      const refused = yield* flip<InstanceType<typeof OpenAI.APIError>>(() =>
        world.openai.chat.completions.create({ model, messages: say("hi") })
      )
      assert.strictEqual(refused.status, 502)
      assert.match(refused.message, /127\.0\.0\.1:1 could not be reached: .*ECONNREFUSED/)
      yield* world.counted(1)
      assert.deepInclude(world.calls[0], { status: 502, input: 0, output: 0, estimated: false })
    })
  )

  it.live("an endpoint that takes a question and breaks off is not asked twice", () =>
    Effect.gen(function* () {
      let connections = 0
      const server = createServer((socket) => {
        connections += 1
        socket.once("data", () => socket.destroy()).on("error", () => {})
      })
      yield* Effect.acquireRelease(
        Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
        () => Effect.sync(() => server.close())
      )
      const { port } = server.address() as { port: number }
      const world = yield* startRelay({ url: `http://127.0.0.1:${port}/v1`, limits: { connectPauseMs: 1 } })
      const refused = yield* flip<InstanceType<typeof OpenAI.APIError>>(() =>
        world.openai.chat.completions.create({ model, messages: say("hi") })
      )
      assert.strictEqual(refused.status, 502)
      assert.match(refused.message, /ended the connection without an answer/)
      assert.strictEqual(connections, 1)
      yield* world.counted(1)
      assert.isTrue(world.calls[0]!.estimated)
    })
  )

  it.live("a model that never begins to answer is given up", () =>
    Effect.gen(function* () {
      const world = yield* startRelay({ limits: { firstByteMs: 200 } })
      world.model.misbehave({ type: "silent" })
      const late = yield* flip<InstanceType<typeof Anthropic.APIError>>(() =>
        world.anthropic.messages.create({ model, max_tokens: 9, messages: say("hi") })
      )
      assert.strictEqual(late.status, 504)
      assert.match(late.message, /timeout_error.*did not begin to answer within 0\.2 s/)
      yield* Effect.promise(() => world.model.until(([request]) => request!.aborted))
    })
  )

  for (const [fault, status] of [
    ["stall", 504],
    ["cut", 502]
  ] as const) {
    it.live(`an answer that ends in a ${fault} ends for its reader too, and is counted by estimate`, () =>
      Effect.gen(function* () {
        const world = yield* startRelay({ limits: { silenceMs: 200 } })
        world.model.misbehave({ type: fault, events: 4 })
        const stream = yield* Effect.promise(() =>
          world.openai.chat.completions.create({ model, messages: say("SCRIPT:hello"), stream: true })
        )
        yield* flip(() => drain(stream))
        world.model.misbehave({ type: fault, events: 5 })
        const messages = world.anthropic.messages.stream({ model, max_tokens: 9, messages: say("SCRIPT:hello") })
        yield* flip(() => messages.finalMessage())
        yield* world.counted(2)
        const [chat, message] = world.calls
        assert.deepInclude(chat, { status, estimated: true, output: 4 })
        assert.strictEqual(chat!.input, Math.ceil(JSON.stringify(world.model.requests[0]!.body).length / 4))
        // A stream of messages tells at its beginning what was asked.
        assert.deepInclude(message, { status, estimated: true, input: 13 })
        assert.isTrue(world.logged.some((line) => line.includes("ses_1")))
      })
    )
  }

  it.live("who leaves in the middle ends the model's work, and pays for it", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      const stream = yield* Effect.promise(() =>
        world.openai.chat.completions.create({ model, messages: say("SCRIPT:slow"), stream: true })
      )
      yield* Effect.promise(async () => {
        for await (const _ of stream) break
        await world.model.until(([request]) => request!.aborted)
      })
      yield* world.counted(1)
      assert.deepInclude(world.calls[0], { status: 499, estimated: true })
      assert.isAbove(world.calls[0]!.output, 0)
    })
  )

  it.live("who leaves before the first word ends it as well", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      world.model.misbehave({ type: "silent" })
      const leaving = new AbortController()
      const asked = world.anthropic.messages.create({ model, max_tokens: 9, messages: say("hi") }, { signal: leaving.signal })
      yield* Effect.promise(() => world.model.until(({ length }) => length === 1))
      leaving.abort()
      yield* flip(() => asked)
      yield* Effect.promise(() => world.model.until(([request]) => request!.aborted))
      yield* world.counted(1)
      assert.deepInclude(world.calls[0], { status: 499, estimated: true, output: 0 })
    })
  )

  it.live("a sandbox that goes takes its calls with it", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      const stream = yield* Effect.promise(() => world.openai.responses.create({ model, input: "SCRIPT:slow", stream: true }))
      const draining = drain(stream)
      yield* Effect.promise(() => world.model.until(([request]) => request!.writtenBytes > 1_000))
      world.close()
      yield* flip(() => draining)
      yield* Effect.promise(() => world.model.until(([request]) => request!.aborted))
      yield* world.counted(1)
      assert.deepInclude(world.calls[0], { status: 499, estimated: true })
    })
  )

  it.live("a compressed answer, which nothing could be read from on its way, is none", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      world.model.misbehave({ type: "status", status: 200, headers: { "content-encoding": "gzip" } })
      const refused = yield* flip<InstanceType<typeof OpenAI.APIError>>(() =>
        world.openai.responses.create({ model, input: "hi" })
      )
      assert.strictEqual(refused.status, 502)
      assert.match(refused.message, /answered in gzip/)
    })
  )
})
