/** A service that is connected by a person's browser, over the API; and one token that several servers refresh. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { Providers } from "../../actors/ports/actions.ts"
import { ConnectionRecords } from "../../actors/ports/connections.ts"
import { Seals } from "../../actors/ports/seals.ts"
import { CredentialsOf, encodeSecret } from "../../actors/services/credentials.ts"
import { linearProvider } from "../../adapters/actions/linear/linear.ts"
import { memoryConnections } from "../../adapters/memory/connections.ts"
import * as FileSeals from "../../adapters/secrets/seals.ts"
import { scratch, startGateway } from "../support/gateway.ts"
import { clientId, clientSecret, oauthServer, redirectUri } from "../support/services/oauth.ts"
import { type Asked, service } from "../support/services/service.ts"
import { slack, slackToken } from "../support/services/slack.ts"

const client = { clientId, clientSecret: Redacted.make(clientSecret) }

/** A gateway whose operator has a Slack app. */
const scene = Effect.gen(function* () {
  const oauth = oauthServer("slack")
  const api = slack()
  const isOfTokens = ({ path }: Asked) => path.endsWith("/oauth.v2.access") || path.endsWith("/auth.revoke")
  const { url, asked } = yield* service((one) =>
    isOfTokens(one)
      ? oauth.answer(one)
      : api.answer({ ...one, headers: { ...one.headers, authorization: `Bearer ${slackToken}` } })
  )
  const gateway = yield* startGateway({ slack: { url, client, signingSecret: null } })
  const owner = gateway.owner.token
  const begin = Effect.gen(function* () {
    const begun = yield* gateway.must(owner, "POST", "/v1/connections/oauth", { integration: "slack", redirectUri })
    return new URL(begun.url).searchParams.get("state")!
  })
  const back = (query: Record<string, string>) =>
    gateway.ask(null, "GET", `/v1/connections/oauth/callback?${new URLSearchParams(query)}`)
  const confirm = (code: string, as = owner) => gateway.ask(as, "POST", "/v1/connections/confirm", { code })
  /** The whole way. */
  const connected = Effect.gen(function* () {
    const { body } = yield* back({ code: oauth.code(), state: yield* begin })
    return yield* confirm(body.code)
  })
  const connections = Effect.map(gateway.must(owner, "GET", "/v1/connections"), (all) => all.connections as Array<any>)
  return { gateway, owner, begin, back, confirm, connected, connections, code: oauth.code, asked }
})

it.live("a person goes there, comes back, confirms, and the service is connected, with its team and without its secret", () =>
  Effect.gen(function* () {
    const { begin, back, confirm, connections, code, gateway, asked } = yield* scene
    const state = yield* begin
    const returned = yield* back({ code: code(), state, iss: "https://slack.com" })
    const { code: shown, ...told } = returned.body
    assert.deepInclude(told, { integration: "slack", account: "proliferate, Acme", organisation: "First", by: "Ada" })
    assert.match(shown, /^[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}$/)
    assert.deepStrictEqual(yield* connections, [])
    // As it is typed.
    const confirmed = yield* confirm(` ${shown.toLowerCase().replaceAll("-", " ")}`)
    assert.strictEqual(confirmed.status, 201, JSON.stringify(confirmed.body))
    const [connection] = yield* connections
    assert.deepInclude(connection, { integration: "slack", kind: "oauth", status: "active", settings: { team: "T1" } })
    assert.strictEqual(connection.createdBy, gateway.owner.id)
    assert.notInclude(JSON.stringify([connection, returned.body, confirmed.body]), "xoxb-")
    const again = yield* confirm(shown)
    assert.deepStrictEqual([again.status, again.body.code], [410, "expired"])
    assert.strictEqual((yield* connections).length, 1)
    assert.notInclude(asked.find(({ path }) => path.endsWith("/oauth.v2.access"))!.body, "code_verifier")
  }).pipe(Effect.scoped)
)

