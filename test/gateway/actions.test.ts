/** Actions over the API: what an agent asks for in its session, and what people decide about it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { scene } from "../support/acting.ts"

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

describe("what is wrong with a call is said before anything is written", () => {
  it.live("names that there are not, with the nearest ones", () =>
    Effect.gen(function* () {
      const { gateway, agent, path } = yield* scene()
      const unknown = yield* gateway.ask(agent, "POST", path, { integration: "notebok", action: "add_note", params: {} })
      assert.deepInclude([unknown.status, unknown.body.detail], 400)
      assert.match(unknown.body.detail, /there is no notebok; did you mean notebook\?/)
      const action = yield* gateway.ask(agent, "POST", path, { integration: "notebook", action: "add_notes", params: {} })
      assert.match(action.body.detail, /notebook has no add_notes; did you mean add_note\?/)
    }).pipe(Effect.scoped)
  )

  it.live("arguments that do not fit, with the field, what was expected, and where to read it", () =>
    Effect.gen(function* () {
      const { call, gateway, owner, integration } = yield* scene()
      const missing = yield* call("add_note", { page: "home" })
      assert.deepStrictEqual([missing.status, missing.body.code], [400, "invalid"])
      assert.match(missing.body.detail, /^params: text: is missing \(of notebook.add_note; `proliferate actions guide notebook`/)
      const wrong = yield* call("add_note", { page: 7, text: "x", colour: "red" })
      assert.match(wrong.body.detail, /page: Expected string/)
      assert.match(wrong.body.detail, /colour: is not a known field/)
      assert.deepStrictEqual((yield* gateway.must(owner, "GET", "/v1/approvals?status=failed")).calls, [])
      assert.deepStrictEqual(integration.calls, [])
    }).pipe(Effect.scoped)
  )

  it.live("a service that is not connected, with who connects it how", () =>
    Effect.gen(function* () {
      const { call } = yield* scene({ connected: false })
      const { status, body } = yield* call("read_page", { page: "home" })
      assert.deepStrictEqual([status, body.code], [422, "reference"])
      assert.match(body.detail, /notebook is not connected; .*`proliferate connections add notebook`/)
    }).pipe(Effect.scoped)
  )

  it.live("the eleventh that would wait, and the sixty-first in a minute", () =>
    Effect.gen(function* () {
      const { call, waiting, pending } = yield* scene()
      for (let n = 0; n < 10; n++) yield* pending(yield* waiting())
      const eleventh = yield* call("add_note", { page: "home", text: "one more" })
      assert.deepStrictEqual([eleventh.status, eleventh.body.code], [429, "limit"])
      assert.match(eleventh.body.detail, /10 calls of this session wait for a person already/)
      // A few come back while they are spent.
      let over = yield* call("read_page", { page: "home" }, { waitMs: 0 })
      for (let n = 0; n < 200 && over.status !== 429; n++) over = yield* call("read_page", { page: "home" }, { waitMs: 0 })
      assert.strictEqual(over.body.code, "limit")
      assert.match(over.body.detail, /more than 60 calls in a minute; ask again in \d+ s/)
    }).pipe(Effect.scoped)
  )

  it.live("and the same under the same key is the same call", () =>
    Effect.gen(function* () {
      const { call, pending } = yield* scene()
      const again = () => call("add_note", { page: "home", text: "x" }, { waitMs: 0 }, { "idempotency-key": "k1" })
      const [first, second] = yield* Effect.all([again(), again()], { concurrency: 2 })
      assert.strictEqual(first.body.id, second.body.id)
      yield* pending(first.body.id)
      const other = yield* call("add_note", { page: "home", text: "y" }, {}, { "idempotency-key": "k1" })
      assert.deepStrictEqual([other.status, other.body.code], [409, "conflict"])
    }).pipe(Effect.scoped)
  )
})

describe("a decision", () => {
  it.live("is made once: the second is told who was first, and of ten at once one wins", () =>
    Effect.gen(function* () {
      const { waiting, pending, decide, gateway, integration, status } = yield* scene()
      const id = yield* pending(yield* waiting())
      const admins = yield* Effect.forEach(Array.from({ length: 10 }), () => gateway.person("admin"))
      const answers = yield* Effect.forEach(admins, ({ token }) => decide(id, "approve", { as: "once" }, token), {
        concurrency: 10
      })
      assert.strictEqual(answers.filter((answer) => answer.status === 200).length, 1)
      const winner = admins[answers.findIndex((answer) => answer.status === 200)]!
      const names = (yield* gateway.must(gateway.owner.token, "GET", "/v1/users")).users
      const name = names.find((user: any) => user.id === winner.id).name
      for (const answer of answers.filter(({ status }) => status !== 200)) {
        assert.strictEqual(answer.status, 409)
        assert.include(answer.body.detail, `decided by ${name}`)
      }
      yield* status(id)
      assert.strictEqual(integration.effects.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("is no agent's and no member's", () =>
    Effect.gen(function* () {
      const { waiting, pending, decide, gateway, agent, owner } = yield* scene()
      const id = yield* pending(yield* waiting())
      const member = yield* gateway.person("member")
      assert.strictEqual((yield* decide(id, "approve", { as: "once" }, agent)).status, 403)
      assert.strictEqual((yield* decide(id, "approve", { as: "once" }, member.token)).status, 403)
      const lend = {
        draft: {
          scope: { type: "organisation", id: "x" },
          integration: "notebook",
          action: "*",
          constraints: [],
          usesMax: null,
          lastsMs: 3_600_000
        }
      }
      assert.strictEqual((yield* gateway.ask(agent, "POST", "/v1/grants", lend)).status, 403)
      assert.strictEqual((yield* gateway.ask(agent, "GET", "/v1/approvals")).status, 403)
      const asked = { integration: "notebook", action: "add_note", params: { page: "x", text: "y" } }
      const session = (yield* gateway.must(owner, "GET", `/v1/approvals/${id}`)).sessionId
      assert.strictEqual((yield* gateway.ask(owner, "POST", `/v1/sessions/${session}/calls`, asked)).status, 403)
    }).pipe(Effect.scoped)
  )

  it.live("to deny tells the agent why; nothing is executed", () =>
    Effect.gen(function* () {
      const { waiting, pending, decide, status, integration } = yield* scene()
      const id = yield* pending(yield* waiting())
      yield* decide(id, "deny", { reason: "not on a Friday" })
      const { body } = yield* status(id)
      assert.deepInclude(body, { status: "denied", decidedBy: "person", message: "not on a Friday" })
      assert.deepStrictEqual(integration.calls, [])
    }).pipe(Effect.scoped)
  )

  it.live("comes too late once the session has ended", () =>
    Effect.gen(function* () {
      const { waiting, pending, decide, gateway, owner, session, integration } = yield* scene()
      const id = yield* pending(yield* waiting())
      yield* gateway.must(owner, "POST", `/v1/sessions/${session.id}/stop`)
      const late = yield* decide(id, "approve", { as: "once" })
      assert.deepStrictEqual([late.status, late.body.code], [410, "expired"])
      assert.match(late.body.detail, /ended with its session; nothing was executed/)
      assert.deepStrictEqual(integration.calls, [])
    }).pipe(Effect.scoped)
  )

  it.live("with a grant lets the same run again, as often as it says and no more", () =>
    Effect.gen(function* () {
      const { call, waiting, pending, gateway, owner, integration } = yield* scene()
      const id = yield* pending(yield* waiting())
      const decide = gateway.ask(
        owner,
        "POST",
        `/v1/approvals/${id}/approve`,
        { as: "grant", grant: { usesMax: 2 } },
        { "idempotency-key": "k1" }
      )
      const decided = yield* decide
      assert.match(decided.body.said, /lent as grant grt_\w+ for 2 uses, this one counted/)
      // Who says it again, for the answer was lost, hears of the grant that there is.
      assert.strictEqual((yield* decide).body.said, decided.body.said)
      const { grants } = yield* gateway.must(owner, "GET", "/v1/grants")
      assert.deepStrictEqual(
        grants.map((grant: any) => decided.body.said.includes(grant.id)),
        [true]
      )
      const second = yield* call("add_note", { page: "home", text: "hello" })
      assert.deepStrictEqual([second.status, second.body.decidedBy], [200, "grant"])
      const other = yield* call("add_note", { page: "home", text: "another" }, { waitMs: 300 })
      assert.strictEqual(other.body.status, "pending")
      const third = yield* call("add_note", { page: "home", text: "hello" }, { waitMs: 300 })
      assert.strictEqual(third.body.status, "pending")
      assert.strictEqual(integration.effects.length, 2)
    }).pipe(Effect.scoped)
  )

  it.live("for always writes a rule, and says so plainly; of a dangerous action it does not", () =>
    Effect.gen(function* () {
      const { call, waiting, pending, decide, gateway, owner } = yield* scene()
      const id = yield* pending(yield* waiting())
      const decided = yield* decide(id, "approve", { as: "always" })
      assert.match(decided.body.said, /from now on notebook.add_note runs without asking, in all of the organisation/)
      const next = yield* call("add_note", { page: "other", text: "free" })
      assert.deepStrictEqual([next.body.status, next.body.decidedBy], ["completed", "policy"])

      const denied = yield* call("delete_page", { page: "home" })
      assert.deepStrictEqual([denied.body.status, denied.body.decidedBy], ["denied", "policy"])
      const allow = { integration: "notebook", action: "delete_page", mode: "allow" }
      assert.strictEqual((yield* gateway.ask(owner, "POST", "/v1/policy/rules", allow)).status, 400)
      yield* gateway.must(owner, "POST", "/v1/policy/rules", { ...allow, mode: "ask" })
      const asked = yield* pending(yield* waiting("delete_page", { page: "home" }))
      assert.strictEqual((yield* decide(asked, "approve", { as: "always" })).status, 409)
      assert.strictEqual((yield* decide(asked, "approve", { as: "grant" })).status, 409)
      assert.strictEqual((yield* decide(asked, "approve", { as: "once" })).status, 200)
    }).pipe(Effect.scoped)
  )
})
