/** How people lend us their accounts, at each service that has a way to: sent there, back with a code, renewed, withdrawn. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { describe } from "vitest"
import type { Credential, Provider } from "../../../actors/ports/actions.ts"
import { githubProvider } from "../../../adapters/actions/github/github.ts"
import { linearProvider } from "../../../adapters/actions/linear/linear.ts"
import type { OAuthClient } from "../../../adapters/actions/oauth.ts"
import { slackProvider } from "../../../adapters/actions/slack/slack.ts"
import { clientId, clientSecret, oauthServer, redirectUri } from "../../support/services/oauth.ts"
import { flood, halfAnAnswer, hangUp, say, service } from "../../support/services/service.ts"

const client: OAuthClient = { clientId, clientSecret: Redacted.make(clientSecret) }
const providers: ReadonlyArray<readonly ["github" | "slack" | "linear", (url: string, client: OAuthClient | null) => Provider]> =
  [
    ["github", (url, client) => githubProvider({ apiUrl: url, url, client })],
    ["slack", (url, client) => slackProvider({ url, client })],
    ["linear", (url, client) => linearProvider({ apiUrl: url, url, client })]
  ]
const secretOf = (credential: Credential) => {
  const secret = Redacted.value(credential)
  assert.ok(secret.kind === "oauth")
  return secret
}

for (const [name, providerAt] of providers)
  describe(`oauth: ${name}`, () => {
    const opened = Effect.gen(function* () {
      const world = oauthServer(name)
      const at = yield* service(world.answer)
      const provider = providerAt(at.url, client)
      return { ...world, ...at, provider, oauth: provider.oauth! }
    })

    it.effect("without a client of the operator's there is only the token", () =>
      Effect.sync(() => {
        const provider = providerAt("https://service.test", null)
        assert.equal(provider.oauth, null)
        assert.ok(!provider.takes.includes("oauth"))
      })
    )

    it.effect("a person is sent there with our client, our address and the state, and with no secret", () =>
      Effect.gen(function* () {
        const { oauth, url } = yield* opened
        const there = new URL(oauth.authorize({ state: "st&te=1", redirectUri, challenge: oauth.speaksPkce ? "ch" : null }))
        assert.equal(there.origin, url)
        assert.equal(there.searchParams.get("state"), "st&te=1")
        assert.equal(there.searchParams.get("client_id"), clientId)
        assert.equal(there.searchParams.get("redirect_uri"), redirectUri)
        assert.ok((there.searchParams.get("scope") ?? "").length > 0)
        assert.equal(there.searchParams.get("code_challenge"), oauth.speaksPkce ? "ch" : null)
        assert.equal(there.searchParams.get("code_challenge_method"), oauth.speaksPkce ? "S256" : null)
        assert.ok(!there.href.includes(clientSecret))
      }).pipe(Effect.scoped)
    )

    it.effect("a code is good once; what it gave is renewed once, and what that gave again", () =>
      Effect.gen(function* () {
        const { oauth, code } = yield* opened
        const given = code()
        const first = yield* oauth.exchange({ code: given, redirectUri, verifier: null })
        assert.equal(secretOf(first).expiresAtMs, 3_600_000)
        const again = yield* Effect.orDie(Effect.flip(oauth.exchange({ code: given, redirectUri, verifier: null })))
        assert.deepEqual([again.reason, again.sent], ["needs-reauth", false])
        const second = yield* oauth.refresh(first)
        assert.notEqual(secretOf(second).accessToken, secretOf(first).accessToken)
        const spent = yield* Effect.orDie(Effect.flip(oauth.refresh(first)))
        assert.equal(spent.reason, "needs-reauth")
        for (const error of [again, spent])
          for (const secret of [clientSecret, given, secretOf(first).refreshToken!, secretOf(first).accessToken])
            assert.ok(!JSON.stringify(error).includes(secret))
        yield* oauth.refresh(second)
      }).pipe(Effect.scoped)
    )

    it.effect("a code that was given for a challenge is good with its verifier alone", () =>
      Effect.gen(function* () {
        const { oauth, code } = yield* opened
        assert.equal(oauth.speaksPkce, name !== "slack")
        const verifier = "v".repeat(43)
        const challenge = createHash("sha256").update(verifier).digest("base64url")
        for (const wrong of [null, "w".repeat(43)]) {
          const error = yield* Effect.orDie(Effect.flip(oauth.exchange({ code: code(challenge), redirectUri, verifier: wrong })))
          assert.deepEqual([error.reason, JSON.stringify(error).includes("www")], ["needs-reauth", false])
        }
        yield* oauth.exchange({ code: code(challenge), redirectUri, verifier })
      }).pipe(Effect.scoped)
    )

    it.effect("with nothing to renew by, a person has to come again, and nobody is asked", () =>
      Effect.gen(function* () {
        const { oauth, asked } = yield* opened
        for (const secret of [
          { kind: "token" as const, token: "x" },
          { kind: "oauth" as const, accessToken: "x", refreshToken: null, expiresAtMs: null }
        ]) {
          const error = yield* Effect.orDie(Effect.flip(oauth.refresh(Redacted.make(secret))))
          assert.equal(error.reason, "needs-reauth")
        }
        assert.deepEqual(asked, [])
      }).pipe(Effect.scoped)
    )

    it.effect("an exchange that broke off is not repeated: the code may be spent", () =>
      Effect.gen(function* () {
        const { oauth, asked, troubles, code } = yield* opened
        for (const trouble of [
          hangUp,
          halfAnAnswer,
          flood(),
          say({ status: 502, body: "<html>" }),
          say({ body: "hello" }),
          say({ body: { ok: true } })
        ]) {
          troubles.push(trouble)
          asked.splice(0)
          const error = yield* Effect.orDie(Effect.flip(oauth.exchange({ code: code(), redirectUri, verifier: null })))
          assert.equal(error.sent, true, error.message)
          assert.equal(asked.length, 1)
        }
      }).pipe(Effect.scoped)
    )

    it.effect("is withdrawn there; what is dead already is no failure", () =>
      Effect.gen(function* () {
        const { oauth, provider, code, withdrawn } = yield* opened
        const credential = yield* oauth.exchange({ code: code(), redirectUri, verifier: null })
        yield* provider.revoke(credential)
        assert.ok(withdrawn.has(secretOf(credential).accessToken))
        yield* provider.revoke(credential)
      }).pipe(Effect.scoped)
    )

    it.effect("takes no secret to another host", () =>
      Effect.gen(function* () {
        const { oauth, troubles, code } = yield* opened
        const other = yield* service(() => ({ body: {} }))
        troubles.push(say({ status: 307, headers: { location: `${other.url}/token` } }))
        yield* Effect.orDie(Effect.flip(oauth.exchange({ code: code(), redirectUri, verifier: null })))
        assert.deepEqual(other.asked, [])
      }).pipe(Effect.scoped)
    )
  })
