/** Calls of agents under budgets, seen by whoever comes late, and on bad days of their service. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { scene } from "../support/acting.ts"

describe("a budget", () => {
  it.live("of ten lets ten of a hundred calls at once run, and the others wait or are told that too many do", () =>
    Effect.gen(function* () {
      const { gateway, owner, session, path, integration } = yield* scene()
      yield* gateway.must(owner, "POST", "/v1/grants", {
        draft: {
          ...{ scope: { type: "organisation", id: gateway.organisation.id }, integration: "notebook", action: "add_note" },
          ...{ constraints: [], usesMax: 10, lastsMs: 3_600_000 }
        }
      })
      // Of several sessions, each within its own bounds.
      const others = yield* Effect.forEach([1, 2], () => gateway.session())
      const agents = yield* Effect.forEach([session, ...others], ({ id }) =>
        Effect.map(gateway.sandboxToken(id), (token) => ({ token, path: path.replace(session.id, id) }))
      )
      const answers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, n) => n),
        (n) => {
          const { token, path } = agents[n % agents.length]!
          const body = { integration: "notebook", action: "add_note", params: { page: "home", text: `${n}` }, waitMs: 3_000 }
          return gateway.ask(token, "POST", path, body)
        },
        { concurrency: 100 }
      )
      // Who was let run may still be at it on a busy machine; a call that waits for a person stays as it is.
      const atWork = ["requested", "approved", "executing"]
      const settled = yield* Effect.forEach(answers, ({ body }, n) => {
        if (!atWork.includes(body.status)) return Effect.succeed(body.status as string)
        const { token, path } = agents[n % agents.length]!
        return Effect.map(gateway.ask(token, "GET", `${path}/${body.id}?wait=10000`), (answer) => answer.body.status as string)
      })
      assert.strictEqual(settled.filter((status) => status === "completed").length, 10)
      assert.strictEqual(integration.effects.length, 10)
      assert.isTrue(answers.every(({ status }) => [200, 202, 429].includes(status)))
      const [grant] = (yield* gateway.must(owner, "GET", "/v1/grants?ended=true")).grants
      assert.strictEqual(grant.used, 10)
    }).pipe(Effect.scoped)
  )

  it.live("is lent once under one key", () =>
    Effect.gen(function* () {
      const { gateway, owner } = yield* scene()
      const draft = {
        ...{ scope: { type: "organisation", id: gateway.organisation.id }, integration: "notebook", action: "add_note" },
        ...{ constraints: [], usesMax: 3, lastsMs: 60_000 }
      }
      const lend = (given: unknown, key: string) =>
        gateway.ask(owner, "POST", "/v1/grants", { draft: given }, { "idempotency-key": key })
      const first = yield* lend(draft, "k1")
      assert.strictEqual(first.status, 201)
      const again = yield* Effect.all([lend(draft, "k1"), lend(draft, "k1")], { concurrency: 2 })
      assert.deepStrictEqual(
        again.map(({ body }) => body.id),
        [first.body.id, first.body.id]
      )
      assert.strictEqual((yield* lend({ ...draft, usesMax: 9 }, "k1")).status, 409)
      assert.notStrictEqual((yield* lend(draft, "k2")).body.id, first.body.id)
      assert.lengthOf((yield* gateway.must(owner, "GET", "/v1/grants")).grants, 2)
    }).pipe(Effect.scoped)
  )

  it.live("holds no argument that is hidden from people, however it is asked for", () =>
    Effect.gen(function* () {
      const { waiting, pending, decide, gateway, owner } = yield* scene()
      const secret = "ghp_0123456789abcdefghij"
      const id = yield* pending(yield* waiting("add_note", { page: "home", text: `use ${secret}` }))
      const refused = yield* decide(id, "approve", { as: "grant", grant: { pins: ["page", "text"] } })
      assert.deepStrictEqual([refused.status, refused.body.code], [400, "invalid"])
      assert.match(refused.body.detail, /grant.pins: text/)
      assert.strictEqual((yield* decide(id, "approve", { as: "grant" })).status, 200)
      const grants = yield* gateway.must(owner, "GET", "/v1/grants?ended=true")
      assert.deepStrictEqual(
        grants.grants[0].constraints.map(({ path }: any) => path),
        ["page"]
      )
      const history = yield* gateway.must(owner, "GET", `/v1/actors/approval/${id}/history`)
      assert.notInclude(JSON.stringify([grants, history]), secret)
    }).pipe(Effect.scoped)
  )

  it.live("is asked for without secrets: such an argument is refused, and what is said of it is not shown", () =>
    Effect.gen(function* () {
      const { agent, gateway, owner, session } = yield* scene()
      const secret = "ghp_0123456789abcdefghij"
      const ask = (more: Record<string, unknown>) =>
        gateway.ask(agent, "POST", `/v1/sessions/${session.id}/grants`, { integration: "notebook", action: "add_note", ...more })
      const pinned = yield* ask({ constraints: [{ path: "text", op: "equals", value: secret }], reason: "often" })
      assert.deepStrictEqual([pinned.status, pinned.body.code], [400, "invalid"])
      const asked = yield* ask({ constraints: [{ path: "page", op: "equals", value: "home" }], reason: `with ${secret}, often` })
      assert.deepStrictEqual([asked.status, asked.body.reason], [202, "with [redacted], often"])
      const all = yield* gateway.must(owner, "GET", "/v1/grant-requests?all=true")
      assert.lengthOf(all.requests, 1)
      assert.notInclude(JSON.stringify(all), secret)
    }).pipe(Effect.scoped)
  )

  it.live("that is revoked stops what waits under it, and says how many", () =>
    Effect.gen(function* () {
      const { waiting, pending, decide, gateway, owner, status, integration, call } = yield* scene()
      const id = yield* pending(yield* waiting())
      const { body } = yield* decide(id, "approve", { as: "grant", grant: { usesMax: 5, pins: ["page"] } })
      yield* status(id)
      // The service says later: what is approved meanwhile waits for its turn.
      integration.next("limited")
      yield* call("read_page", { page: "home" })
      const queued = yield* waiting("add_note", { page: "home", text: "queued" })
      while ((yield* status(queued, 0)).body.status !== "approved") yield* Effect.sleep(5)
      const revoked = yield* gateway.must(owner, "POST", `/v1/grants/${body.grantId}/revoke`)
      assert.deepStrictEqual(revoked, { ended: [body.grantId], stopped: 1 })
      assert.strictEqual((yield* status(queued)).body.status, "revoked")
      assert.strictEqual(integration.effects.length, 1)
    }).pipe(Effect.scoped)
  )
})

describe("a grant", () => {
  it.effect("that runs out between the verdict and the sending sends nothing, and its use is given back", () =>
    Effect.gen(function* () {
      const { gateway, owner, integration, call, waiting, status } = yield* scene()
      const lastsMs = 60_000
      const lent = yield* gateway.must(owner, "POST", "/v1/grants", {
        draft: {
          ...{ scope: { type: "organisation", id: gateway.organisation.id }, integration: "notebook", action: "add_note" },
          ...{ constraints: [], usesMax: 3, lastsMs }
        }
      })
      const uses = Effect.map(gateway.must(owner, "GET", "/v1/grants?ended=true"), ({ grants }) => grants[0].used)
      // The service takes nothing for a minute: what the grant let run waits for its turn.
      integration.next("limited")
      yield* call("read_page", { page: "home" })
      const id = yield* waiting()
      while ((yield* status(id, 0)).body.status !== "approved") yield* Effect.yieldNow
      assert.deepInclude((yield* status(id, 0)).body, { decidedBy: "grant", grantId: lent.id })
      assert.strictEqual(yield* uses, 1)
      yield* TestClock.adjust(lastsMs + 31_000)
      const settled = yield* status(id)
      assert.deepInclude(settled.body, { status: "revoked", reason: "policy" })
      assert.deepStrictEqual([integration.effects, yield* uses], [[], 0])
    }).pipe(Effect.scoped)
  )

  it.live("that is asked for again is the request that is open, until it is answered", () =>
    Effect.gen(function* () {
      const { gateway, owner, agent, session } = yield* scene()
      const path = `/v1/sessions/${session.id}/grants`
      const [home, away] = ["home", "away"].map((value) => ({ path: "page", op: "equals", value }))
      const text = { path: "text", op: "equals", value: "hello" }
      const ask = (constraints: ReadonlyArray<unknown>, more: object = {}) =>
        Effect.map(
          gateway.must(agent, "POST", path, {
            ...{ integration: "notebook", action: "add_note", constraints, reason: "it is many" },
            ...more
          }),
          ({ id }) => id as string
        )
      const first = yield* ask([home, text])
      assert.strictEqual(yield* ask([text, home], { usesMax: 9, reason: "please" }), first)
      const all = yield* Effect.forEach(Array.from({ length: 20 }), () => ask([home, text]), { concurrency: 20 })
      assert.deepStrictEqual(new Set(all), new Set([first]))
      const other = yield* ask([away])
      assert.notStrictEqual(other, first)
      const { requests } = yield* gateway.must(owner, "GET", "/v1/grant-requests")
      assert.deepStrictEqual(
        requests.map(({ id }: any) => id),
        [other, first]
      )
      assert.deepInclude(requests[1], { reason: "it is many", status: "open" })
      yield* gateway.must(owner, "POST", `/v1/grant-requests/${first}/deny`, { reason: "no" })
      assert.notStrictEqual(yield* ask([home, text]), first)
    }).pipe(Effect.scoped)
  )
})

describe("before it is lent or saved", () => {
  it.live("a grant and a rule are tried on the calls that were made; nothing changes", () =>
    Effect.gen(function* () {
      const { gateway, owner, waiting, pending, call } = yield* scene()
      yield* pending(yield* waiting("add_note", { page: "home", text: "one" }))
      yield* pending(yield* waiting("add_note", { page: "away", text: "two", project: "password=hunter2hunter2" }))
      yield* call("read_page", { page: "home" })
      const constraints = [{ path: "page", op: "equals", value: "home" }]
      const draft = {
        ...{ scope: { type: "organisation", id: gateway.organisation.id }, integration: "notebook", action: "add_note" },
        ...{ constraints, usesMax: null, lastsMs: 3_600_000 }
      }
      const preview = yield* gateway.must(owner, "POST", "/v1/grants/preview", { draft })
      assert.deepInclude(preview, { looked: 3, covered: 1, waited: 1 })
      assert.deepInclude(preview.calls[0].params, { page: "home", text: "one" })
      const rule = { integration: "notebook", action: "add_note", mode: "deny", pins: constraints }
      const rehearsed = yield* gateway.must(owner, "POST", "/v1/policy/rehearse", { set: [rule] })
      assert.deepInclude(rehearsed, { looked: 3, changed: 1, changes: { "ask → deny": 1 } })
      const secret = { ...rule, pins: [{ path: "project", op: "equals", value: "prod" }] }
      const unknown = yield* gateway.must(owner, "POST", "/v1/policy/rehearse", { set: [secret] })
      assert.deepStrictEqual(unknown.changes, { "ask → unknown": 1 })
      assert.deepStrictEqual((yield* gateway.must(owner, "GET", "/v1/policy")).rules, [])
      assert.deepStrictEqual((yield* gateway.must(owner, "GET", "/v1/grants")).grants, [])
      const explained = yield* gateway.must(owner, "POST", "/v1/policy/explain", {
        integration: "notebook",
        action: "delete_page"
      })
      assert.deepInclude(explained, { verdict: "deny", risk: "danger" })
    }).pipe(Effect.scoped)
  )
})

describe("whoever comes late", () => {
  it.live("sees what waits, in the session and over the stream's welcome", () =>
    Effect.gen(function* () {
      const { waiting, pending, gateway, owner, session } = yield* scene()
      const id = yield* pending(yield* waiting())
      const shown = yield* gateway.must(owner, "GET", `/v1/sessions/${session.id}`)
      assert.deepInclude(shown.calls[0], { id, status: "pending", action: "add_note", params: { page: "home", text: "hello" } })
    }).pipe(Effect.scoped)
  )
})

describe("bad days of a service", () => {
  it.live("a token that is revoked between approval and execution: nothing is executed, and what to do is said", () =>
    Effect.gen(function* () {
      const { waiting, pending, decide, status, gateway, owner, integration } = yield* scene()
      const id = yield* pending(yield* waiting())
      const [connection] = (yield* gateway.must(owner, "GET", "/v1/connections")).connections
      yield* gateway.must(owner, "POST", `/v1/connections/${connection.id}/revoke`)
      yield* decide(id, "approve", { as: "once" })
      const { body } = yield* status(id)
      assert.deepInclude(body, { status: "failed", reason: "connection" })
      assert.match(body.message, /`proliferate connections add notebook`/)
      assert.deepStrictEqual(integration.effects, [])
    }).pipe(Effect.scoped)
  )

  it.live("a token that the service no longer takes marks the connection, and the next call is refused at once", () =>
    Effect.gen(function* () {
      const { call, gateway, owner, integration } = yield* scene()
      integration.next("needs-reauth")
      const { body } = yield* call("read_page", { page: "home" })
      assert.deepInclude(body, { status: "failed", reason: "needs-reauth" })
      const [connection] = (yield* gateway.must(owner, "GET", "/v1/connections")).connections
      assert.deepInclude(connection, { status: "needsReauth", reason: "the token was revoked at Notebook" })
      const next = yield* call("read_page", { page: "home" })
      assert.strictEqual(next.status, 422)
      assert.match(next.body.detail, /must be connected again/)
    }).pipe(Effect.scoped)
  )

  it.live("an answer that never came is looked for, and a write whose absence is proven is made again, once", () =>
    Effect.gen(function* () {
      const { waiting, pending, decide, status, integration } = yield* scene()
      const lost = yield* pending(yield* waiting())
      integration.next("unknown-done")
      yield* decide(lost, "approve", { as: "once" })
      assert.deepInclude((yield* status(lost)).body, { status: "completed", result: { found: true } })
      assert.strictEqual(integration.effects.length, 1)

      const absent = yield* pending(yield* waiting("add_note", { page: "home", text: "two" }))
      integration.next("unknown-undone")
      yield* decide(absent, "approve", { as: "once" })
      assert.strictEqual((yield* status(absent)).body.status, "completed")
      assert.strictEqual(integration.effects.length, 2)
      assert.strictEqual(integration.calls.filter(({ key }) => key === absent).length, 2)
    }).pipe(Effect.scoped)
  )

  it.live("fifty megabytes come as ten kilobytes of JSON, without the credential", () =>
    Effect.gen(function* () {
      const { call, integration } = yield* scene()
      integration.next("huge")
      const { body } = yield* call("read_page", { page: "home" })
      const shown = JSON.stringify(body.result)
      assert.isBelow(shown.length, 11_000)
      assert.notInclude(shown, "good-token")
    }).pipe(Effect.scoped)
  )
})
