/** Agents and models through the relay, by the makers' own clients: what was said arrives, word for word, and is counted exactly. */
import http from "node:http"
import type Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hostKey, type RelayWorld, startRelay } from "../support/model-relay.ts"

const say = (text: string) => [{ role: "user" as const, content: text }]
const parameters = { type: "object", properties: { command: { type: "string" } }, required: ["command"] } as const
const chatTools = [{ type: "function" as const, function: { name: "bash", parameters } }]
const responseTools = [{ type: "function" as const, name: "bash", parameters, strict: true }]
const messageTools = [{ name: "bash", input_schema: { ...parameters, required: ["command"] } }]
const model = "scripted-1"
const hello = "Hello from the scripted model. All is well."
const made = "echo hi > x.txt && cat x.txt"

/** What an agent made of an answer. */
interface Heard {
  readonly text: string
  /** Commands it was asked to run. */
  readonly commands: ReadonlyArray<string>
}

/** One way to ask. */
type Ask = (world: RelayWorld, text: string) => Promise<Heard>

const commandOf = (json: string) => JSON.parse(json).command as string

const ways: Readonly<Record<string, Ask>> = {
  "chat, whole": async ({ openai }, text) => {
    const { choices } = await openai.chat.completions.create({ model, messages: say(text), tools: chatTools })
    const { content, tool_calls = [] } = choices[0]!.message
    return {
      text: content ?? "",
      commands: tool_calls.flatMap((call) => (call.type === "function" ? [commandOf(call.function.arguments)] : []))
    }
  },
  "chat, streamed": async ({ openai }, text) => {
    const stream = openai.chat.completions.stream({ model, messages: say(text), tools: chatTools })
    const { content, tool_calls = [] } = (await stream.finalChatCompletion()).choices[0]!.message
    return {
      text: content ?? "",
      commands: tool_calls.flatMap((call) => (call.type === "function" ? [commandOf(call.function.arguments)] : []))
    }
  },
  "responses, whole": async ({ openai }, text) => {
    const { output, output_text } = await openai.responses.create({ model, input: text, tools: responseTools })
    return {
      text: output_text,
      commands: output.flatMap((item) => (item.type === "function_call" ? [commandOf(item.arguments)] : []))
    }
  },
  "responses, streamed": async ({ openai }, text) => {
    const stream = openai.responses.stream({ model, input: text, tools: responseTools })
    let heard = ""
    stream.on("response.output_text.delta", ({ delta }) => {
      heard += delta
    })
    const { output } = await stream.finalResponse()
    return { text: heard, commands: output.flatMap((item) => (item.type === "function_call" ? [commandOf(item.arguments)] : [])) }
  },
  "messages, whole": async ({ anthropic }, text) => {
    const { content } = await anthropic.messages.create({ model, max_tokens: 100, messages: say(text), tools: messageTools })
    return heardIn(content)
  },
  "messages, streamed": async ({ anthropic }, text) => {
    const stream = anthropic.messages.stream({ model, max_tokens: 100, messages: say(text), tools: messageTools })
    return heardIn((await stream.finalMessage()).content)
  }
}

const heardIn = (content: ReadonlyArray<Anthropic.ContentBlock>): Heard => ({
  text: content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join(""),
  commands: content.flatMap((block) => (block.type === "tool_use" ? [(block.input as { command: string }).command] : []))
})

