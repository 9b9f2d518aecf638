/** Connectors against real MCP servers on the loopback, which the operator has opened the way to; and those that are not opened. */
import assert from "node:assert/strict"
import { it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { Connector, Provider } from "../../../actors/ports/actions.ts"
import { decode } from "../../../actors/services/decode.ts"
import * as limits from "../../../adapters/actions/limits.ts"
import { makeConnectors } from "../../../adapters/actions/mcp/connector.ts"
import { connectorAt, notes, providerAt, token } from "../../support/services/connectors.ts"
import { everything, mcpServer } from "../../support/services/mcp.ts"
import { brokenStream, flood, garbage, halfAnAnswer, hangUp, say, service, silence } from "../../support/services/service.ts"

const run = (provider: Provider, action: string, params: Record<string, unknown> = {}) =>
  provider.execute({ action, params, key: "cmd_1", credential: Redacted.make({ kind: "token", token }) })
const refused = (provider: Provider, action: string, params: Record<string, unknown> = {}) =>
  Effect.orDie(Effect.flip(run(provider, action, params)))
const actionOf = (provider: Provider, name: string) => provider.actions.find((action) => action.name === name)!

describe("connectors", () => {
  it.effect("the reference server's tools are actions, and answer", () =>
    Effect.gen(function* () {
      const { url, host, sessions } = yield* mcpServer(everything)
      const provider = yield* providerAt(url, [host])
      assert.equal(provider.trouble, null)
      assert.ok(provider.actions.length >= 8)
      const echo = actionOf(provider, "echo")
      assert.deepEqual(yield* Effect.orDie(decode(echo.params)(echo.example)), echo.example)
      assert.match((yield* Effect.flip(decode(echo.params)({ message: 1 }))).message, /message/)
      assert.match(String(yield* run(provider, "echo", { message: "hello" })), /hello/)
      assert.match(JSON.stringify(yield* run(provider, "get-sum", { a: 2, b: 3 })), /5/)
      const { account } = yield* provider.check(Redacted.make({ kind: "token", token }))
      assert.match(account, /everything/)
      yield* Effect.promise(async () => {
        while (sessions() > 0) await new Promise((resolve) => setImmediate(resolve))
      })
    }).pipe(Effect.scoped)
  )

  for (const json of [false, true])
    it.effect(`tells results by structure, by text as JSON, and as they are (${json ? "JSON" : "streams"})`, () =>
      Effect.gen(function* () {
        const { url, host, asked } = yield* mcpServer(notes(), { json })
        const provider = yield* providerAt(url, [host])
        assert.deepEqual(yield* run(provider, "structure"), { n: 1 })
        assert.deepEqual(yield* run(provider, "read_notes", { about: "x" }), { notes: ["a"], api_key: "[redacted]" })
        assert.equal(yield* run(provider, "write_note", { text: "x" }), "written")
        assert.equal(yield* run(provider, "think"), "thought")
        assert.deepEqual(yield* run(provider, "picture"), [{ type: "image", data: "aGk=", mimeType: "image/png" }])
        for (const { headers } of asked) assert.equal(headers.authorization, `Bearer ${token}`)
      }).pipe(Effect.scoped)
    )

  it.effect("sends the credential in the header that was named", () =>
    Effect.gen(function* () {
      const { url, host, asked } = yield* mcpServer(notes())
      yield* providerAt(url, [host], { auth: { type: "header", name: "X-Api-Key" } })
      assert.ok(asked.every(({ headers }) => headers["x-api-key"] === token && headers.authorization === undefined))
      const none = yield* mcpServer(notes())
      yield* providerAt(none.url, [none.host], { auth: { type: "none" }, credential: Redacted.make({ kind: "none" }) })
      assert.ok(none.asked.every(({ headers }) => headers.authorization === undefined))
    }).pipe(Effect.scoped)
  )

  it.effect("risk is an override's, else what the tool says against itself, else the connector's, else write", () =>
    Effect.gen(function* () {
      const { url, host } = yield* mcpServer(notes())
      const risks = (changes: Partial<Connector>) =>
        Effect.map(providerAt(url, [host], changes), ({ actions }) =>
          Object.fromEntries(actions.filter(({ name }) => /notes?$/.test(name)).map(({ name, risk }) => [name, risk]))
        )
      assert.deepEqual(yield* risks({}), { read_notes: "read", drop_notes: "danger", write_note: "write" })
      assert.deepEqual(
        yield* risks({ riskPolicy: { defaultRisk: "danger", overrides: { read_notes: "write", drop_notes: "read" } } }),
        {
          read_notes: "write",
          drop_notes: "read",
          write_note: "danger"
        }
      )
    }).pipe(Effect.scoped)
  )

  it.effect("a tool whose arguments changed since they were accepted has drifted, and is not believed to read only", () =>
    Effect.gen(function* () {
      const before = yield* mcpServer(notes({ readOnly: true }))
      const accepted = yield* providerAt(before.url, [before.host])
      const pins = Object.fromEntries(accepted.actions.map(({ name, schemaHash }) => [name, schemaHash]))
      const same = yield* providerAt(before.url, [before.host], { pins, revision: 2 })
      assert.ok(same.actions.every(({ drifted }) => !drifted))
      assert.equal(actionOf(same, "write_note").risk, "read")
      const after = yield* mcpServer(notes({ readOnly: true, field: "shell" }))
      const drifted = yield* providerAt(after.url, [after.host], { pins, riskPolicy: { defaultRisk: "read", overrides: {} } })
      assert.deepEqual(
        drifted.actions.filter((action) => action.drifted).map(({ name, risk }) => [name, risk]),
        [["write_note", "write"]]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("what a tool says of itself and of its failures holds no secret", () =>
    Effect.gen(function* () {
      const { url, host } = yield* mcpServer(notes())
      const provider = yield* providerAt(url, [host])
      assert.doesNotMatch(actionOf(provider, "write_note").description, /0123456789/)
      const error = yield* refused(provider, "fail")
      assert.deepEqual([error.reason, error.sent], ["invalid", false])
      assert.ok(!error.message.includes(token))
      const unknown = yield* refused(provider, "no_such_tool")
      assert.equal(unknown.sent, false)
      const badly = yield* refused(provider, "write_note", { other: 1 })
      assert.deepEqual([badly.reason, badly.sent], ["invalid", false])
    }).pipe(Effect.scoped)
  )

  it.effect("is listed once in five minutes, and again when it was changed", () =>
    Effect.gen(function* () {
      const { url, host, asked } = yield* mcpServer(notes())
      const { of } = yield* makeConnectors(new Set([host]))
      const lists = () => asked.filter(({ body }) => body.includes("tools/list")).length
      yield* of(connectorAt(url))
      yield* of(connectorAt(url))
      assert.equal(lists(), 1)
      yield* of(connectorAt(url, { revision: 2 }))
      assert.equal(lists(), 2)
      yield* TestClock.adjust(limits.toolsKeptMs)
      yield* of(connectorAt(url))
      assert.equal(lists(), 3)
    }).pipe(Effect.scoped)
  )

  it.effect("greets anew, once, a server that forgot the session before it did anything", () =>
    Effect.gen(function* () {
      const { url, host, asked, forget } = yield* mcpServer(notes())
      const provider = yield* providerAt(url, [host])
      const calls = () => asked.filter(({ body }) => body.includes("tools/call")).length
      forget.sessions = 1
      assert.equal(yield* run(provider, "write_note", { text: "x" }), "written")
      assert.equal(calls(), 2)
      forget.sessions = 2
      const error = yield* refused(provider, "write_note", { text: "x" })
      assert.deepEqual([error.reason, error.sent], ["not-found", false])
      assert.equal(calls(), 4)
    }).pipe(Effect.scoped)
  )

  it.effect("a call that broke off after it was sent is not made again, and may have been done", () =>
    Effect.gen(function* () {
      const greeting = (id: number) => ({
        jsonrpc: "2.0",
        id,
        result: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "bad", version: "1" } }
      })
      for (const [what, trouble] of [
        ["half an answer", halfAnAnswer],
        ["a hang-up", hangUp],
        ["another protocol", garbage],
        ["50 MB", flood()],
        ["a failure", say({ status: 502, body: "<html>" })],
        ["words", say({ body: "hello" })],
        ["another shape", say({ body: { hello: "world" } })],
        ["a stream that breaks", brokenStream],
        ["an empty stream", say({ headers: { "content-type": "text/event-stream" }, body: ": nothing\n\n" })],
        ["an internal error", say({ body: { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "no database" } } })]
      ] as const) {
        const bad = yield* service(({ body }) => {
          const { id, method } = JSON.parse(body || "{}")
          if (method === "initialize") return { body: greeting(id) }
          return method === "tools/list" ? { body: { jsonrpc: "2.0", id, result: { tools: [] } } } : { status: 202 }
        })
        const provider = yield* providerAt(bad.url, [new URL(bad.url).host])
        bad.asked.splice(0)
        bad.troubles.push(say({ body: greeting(0) }), say({ status: 202 }), (response, asked) => trouble(response, asked))
        const error = yield* refused(provider, "write_note", { text: "x" })
        assert.equal(error.sent, true, `${what}: ${error.message}`)
        assert.ok(["unknown", "unreadable"].includes(error.reason), `${what}: ${error.reason}`)
        assert.equal(bad.asked.filter(({ body }) => body.includes("tools/call")).length, 1, what)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a server that is silent is a connector with its trouble after 15 s, and a call unknown after 30 s", () =>
    Effect.gen(function* () {
      const quiet = yield* service(() => ({ status: 202 }))
      quiet.troubles.push(silence)
      const fiber = yield* Effect.forkChild(providerAt(quiet.url, [new URL(quiet.url).host]))
      yield* quiet.wasAsked.await
      yield* TestClock.adjust(limits.toolListMs)
      const provider = yield* Fiber.join(fiber)
      assert.deepEqual(provider.actions, [])
      assert.match(provider.trouble ?? "", /15 s/)
    }).pipe(Effect.scoped)
  )

  it.effect("one that refuses the credential says so; one that is not there was sent nothing", () =>
    Effect.gen(function* () {
      const closed = yield* service(() => ({
        status: 401,
        headers: { "www-authenticate": "Bearer" },
        body: { error: "invalid_token" }
      }))
      const provider = yield* providerAt(closed.url, [new URL(closed.url).host])
      assert.match(provider.trouble ?? "", /connect it again/)
      const error = yield* Effect.orDie(Effect.flip(provider.check(Redacted.make({ kind: "token", token }))))
      assert.deepEqual([error.reason, error.sent], ["needs-reauth", false])
    }).pipe(Effect.scoped)
  )
})
