/** A GitHub App of an organisation's own, made and installed by a person's browser; and OAuth there, where a code is held to its beginner. */
import { generateKeyPairSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { startGateway } from "../support/gateway.ts"
import { github, githubToken, installationToken } from "../support/services/github.ts"
import { clientId, clientSecret, oauthServer, redirectUri } from "../support/services/oauth.ts"
import { type Asked, type Said, service } from "../support/services/service.ts"

const { publicKey, privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2_048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" }
})

/** GitHub, where a person makes an App from a manifest, and lets a client of ours in. */
const scene = Effect.gen(function* () {
  const world = github({ publicKey })
  const oauth = oauthServer("github")
  const codes = new Set<string>()
  let at = ""
  const { url, asked } = yield* service((one: Asked): Said => {
    const [, code] = /^\/app-manifests\/([^/]+)\/conversions$/.exec(one.path) ?? []
    if (code !== undefined)
      return one.method === "POST" && codes.delete(code)
        ? { status: 201, body: { id: 7, slug: "proliferate-acme", html_url: `${at}/apps/proliferate-acme`, pem: privateKey } }
        : { status: 404, body: { message: "Not Found" } }
    if (one.path === "/login/oauth/access_token") return oauth.answer(one)
    const isLent = /^token ghu_/.test(one.headers.authorization ?? "")
    return world.answer(isLent ? { ...one, headers: { ...one.headers, authorization: `token ${githubToken}` } } : one)
  })
  at = url
  const client = { clientId, clientSecret: Redacted.make(clientSecret) }
  const gateway = yield* startGateway({ github: { url, apiUrl: url, client } })
  const owner = gateway.owner.token
  const begin = (more: object = {}) =>
    gateway.must(owner, "POST", "/v1/connections/app", { integration: "github", uri: gateway.url, ...more })
  const visit = (address: string) => {
    const { pathname, search } = new URL(address)
    return gateway.ask(null, "GET", pathname + search)
  }
  /** What the person's browser brings to GitHub. */
  const proposed = Effect.fnUntraced(function* (more: object = {}) {
    const { body } = yield* visit((yield* begin(more)).url)
    const manifest = JSON.parse(body.fields.manifest)
    return { body, manifest, state: new URL(body.action).searchParams.get("state")! }
  })
  const back = (to: string, query: Record<string, string>) => visit(`${to}?${new URLSearchParams(query)}`)
  const made = Effect.fnUntraced(function* (name: string) {
    const { manifest, state } = yield* proposed()
    codes.add(name)
    const { body } = yield* back(manifest.redirect_url, { code: name, state })
    return { manifest, state, next: new URL(body.next) }
  })
  const confirm = (code: string) => gateway.ask(owner, "POST", "/v1/connections/confirm", { code })
  const connections = Effect.map(gateway.must(owner, "GET", "/v1/connections"), (all) => all.connections as Array<any>)
  return { gateway, owner, world, oauth, asked, url, begin, visit, proposed, back, made, confirm, connections }
})