it.live("a state that is used twice is refused, with what to do, and nobody is asked", () =>
  Effect.gen(function* () {
    const { begin, back, code, asked } = yield* scene
    const state = yield* begin
    assert.strictEqual((yield* back({ code: code(), state })).status, 200)
    const before = asked.length
    const again = yield* back({ code: code(), state })
    assert.deepStrictEqual([again.status, again.body.code], [410, "expired"])
    assert.match(again.body.detail, /used, or older than 5 min: begin again with `proliferate connections add`/)
    assert.strictEqual(asked.length, before)
  }).pipe(Effect.scoped)
)

it.effect("a state and a code that are older than 5 min are refused, with what to do", () =>
  Effect.gen(function* () {
    const { begin, back, confirm, code, asked, connections } = yield* scene
    const state = yield* begin
    yield* TestClock.adjust("5 minutes")
    const late = yield* back({ code: code(), state })
    assert.deepStrictEqual([late.status, late.body.code], [410, "expired"])
    assert.match(late.body.detail, /older than 5 min: begin again/)
    assert.deepStrictEqual(asked, [])
    const other = yield* begin
    yield* TestClock.adjust("299 seconds")
    const { body } = yield* back({ code: code(), state: other })
    yield* TestClock.adjust("5 minutes")
    const unconfirmed = yield* confirm(body.code)
    assert.deepStrictEqual([unconfirmed.status, unconfirmed.body.code], [410, "expired"])
    assert.deepStrictEqual(yield* connections, [])
  }).pipe(Effect.scoped)
)

it.live("what a lured browser lets in is connected by nobody: the code is of who began, and only its holder has it", () =>
  Effect.gen(function* () {
    const { gateway, begin, back, confirm, code, connections } = yield* scene
    const { body } = yield* back({ code: code(), state: yield* begin })
    // Another administrator of the organisation, one of another, and a member who began nothing.
    const admin = yield* gateway.person("admin")
    const made = yield* gateway.must(gateway.owner.token, "POST", "/v1/organisations", {
      ...{ name: "Second", owner: { name: "Grace", email: "grace@example.org" } }
    })
    const member = yield* gateway.person("member")
    for (const token of [admin.token, made.token.secret]) assert.strictEqual((yield* confirm(body.code, token)).status, 410)
    assert.strictEqual((yield* confirm(body.code, member.token)).status, 403)
    assert.strictEqual((yield* confirm("AAAA-BBBB-CCCC")).status, 410)
    assert.deepStrictEqual(yield* connections, [])
    assert.strictEqual((yield* confirm(body.code)).status, 201)
  }).pipe(Effect.scoped)
)

