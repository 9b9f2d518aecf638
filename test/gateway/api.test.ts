/** The API as a stranger to its code meets it: every status, every refusal, and what none of them may say. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startGateway } from "../support/gateway.ts"

const gateway = startGateway()

describe("the API", () => {
  it.live("says that it lives, and that its records answer, to whoever asks", () =>
    Effect.gen(function* () {
      const { ask } = yield* gateway
      assert.deepInclude(yield* ask(null, "GET", "/health"), { status: 200, body: { status: "ok" } })
      assert.deepInclude(yield* ask(null, "GET", "/ready"), { status: 200, body: { status: "ok", database: "ok" } })
    })
  )

  it.live("answers a wrong path, a wrong method and a malformed id with 404 and 405, in problem documents", () =>
    Effect.gen(function* () {
      const { ask, owner } = yield* gateway
      const lost = yield* ask(owner.token, "GET", "/v1/nothing")
      assert.strictEqual(lost.status, 404)
      assert.strictEqual(lost.headers.get("content-type"), "application/problem+json")
      assert.include(lost.body, { status: 404, code: "not-found", type: "urn:proliferate:problem:not-found" })
      const wrong = yield* ask(owner.token, "PUT", "/v1/sessions", {})
      assert.strictEqual(wrong.status, 405)
      assert.strictEqual(wrong.headers.get("allow"), "GET, POST, HEAD, OPTIONS")
      for (const id of ["a%00b", "..%2f", "%zz", "a b", "x".repeat(129)]) {
        assert.strictEqual((yield* ask(owner.token, "GET", `/v1/sessions/${id}`)).status, 404, id)
      }
    })
  )

  it.live("answers HEAD without a body, and OPTIONS with what there is, and allows no other origin", () =>
    Effect.gen(function* () {
      const { ask, owner } = yield* gateway
      const head = yield* ask(owner.token, "HEAD", "/v1/whoami")
      const get = yield* ask(owner.token, "GET", "/v1/whoami")
      assert.deepEqual([head.status, head.body], [200, null])
      assert.strictEqual(head.headers.get("content-length"), get.headers.get("content-length"))
      const options = yield* ask(null, "OPTIONS", "/v1/sessions", undefined, { origin: "https://elsewhere.example" })
      assert.strictEqual(options.status, 204)
      assert.strictEqual(options.headers.get("allow"), "GET, POST, HEAD, OPTIONS")
      assert.isNull(options.headers.get("access-control-allow-origin"))
    })
  )

  it.live("guards what it answers, and numbers every request", () =>
    Effect.gen(function* () {
      const { ask, owner } = yield* gateway
      const { headers } = yield* ask(owner.token, "GET", "/v1/whoami")
      assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
      assert.strictEqual(headers.get("cache-control"), "no-store")
      assert.match(headers.get("x-request-id")!, /^req_/)
    })
  )

  it.live.each([
    ["is not JSON", '{"name": "a", }', /^the body is not valid JSON at line 1, column 15$/],
    ["ends too early", '{"name": "a"', /ends too early/],
    ["is no object", "[]", /Expected object/],
    ["is binary junk", new Uint8Array([0xff, 0xfe, 0x00]), /not UTF-8/],
    ["has an unknown field", '{"name":"a","email":"a@b","role":"member","admin":true}', /^admin: is not a known field$/],
    ["lacks a field", '{"name":"a","email":"a@b"}', /^role: is missing$/],
    ["has a wrong type", '{"name":7,"email":"a@b","role":"member"}', /^name: Expected string/],
    ["has a word that is none of the closed ones", '{"name":"a","email":"a@b","role":"king"}', /^role: .*"owner"/],
    ["holds a NUL", '{"name":"a\\u0000","email":"a@b","role":"member"}', /^name: must not contain control characters$/],
    [
      "has a prototype as a field",
      '{"__proto__":{"role":"owner"},"name":"a","email":"a@b","role":"member"}',
      /__proto__: is not a known/
    ]
  ] as const)("refuses a body that %s, and says where", ([, body, message]) =>
    Effect.gen(function* () {
      const { ask, owner } = yield* gateway
      const answered = yield* ask(owner.token, "POST", "/v1/users", body)
      assert.strictEqual(answered.status, 400)
      assert.match(answered.body.detail, message)
      assert.lengthOf((yield* ask(owner.token, "GET", "/v1/users")).body.users, 1)
    })
  )

  it.live("takes only JSON, and a body only where one is asked for", () =>
    Effect.gen(function* () {
      const { ask, owner, session } = yield* gateway
      const text = yield* ask(owner.token, "POST", "/v1/users", "name=a", { "content-type": "application/x-www-form-urlencoded" })
      assert.strictEqual(text.status, 415)
      assert.include(text.body.detail, "application/x-www-form-urlencoded")
      assert.strictEqual((yield* ask(owner.token, "POST", "/v1/users", "{}", { "content-encoding": "gzip" })).status, 415)
      assert.strictEqual((yield* ask(owner.token, "POST", "/v1/users")).status, 400)
      const { id } = yield* session()
      assert.strictEqual((yield* ask(owner.token, "POST", `/v1/sessions/${id}/start`, { now: true })).status, 400)
      assert.strictEqual((yield* ask(owner.token, "POST", `/v1/sessions/${id}/start`, {})).status, 202)
    })
  )

  it.live("reads a body of 1 MB and no more", () =>
    Effect.gen(function* () {
      const { ask, owner } = yield* gateway
      const body = (bytes: number) => JSON.stringify({ name: "x".repeat(bytes - 11) })
      assert.strictEqual((yield* ask(owner.token, "POST", "/v1/users", body(1024 * 1024))).status, 400)
      const large = yield* ask(owner.token, "POST", "/v1/users", body(1024 * 1024 + 1))
      assert.deepInclude(large.body, { status: 413, code: "too-large" })
      assert.strictEqual((yield* ask(owner.token, "GET", "/v1/whoami")).status, 200)
    })
  )

  it.live("refuses a query that it does not know or cannot read", () =>
    Effect.gen(function* () {
      const { ask, owner } = yield* gateway
      for (const query of ["limit=0", "limit=201", "limit=ten", "limit=1.5", "lmit=1", "before=a%20b"]) {
        assert.strictEqual((yield* ask(owner.token, "GET", `/v1/sessions?${query}`)).status, 400, query)
      }
      assert.strictEqual((yield* ask(owner.token, "GET", "/v1/sessions?limit=200")).status, 200)
    })
  )

  it.live("says that the stream is a WebSocket to whoever asks for it as a page", () =>
    Effect.gen(function* () {
      const { ask, owner, session } = yield* gateway
      const { id } = yield* session()
      const answered = yield* ask(owner.token, "GET", `/v1/sessions/${id}/stream`)
      assert.deepEqual([answered.status, answered.headers.get("upgrade")], [426, "websocket"])
    })
  )
})