describe("through the relay", () => {
  for (const [way, ask] of Object.entries(ways)) {
    it.live(`${way}: words, two tool calls and what they cost arrive`, () =>
      Effect.gen(function* () {
        const world = yield* startRelay()
        assert.deepStrictEqual(yield* Effect.promise(() => ask(world, "SCRIPT:hello")), { text: hello, commands: [] })
        const { commands } = yield* Effect.promise(() => ask(world, "SCRIPT:shell"))
        assert.deepStrictEqual(commands, [made])
        const both = yield* Effect.promise(() => ask(world, "SCRIPT:both"))
        assert.deepStrictEqual(both, { text: "Two at once.", commands: ["echo one", "echo two"] })

        // Counted as the endpoint claims, once each, when the last answer has ended.
        yield* Effect.promise(() => world.model.until((requests) => requests.filter(({ usage }) => usage !== null).length === 3))
        const dialect = way.split(",")[0]!
        yield* world.counted(3)
        assert.deepStrictEqual(
          world.calls.map(({ input, output, cached, ...call }) => ({ usage: { input, output, cached }, ...call })),
          world.model.requests.map(({ usage }, index) => ({
            usage: usage!,
            org: "org_a",
            sessionId: "ses_1",
            key: world.calls[index]!.key,
            model,
            dialect: dialect as "chat",
            estimated: false,
            status: 200,
            ms: world.calls[index]!.ms
          }))
        )
        assert.strictEqual(new Set(world.calls.map(({ key }) => key)).size, 3)
      })
    )
  }

  it.live("what was read from a cache is counted with the input, in every dialect", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      yield* Effect.promise(async () => {
        await world.openai.chat.completions.create({
          model,
          messages: [
            ...say("SCRIPT:shell"),
            {
              role: "assistant",
              content: null,
              tool_calls: [{ id: "c", type: "function", function: { name: "bash", arguments: "{}" } }]
            },
            { role: "tool", tool_call_id: "c", content: "a long output, to be cached" }
          ]
        })
        await world.openai.responses.create({
          model,
          input: [
            ...say("SCRIPT:shell"),
            { type: "function_call", call_id: "c", name: "bash", arguments: "{}" },
            { type: "function_call_output", call_id: "c", output: "a long output, to be cached" }
          ]
        })
        for (const stream of [false, true]) {
          const answer = await world.anthropic.messages.create({
            model,
            max_tokens: 100,
            stream,
            messages: [
              ...say("SCRIPT:shell"),
              { role: "assistant", content: [{ type: "tool_use", id: "c", name: "bash", input: {} }] },
              { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "a long output, to be cached" }] }
            ]
          })
          if (Symbol.asyncIterator in answer) for await (const _ of answer);
        }
      })
      yield* world.counted(4)
      for (const [index, { input, output, cached }] of world.calls.entries()) {
        assert.isAbove(cached, 0)
        assert.deepStrictEqual({ input, output, cached }, world.model.requests[index]!.usage)
      }
      const sum = world.calls.reduce((total, { input }) => total + input, 0)
      assert.strictEqual((yield* world.usage).input, sum)
    })
  )

  it.live("the host's key goes up in the session's token's place, and of the client nothing goes but its question", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      yield* Effect.promise(async () => {
        const telling = { "x-session-id": "s", cookie: "c=1", "x-forwarded-for": "10.0.0.1", "idempotency-key": "k" }
        await world.openai.chat.completions.create({ model, messages: say("hi"), user: "me" }, { headers: telling })
        const beta = { "anthropic-beta": "context-1m-2025-08-07" }
        const asked = { model, max_tokens: 9, messages: say("hi") }
        await world.anthropic.messages.create(asked, { headers: beta, query: { beta: "true", more: "1" } })
        assert.strictEqual((await world.ask("/v1/messages", asked)).status, 200)
      })
      const [chat, messages, unversioned] = world.model.requests
      const { host: _, ...sent } = chat!.headers
      assert.deepStrictEqual(sent, {
        accept: "application/json",
        "accept-encoding": "identity",
        authorization: `Bearer ${hostKey}`,
        connection: "keep-alive",
        "content-length": String(Buffer.byteLength(chat!.text)),
        "content-type": "application/json",
        "user-agent": "proliferate"
      })
      assert.deepStrictEqual(chat!.body, { model, messages: say("hi"), user: "me" })
      assert.strictEqual(messages!.headers["x-api-key"], hostKey)
      assert.isUndefined(messages!.headers.authorization)
      assert.match(String(messages!.headers["anthropic-version"]), /^20\d\d-\d\d-\d\d$/)
      assert.strictEqual(unversioned!.headers["anthropic-version"], "2023-06-01")
      assert.strictEqual(messages!.headers["anthropic-beta"], "context-1m-2025-08-07")
      assert.strictEqual(messages!.search, "?beta=true")
    })
  )

  it.live("a chat stream is asked what it costs, and only who asked as well is told", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      const chunksOf = (stream_options?: { include_usage: boolean }) =>
        Effect.promise(async () => {
          const stream = await world.openai.chat.completions.create({
            model,
            messages: say("SCRIPT:hello"),
            stream: true,
            ...(stream_options && { stream_options })
          })
          const chunks = []
          for await (const chunk of stream) chunks.push(chunk)
          return chunks
        })
      const plain = yield* chunksOf()
      assert.isTrue(plain.every(({ choices, usage }) => choices.length === 1 && !usage))
      assert.strictEqual(plain.map(({ choices }) => choices[0]!.delta.content ?? "").join(""), hello)
      const asking = yield* chunksOf({ include_usage: true })
      assert.deepStrictEqual(asking.at(-1)!.choices, [])
      const { usage } = world.model.requests[1]!
      assert.strictEqual(asking.at(-1)!.usage!.prompt_tokens, usage!.input)
      yield* world.counted(2)
      assert.deepStrictEqual(
        world.model.requests.map(({ body }) => body["stream_options"]),
        [{ include_usage: true }, { include_usage: true }]
      )
      assert.deepStrictEqual(
        world.calls.map(({ output }) => output),
        [usage!.output, usage!.output]
      )
    })
  )

  it.live("models are listed for either maker's client, and tokens counted without being used", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      yield* Effect.promise(async () => {
        const ids: Array<string> = []
        for await (const { id } of world.openai.models.list()) ids.push(id)
        assert.deepStrictEqual(ids, ["scripted-1", "scripted-2"])
        const names: Array<string> = []
        for await (const { display_name } of world.anthropic.models.list()) names.push(display_name)
        assert.deepStrictEqual(names, ["scripted-1", "scripted-2"])
        const { input_tokens } = await world.anthropic.messages.countTokens({ model, messages: say("how many words are these") })
        assert.isAbove(input_tokens, 10)
      })
      assert.deepStrictEqual(yield* world.usage, { calls: 0, input: 0, output: 0, cached: 0 })
    })
  )

  it.live("an answer of many megabytes waits for whoever reads it", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      const pieces = Array.from({ length: 512 }, () => `data: ${"x".repeat(65_536)}\n\n`)
      const total = pieces.reduce((sum, { length }) => sum + length, 0)
      world.model.misbehave({ type: "pieces", pieces })
      const answer = yield* Effect.promise(
        () =>
          new Promise<http.IncomingMessage>((resolve, reject) => {
            const headers = { authorization: `Bearer ${world.token}` }
            const asking = http.request({
              socketPath: world.socketPath,
              method: "POST",
              path: "/model/v1/chat/completions",
              headers
            })
            asking.on("response", resolve).on("error", reject)
            asking.end(JSON.stringify({ model, stream: true, messages: say("hi") }))
          })
      )
      // Time enough for all of it, were it not held back.
      for (let count = 0; count < 30; count += 1) yield* Effect.promise(() => ways["chat, whole"]!(world, "SCRIPT:hello"))
      assert.isBelow(world.model.requests[0]!.writtenBytes, total / 2)
      let read = 0
      yield* Effect.promise(async () => {
        for await (const piece of answer as AsyncIterable<Buffer>) read += piece.length
      })
      assert.strictEqual(read, total)
    })
  )
})