it.live("a browser is shown whose account and whose organisation it is, as text and without script", () =>
  Effect.gen(function* () {
    const { gateway, owner, begin, code } = yield* scene
    yield* gateway.must(owner, "POST", "/v1/users", { name: "x", email: "x@example.org", role: "viewer" })
    const query = new URLSearchParams({ code: code(), state: yield* begin })
    const response = yield* Effect.promise(() =>
      fetch(`${gateway.url}/v1/connections/oauth/callback?${query}`, { headers: { accept: "text/html,*/*;q=0.8" } })
    )
    const page = yield* Effect.promise(() => response.text())
    assert.deepStrictEqual([response.status, response.headers.get("content-type")], [200, "text/html; charset=utf-8"])
    assert.match(response.headers.get("content-security-policy")!, /default-src 'none'/)
    assert.include(page, "Connect slack as proliferate, Acme?")
    assert.include(page, "Ada of the organisation First")
    assert.match(page, /proliferate connections confirm [A-Z2-9-]{14}/)
    assert.notInclude(page, "<script")
    // Gone there once more, a person reads why it is of no use.
    const again = yield* Effect.promise(() =>
      fetch(`${gateway.url}/v1/connections/oauth/callback?${query}`, { headers: { accept: "text/html" } })
    )
    assert.deepStrictEqual([again.status, again.headers.get("content-type")], [410, "text/html; charset=utf-8"])
    assert.match(
      yield* Effect.promise(() => again.text()),
      /<p>this link is used, or older than 5 min: begin again with `proliferate/
    )
  }).pipe(Effect.scoped)
)

it.live("a state of another organisation, step or making, a refusal and a bad code connect nothing", () =>
  Effect.gen(function* () {
    const { begin, back, connected, connections, code, asked, gateway, owner } = yield* scene
    const state = yield* begin
    const [, nonce] = state.split(".")
    for (const forged of [`org_other.${nonce}`, state.replace(nonce!, "x".repeat(43)), `${state}x`, "nonsense"])
      assert.strictEqual((yield* back({ code: code(), state: forged })).status, 410)
    const elsewhere = yield* gateway.ask(null, "GET", `/v1/connections/app/made?${new URLSearchParams({ code: "x", state })}`)
    assert.strictEqual(elsewhere.status, 410)
    assert.deepStrictEqual(asked, [])
    const refused = yield* back({ error: "access_denied", error_description: "no", state })
    assert.deepStrictEqual([refused.status, refused.body.code], [422, "reference"])
    // It was used up by that.
    assert.strictEqual((yield* back({ code: code(), state })).status, 410)
    const bad = yield* back({ code: "code-of-nobody", state: yield* begin })
    assert.strictEqual(bad.body.code, "provider")
    assert.deepStrictEqual(yield* connections, [])
    const member = yield* gateway.person("member")
    const asks = { integration: "slack", redirectUri }
    assert.strictEqual((yield* gateway.ask(member.token, "POST", "/v1/connections/oauth", asks)).status, 403)
    // What the service says of itself is nobody else's to say.
    yield* connected
    const [{ id }] = yield* connections
    const set = (settings: unknown) => gateway.ask(owner, "POST", `/v1/connections/${id}/settings`, { settings })
    assert.strictEqual((yield* set({ team: "T2" })).status, 400)
    assert.strictEqual((yield* set({ approvals: "#general" })).status, 400)
    assert.deepStrictEqual((yield* set({ approvals: "C0123456" })).body.settings, { approvals: "C0123456", team: "T1" })
    // Connected anew, it is shown where it was.
    yield* connected
    assert.deepStrictEqual((yield* connections)[0].settings, { approvals: "C0123456", team: "T1" })
  }).pipe(Effect.scoped)
)

it.live("a token near its end is refreshed once, by one of two servers; what waits has the new one", () =>
  Effect.gen(function* () {
    const world = oauthServer("linear")
    const { url, asked } = yield* service(world.answer)
    const provider = linearProvider({ apiUrl: url, url, client })
    const records = memoryConnections()
    const known = Layer.mergeAll(
      Layer.succeed(ConnectionRecords, ConnectionRecords.of(records)),
      Layer.succeed(Providers, Providers.of({ of: () => Effect.succeed([provider]), find: () => Effect.succeed(provider) })),
      FileSeals.layer(yield* scratch)
    )
    const context = yield* Layer.build(known)
    const server = Effect.map(Layer.build(Layer.fresh(CredentialsOf.layer)), (built) =>
      Effect.provideContext(CredentialsOf, built)
    )
    const [one, two] = yield* Effect.all([server, server]).pipe(Effect.provideContext(context))
    const first = Redacted.value(yield* provider.oauth!.exchange({ code: world.code(), redirectUri, verifier: null }))
    assert.ok(first.kind === "oauth")
    const old = Redacted.make({ ...first, expiresAtMs: Date.now() + 30_000 })
    const seals = yield* Effect.provideContext(Seals, context)
    const [org, id] = ["org_1", "con_1"]
    yield* records.connect({
      ...{ id, org, integration: "linear", kind: "oauth", account: null, scopes: [], settings: {}, createdBy: null },
      ...{ checkedAtMs: null, expiresAtMs: Date.now() + 30_000 },
      sealed: seals.seal({ purpose: "connection", org, id }, encodeSecret(old))
    })
    const before = asked.length
    const servers = yield* Effect.all([one, two])
    const found = yield* Effect.forEach(
      [0, 1, 0, 1, 0, 1],
      (n) => Effect.map(servers[n]!.usable(org, "linear"), (credential) => JSON.stringify(Redacted.value(credential))),
      { concurrency: 6 }
    )
    assert.strictEqual(asked.length - before, 1)
    assert.strictEqual(new Set(found).size, 1)
    assert.notInclude(found[0], first.accessToken)
    assert.strictEqual((yield* records.find(org, id))?.status, "active")
  }).pipe(Effect.scoped)
)
