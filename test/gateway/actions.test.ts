/** Actions over the API: what an agent asks for in its session, and what people decide about it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Started, startGateway } from "../support/gateway.ts"
import { notebook } from "../support/notebook.ts"

/** A session whose agent may ask, on a gateway where the notebook is connected. */
const scene = Effect.fnUntraced(function* (options: { readonly connected?: boolean } = {}) {
  const integration = notebook()
  const gateway: Started = yield* startGateway({ integration })
  const owner = gateway.owner.token
  const session = yield* gateway.session()
  const agent = yield* gateway.sandboxToken(session.id)
  const path = `/v1/sessions/${session.id}/calls`
  if (options.connected ?? true)
    yield* gateway.must(owner, "POST", "/v1/connections", {
      integration: "notebook",
      secret: { kind: "token", token: "good-token" }
    })
  const call = (action: string, params: Record<string, unknown>, more: Record<string, unknown> = {}, headers = {}) =>
    gateway.ask(agent, "POST", path, { integration: "notebook", action, params, waitMs: 5_000, ...more }, headers)
  const waiting = (action = "add_note", params: Record<string, unknown> = { page: "home", text: "hello" }) =>
    Effect.map(call(action, params, { waitMs: 0 }), ({ body }) => body.id as string)
  const status = (id: string, waitMs = 5_000) => gateway.ask(agent, "GET", `${path}/${id}?wait=${waitMs}`)
  const pending = Effect.fnUntraced(function* (id: string) {
    while ((yield* gateway.must(owner, "GET", `/v1/approvals/${id}`)).status === "requested") yield* Effect.sleep(5)
    return id
  })
  const decide = (id: string, verb: string, body: unknown, as = owner) =>
    gateway.ask(as, "POST", `/v1/approvals/${id}/${verb}`, body)
  return { gateway, integration, owner, session, agent, path, call, waiting, status, pending, decide }
})

describe("a call", () => {
  it.live("that reads runs at once, and its answer comes with the request", () =>
    Effect.gen(function* () {
      const { call } = yield* scene()
      const { status, body } = yield* call("read_page", { page: "home" })
      assert.deepStrictEqual([status, body.status, body.decidedBy], [200, "completed", "policy"])
      assert.deepStrictEqual(body.result, { ok: true, page: "home", notes: 0 })
    }).pipe(Effect.scoped)
  )

  it.live("that writes waits for a person, runs once when it is approved, and whoever waits hears it", () =>
    Effect.gen(function* () {
      const { call, waiting, pending, status, decide, integration, owner, gateway } = yield* scene()
      assert.strictEqual((yield* call("add_note", { page: "home", text: "hello" }, { waitMs: 200 })).status, 202)
      const id = yield* pending(yield* waiting())
      const inbox = yield* gateway.must(owner, "GET", "/v1/approvals")
      assert.strictEqual(inbox.calls.length, 2)
      assert.deepInclude(inbox.calls[0], { id, status: "pending", action: "add_note", risk: "write" })

      const [heard, decided] = yield* Effect.all([status(id), Effect.delay(decide(id, "approve", { as: "once" }), 50)], {
        concurrency: 2
      })
      assert.strictEqual(decided.status, 200, JSON.stringify(decided.body))
      assert.deepStrictEqual([heard.status, heard.body.status, heard.body.decidedBy], [200, "completed", "person"])
      assert.deepStrictEqual(integration.effects, [{ key: id, params: { page: "home", text: "hello" } }])
    }).pipe(Effect.scoped)
  )
})
