/** Who gets models through the relay, which, and how much; and that the host's key never comes back. */
import type Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hostKey, type RelayWorld, startRelay } from "../support/model-relay.ts"

const model = "scripted-1"
const say = (text: string) => [{ role: "user" as const, content: text }]
const chat = { model, messages: say("SCRIPT:hello") }
const slow = { model, messages: say("SCRIPT:slow"), stream: true }

const paths = {
  "/v1/chat/completions": chat,
  "/v1/responses": { model, input: "SCRIPT:hello" },
  "/v1/messages": { ...chat, max_tokens: 9 },
  "/v1/messages/count_tokens": chat
} as const
type Path = keyof typeof paths

/** The words of an error in the shape that clients of the dialect read. */
const errorOf = (path: Path, body: any): { readonly type: string; readonly message: string; readonly code?: string | null } => {
  assert.hasAllKeys(body, path.startsWith("/v1/messages") ? ["type", "error"] : ["error"])
  if (path.startsWith("/v1/messages")) assert.strictEqual(body.type, "error")
  else assert.hasAllKeys(body.error, ["message", "type", "param", "code"])
  return body.error
}

const refusal = (world: RelayWorld, path: Path, body: unknown = paths[path], headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const answer = await world.ask(path, body, headers)
    return { status: answer.status, headers: answer.headers, ...errorOf(path, await answer.json()) }
  })

