/** A service that is connected by a person's browser, over the API; and one token that several servers refresh. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
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
  const connections = Effect.map(gateway.must(owner, "GET", "/v1/connections"), (all) => all.connections as Array<any>)
  return { gateway, owner, begin, back, connections, code: oauth.code, asked }
})

it.live("a person goes there, comes back, and the service is connected, with its team and without its secret", () =>
  Effect.gen(function* () {
    const { begin, back, connections, code, gateway } = yield* scene
    const state = yield* begin
    const returned = yield* back({ code: code(), state })
    assert.deepInclude(returned.body, { connected: "slack", account: "proliferate, Acme" })
    const [connection] = yield* connections
    assert.deepInclude(connection, { integration: "slack", kind: "oauth", status: "active", settings: { team: "T1" } })
    assert.strictEqual(connection.createdBy, gateway.owner.id)
    assert.notInclude(JSON.stringify([connection, returned.body]), "xoxb-")
    const again = yield* back({ code: code(), state })
    assert.deepStrictEqual([again.status, again.body.code], [410, "expired"])
    assert.strictEqual((yield* connections).length, 1)
  }).pipe(Effect.scoped)
)

it.live("a state of another organisation, person or making, a refusal and a bad code connect nothing", () =>
  Effect.gen(function* () {
    const { begin, back, connections, code, asked, gateway, owner } = yield* scene
    const state = yield* begin
    const [integration, org, nonce, user, uri] = state.split(".")
    const forged = [
      ["slack", "org_other", nonce, user, uri],
      [integration, org, nonce, "usr_other", uri],
      ["notebook", org, nonce, user, uri],
      [integration, org, "x".repeat(43), user, uri],
      [integration, org, nonce, user, Buffer.from("https://evil.test").toString("base64url")]
    ]
    for (const parts of forged) assert.strictEqual((yield* back({ code: code(), state: parts.join(".") })).status, 410)
    assert.strictEqual((yield* back({ code: code(), state: "nonsense" })).status, 410)
    assert.deepStrictEqual(asked, [])
    const refused = yield* back({ error: "access_denied", state })
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
    yield* back({ code: code(), state: yield* begin })
    const [{ id }] = yield* connections
    const set = (settings: unknown) => gateway.ask(owner, "POST", `/v1/connections/${id}/settings`, { settings })
    assert.strictEqual((yield* set({ team: "T2" })).status, 400)
    assert.strictEqual((yield* set({ approvals: "#general" })).status, 400)
    assert.deepStrictEqual((yield* set({ approvals: "C0123456" })).body.settings, { approvals: "C0123456", team: "T1" })
    // Connected anew, it is shown where it was.
    yield* back({ code: code(), state: yield* begin })
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
    const first = Redacted.value(yield* provider.oauth!.exchange({ code: world.code(), redirectUri }))
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