describe("a GitHub App", () => {
  it.live("is made from a manifest, installed, confirmed, and then acts with tokens of its installation", () =>
    Effect.gen(function* () {
      const { gateway, owner, world, url, made, back, confirm, connections, proposed } = yield* scene
      const asked = yield* proposed({ owner: "acme" })
      assert.strictEqual(asked.body.action.split("?")[0], `${url}/organizations/acme/settings/apps/new`)
      assert.deepInclude(asked.body, { organisation: "First", by: "Ada" })
      assert.deepInclude(asked.manifest, { public: false, url: gateway.url, default_events: [] })
      assert.strictEqual(asked.manifest.default_permissions.pull_requests, "write")

      const { next, manifest } = yield* made("manifest-code-1")
      assert.strictEqual(next.origin + next.pathname, `${url}/apps/proliferate-acme/installations/new`)
      const state = next.searchParams.get("state")!
      const installed = yield* back(manifest.setup_url, { installation_id: "42", setup_action: "install", state })
      assert.deepInclude(installed.body, { integration: "github", account: "acme", organisation: "First", by: "Ada" })
      assert.deepStrictEqual(yield* connections, [])
      assert.strictEqual((yield* confirm(installed.body.code)).status, 201)
      const [connection] = yield* connections
      assert.deepInclude(connection, { kind: "app", status: "active", account: "acme" })
      assert.notInclude(JSON.stringify([installed.body, connection, next.href]), "PRIVATE KEY")

      const session = yield* gateway.session()
      const agent = yield* gateway.sandboxToken(session.id)
      const read = { integration: "github", action: "get_issue", params: { owner: "acme", repo: "api", issue_number: 7 } }
      const { body } = yield* gateway.ask(agent, "POST", `/v1/sessions/${session.id}/calls`, { ...read, waitMs: 5_000 })
      assert.strictEqual(body.status, "completed", JSON.stringify(body))
      assert.isAtLeast(world.installationTokens(), 1)
      assert.notInclude(JSON.stringify(yield* gateway.must(owner, "GET", "/v1/connections")), installationToken)
    }).pipe(Effect.scoped)
  )

  it.live("of another's installation is refused by its own key, and so is a step that is skipped or made twice", () =>
    Effect.gen(function* () {
      const { made, back, connections, proposed, begin, visit } = yield* scene
      const { next, manifest, state } = yield* made("manifest-code-1")
      const installing = next.searchParams.get("state")!
      const stolen = yield* back(manifest.setup_url, { installation_id: "43", setup_action: "install", state: installing })
      assert.deepStrictEqual([stolen.status, stolen.body.code], [422, "reference"])
      const twice = yield* back(manifest.setup_url, { installation_id: "42", setup_action: "install", state: installing })
      assert.deepStrictEqual([twice.status, twice.body.code], [410, "expired"])
      const again = yield* back(manifest.redirect_url, { code: "manifest-code-1", state })
      assert.strictEqual(again.status, 410)
      const skipped = yield* proposed()
      const odd = yield* back(manifest.setup_url, { installation_id: "42", setup_action: "install", state: skipped.state })
      assert.strictEqual(odd.status, 410)
      const foreign = yield* back(manifest.redirect_url, { code: "code-of-nobody", state: skipped.state })
      assert.deepStrictEqual([foreign.status, foreign.body.code], [422, "reference"])
      const waits = yield* made("manifest-code-2")
      const requested = yield* back(manifest.setup_url, {
        ...{ setup_action: "request", state: waits.next.searchParams.get("state")! }
      })
      assert.match(requested.body.detail, /waits there for an owner's consent: .*--secret-file/)
      const { url } = yield* begin()
      assert.strictEqual((yield* visit(url)).status, 200)
      assert.strictEqual((yield* visit(url)).status, 410)
      assert.deepStrictEqual(yield* connections, [])
    }).pipe(Effect.scoped)
  )

  it.effect("is given up where a step takes longer than 5 min", () =>
    Effect.gen(function* () {
      const { made, back, begin, visit, connections } = yield* scene
      const { url } = yield* begin()
      yield* TestClock.adjust("5 minutes")
      const late = yield* visit(url)
      assert.deepStrictEqual([late.status, late.body.code], [410, "expired"])
      const { next, manifest } = yield* made("manifest-code-1")
      yield* TestClock.adjust("5 minutes")
      const state = next.searchParams.get("state")!
      assert.strictEqual((yield* back(manifest.setup_url, { installation_id: "42", state })).status, 410)
      assert.deepStrictEqual(yield* connections, [])
    }).pipe(Effect.scoped)
  )

  it.live("is begun on a page that says whose it will be, escaped, and goes on to GitHub", () =>
    Effect.gen(function* () {
      const { gateway, owner, url } = yield* scene
      const made = yield* gateway.must(owner, "POST", "/v1/organisations", {
        name: "Second & sons",
        owner: { name: "Grace", email: "grace@example.org" }
      })
      const begun = yield* gateway.must(made.token.secret, "POST", "/v1/connections/app", {
        integration: "github",
        uri: `${gateway.url}/`
      })
      const response = yield* Effect.promise(() => fetch(begun.url, { headers: { accept: "text/html" } }))
      const page = yield* Effect.promise(() => response.text())
      assert.include(page, "Grace of the organisation Second &amp; sons")
      assert.include(page, `<form method="post" action="${url}/settings/apps/new?state=`)
      assert.include(page, "&quot;public&quot;:false")
      const slack = yield* gateway.ask(owner, "POST", "/v1/connections/app", { integration: "slack", uri: gateway.url })
      assert.deepStrictEqual([slack.status, slack.body.code], [422, "reference"])
    }).pipe(Effect.scoped)
  )
})

it.live("a code of GitHub's OAuth is exchanged by whoever has the verifier, which is in no address", () =>
  Effect.gen(function* () {
    const { gateway, owner, oauth, asked, confirm } = yield* scene
    const begin = Effect.map(
      gateway.must(owner, "POST", "/v1/connections/oauth", { integration: "github", redirectUri }),
      ({ url }) => new URL(url).searchParams
    )
    const back = (code: string, state: string) =>
      gateway.ask(null, "GET", `/v1/connections/oauth/callback?${new URLSearchParams({ code, state })}`)
    const one = yield* begin
    assert.strictEqual(one.get("code_challenge_method"), "S256")
    const code = oauth.code(one.get("code_challenge"))
    // Another's way does not fit the code that was given for this one.
    const other = yield* back(code, (yield* begin).get("state")!)
    assert.strictEqual(other.body.code, "provider")
    const returned = yield* back(oauth.code(one.get("code_challenge")), one.get("state")!)
    assert.strictEqual(returned.body.account, "ada", JSON.stringify(returned.body))
    const verifier = new URLSearchParams(asked.findLast(({ path }) => path.endsWith("access_token"))!.body).get("code_verifier")!
    assert.match(verifier, /^[A-Za-z0-9_-]{43}$/)
    assert.notInclude(one.toString() + JSON.stringify(returned.body), verifier)
    assert.strictEqual((yield* confirm(returned.body.code)).status, 201)
  }).pipe(Effect.scoped)
)