describe("the relay", () => {
  it.live("answers to the token of its own sandbox's session alone", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      const bad = {
        none: "",
        "no token": "Bearer sk-anything",
        "another session's": `Bearer ${world.tokenOf("ses_2")}`,
        "a stopped session's": `Bearer ${world.tokenOf("ses_3")}`,
        "another organisation's": `Bearer ${world.tokenOf("ses_1", "org_b")}`,
        "a changed one": `Bearer ${world.token.replace("ses_1", "ses_2")}`,
        "the host's key": `Bearer ${hostKey}`
      }
      for (const [name, authorization] of Object.entries(bad)) {
        for (const path of Object.keys(paths) as ReadonlyArray<Path>) {
          const { status, type } = yield* refusal(world, path, paths[path], { authorization })
          assert.deepStrictEqual([status, type], [401, "authentication_error"], `${name} ${path}`)
        }
      }
      const list = yield* Effect.promise(() => fetch(`${world.base}/v1/models`))
      assert.strictEqual(list.status, 401)
      assert.deepStrictEqual(world.model.requests, [])
      // By either header.
      const own = { authorization: "", "x-api-key": world.token }
      assert.strictEqual((yield* Effect.promise(() => world.ask("/v1/messages", paths["/v1/messages"], own))).status, 200)
    })
  )

  it.live("offers what it was given, and names it to who asks for something else", () =>
    Effect.gen(function* () {
      const world = yield* startRelay({ dialects: ["chat", "messages"] })
      for (const path of ["/v1/chat/completions", "/v1/messages"] as const) {
        const { status, message } = yield* refusal(world, path, { ...paths[path], model: "gpt-unheard-of" })
        assert.strictEqual(status, 404)
        assert.match(message, /no model gpt-unheard-of here; those for \w+ are: scripted-1, scripted-2$/)
      }
      const { status, message, code } = yield* refusal(world, "/v1/responses")
      assert.deepStrictEqual([status, code], [404, "model_not_found"])
      assert.match(message, /no model is offered for responses/)
      assert.deepStrictEqual(world.model.requests, [])
    })
  )

  it.live("refuses what is no question, in words that say why", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      const bad: ReadonlyArray<readonly [Path, unknown, RegExp]> = [
        ["/v1/chat/completions", "{", /not a JSON object/],
        ["/v1/messages", "[]", /not a JSON object/],
        ["/v1/messages", `{"model":"${model}"} {}`, /not a JSON object/],
        ["/v1/chat/completions", { messages: [] }, /model: name the model/],
        ["/v1/responses", { model: 7 }, /model: name the model/],
        ["/v1/responses", { model, input: "hi", background: true }, /background/],
        ["/v1/messages", { model, stream: "x".repeat(20_000) }, /stream: it is too long/]
      ]
      for (const [path, body, why] of bad) {
        const { status, message } = yield* refusal(world, path, body)
        assert.strictEqual(status, 400)
        assert.match(message, why)
      }
      const { status } = yield* refusal(world, "/v1/responses", "x", { "content-encoding": "zstd" })
      assert.strictEqual(status, 415)
      assert.strictEqual((yield* Effect.promise(() => world.ask("/v1/embeddings", chat))).status, 404)
      const get = yield* Effect.promise(() => fetch(`${world.base}/v1/responses`))
      assert.strictEqual(get.status, 405)
      assert.deepStrictEqual(world.model.requests, [])
    })
  )

  it.live("does not let a question name two models", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      for (const other of [`"model":"forbidden"`, `"\\u006dodel":"forbidden"`]) {
        const twice = `{${other},"messages":[{"role":"user","content":"hi"}],"model":"${model}"}`
        const { status, message } = yield* refusal(world, "/v1/chat/completions", twice)
        assert.strictEqual(status, 400)
        assert.match(message, /model: it is there twice/)
      }
      assert.deepStrictEqual(world.model.requests, [])
    })
  )

  it.live(
    "takes 32 MB, and says so to whoever brings more",
    () =>
      Effect.gen(function* () {
        const world = yield* startRelay()
        const long = (bytes: number) => ({ ...chat, messages: say("x".repeat(bytes)) })
        for (const path of ["/v1/chat/completions", "/v1/messages"] as const) {
          const { status, message } = yield* refusal(world, path, long(32 * 2 ** 20))
          assert.strictEqual(status, 413)
          assert.match(message, /at most 32 MB/)
        }
        const fits = yield* Effect.promise(() => world.ask("/v1/chat/completions", long(31 * 2 ** 20)))
        assert.strictEqual(fits.status, 200)
      }),
    30_000
  )

  it.live(
    "takes the time to look over a body, whatever its shape, and counts a long one as many",
    () =>
      Effect.gen(function* () {
        const world = yield* startRelay({ limits: { callsBurst: 9, callsPerSecond: 0.01 } })
        // To build this would take more than a second and half a gigabyte.
        const shape = `{"model":"none","messages":[${"[],".repeat(10_000_000)}[]]}`
        const { status, code } = yield* refusal(world, "/v1/chat/completions", shape)
        assert.deepStrictEqual([status, code], [404, "model_not_found"])
        const again = yield* refusal(world, "/v1/chat/completions", shape)
        assert.deepStrictEqual([again.status, again.code], [429, "rate_limit_exceeded"])
      }),
    30_000
  )

  it.live("has room for eight calls of a session at once", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      const leaving = new AbortController()
      const open = yield* Effect.promise(() =>
        Promise.all(
          Array.from({ length: 8 }, () =>
            fetch(`${world.base}/v1/chat/completions`, {
              method: "POST",
              headers: { authorization: `Bearer ${world.token}` },
              body: JSON.stringify(slow),
              signal: leaving.signal
            })
          )
        )
      )
      assert.deepStrictEqual(new Set(open.map(({ status }) => status)), new Set([200]))
      for (const path of Object.keys(paths) as ReadonlyArray<Path>) {
        const { status, headers, type, message } = yield* refusal(world, path)
        assert.deepStrictEqual([status, type, headers.get("retry-after")], [429, "rate_limit_error", "1"])
        assert.match(message, /8 calls at once/)
      }
      leaving.abort()
      yield* Effect.promise(() => world.model.until((requests) => requests.every(({ aborted }) => aborted)))
      yield* world.counted(8)
      assert.strictEqual((yield* Effect.promise(() => world.ask("/v1/chat/completions", chat))).status, 200)
    })
  )

  it.live("lets a session ask so often, and says when it may again", () =>
    Effect.gen(function* () {
      const world = yield* startRelay({ limits: { callsBurst: 3, callsPerSecond: 0.01 } })
      for (let count = 0; count < 3; count += 1) {
        assert.strictEqual((yield* Effect.promise(() => world.ask("/v1/chat/completions", chat))).status, 200)
      }
      const { status, headers, code } = yield* refusal(world, "/v1/chat/completions")
      assert.deepStrictEqual([status, code], [429, "rate_limit_exceeded"])
      assert.isAtLeast(Number(headers.get("retry-after")), 90)
      assert.strictEqual(world.model.requests.length, 3)
    })
  )

  it.live("ends at a session's tokens, and the makers' clients do not ask again", () =>
    Effect.gen(function* () {
      const world = yield* startRelay({ tokensMax: 60 })
      let asked = 0
      for (let used = 0; used < 60; asked += 1) {
        assert.strictEqual((yield* Effect.promise(() => world.ask("/v1/chat/completions", chat))).status, 200)
        const { input, output } = yield* world.usage
        used = input + output
      }
      const { status, code, message, headers } = yield* refusal(world, "/v1/responses")
      assert.deepStrictEqual([status, code, headers.get("x-should-retry")], [429, "insufficient_quota", "false"])
      assert.match(message, /has used \d+ tokens of models and may use 60.*PROLIFERATE_SESSION_TOKENS_MAX/)

      const persistent = world.anthropic.withOptions({ maxRetries: 5 })
      const refused = yield* Effect.promise(() =>
        persistent.messages.create({ model, max_tokens: 9, messages: say("hi") }).then(
          () => assert.fail("it was answered"),
          (error: InstanceType<typeof Anthropic.APIError>) => error
        )
      )
      assert.strictEqual(refused.status, 429)
      assert.match(refused.message, /rate_limit_error/)
      assert.strictEqual(world.model.requests.length, asked)
    })
  )

  it.live("keeps the host's key, however an endpoint repeats it", () =>
    Effect.gen(function* () {
      const world = yield* startRelay()
      const heard: Array<string> = []
      const hear = (path: Path, body: unknown = paths[path]) =>
        Effect.promise(async () => {
          const answer = await world.ask(path, body)
          heard.push(JSON.stringify([...answer.headers]), await answer.text())
        })
      world.model.misbehave({ type: "status", status: 400, body: JSON.stringify({ error: { message: `bad key ${hostKey}!` } }) })
      yield* hear("/v1/chat/completions")
      world.model.misbehave({ type: "status", status: 403, headers: { "x-request-id": `for ${hostKey}` }, body: hostKey })
      yield* hear("/v1/messages")
      world.model.misbehave({ type: "status", status: 401, body: hostKey })
      yield* hear("/v1/responses")
      // A stream of single bytes, and one whose words break in the middle of it.
      const words = `data: {"choices":[],"is":"${hostKey}${hostKey}"}\n\ndata: [DONE]\n\n`
      world.model.misbehave({ type: "pieces", pieces: [...words], pieceMs: 1 })
      yield* hear("/v1/chat/completions", { ...chat, stream: true })
      world.model.misbehave({ type: "pieces", pieces: [words.slice(0, 40), words.slice(40)], pieceMs: 20 })
      yield* hear("/v1/messages", { ...paths["/v1/messages"], stream: true })
      // What only begins like it is passed on.
      world.model.misbehave({ type: "pieces", pieces: [hostKey.slice(0, 12)] })
      yield* hear("/v1/responses", { ...paths["/v1/responses"], stream: true })

      assert.strictEqual(heard.filter((text) => text.includes("[redacted]")).length, 5)
      assert.strictEqual(heard.at(-1), hostKey.slice(0, 12))
      for (const text of [...heard, ...world.logged, JSON.stringify(world.calls)]) assert.notInclude(text, hostKey)
    })
  )

  it.live("asks an endpoint without a key for nothing but an answer", () =>
    Effect.gen(function* () {
      const world = yield* startRelay({ key: null })
      assert.strictEqual((yield* Effect.promise(() => world.ask("/v1/chat/completions", chat))).status, 200)
      const [received] = world.model.requests
      assert.isUndefined(received!.headers.authorization)
      assert.isUndefined(received!.headers["x-api-key"])
      assert.notInclude(JSON.stringify(received!.headers), world.token)
    })
  )
})
