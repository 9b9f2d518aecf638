/**
 * A GitHub App's way to a token: it signs that it is itself, and is given a token of an installation, which lives for an hour and is
 * kept for 50 minutes. https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
 */
import { createHash, createSign } from "node:crypto"
import { Clock, Effect, Schema } from "effect"
import { ActionError, type Secret } from "../../../actors/ports/actions.ts"
import { makeCall, type Service } from "../call.ts"
import { askJson } from "../json.ts"
import * as limits from "../limits.ts"

type App = Extract<Secret, { readonly kind: "app" }>

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

/** Its clock may be a minute ahead of GitHub's. */
export const assertionOf = ({ appId, privateKey }: App, nowMs: number): string => {
  const seconds = Math.floor(nowMs / 1_000)
  const claims = { iat: seconds - 60, exp: seconds + limits.appAssertionMs / 1_000 - 60, iss: appId }
  const signed = `${encoded({ alg: "RS256", typ: "JWT" })}.${encoded(claims)}`
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url")}`
}

const Granted = Schema.Struct({ token: Schema.String.check(Schema.isMinLength(1)) })

/** Installations whose tokens are kept at once; the one that was kept longest makes room. */
const keptMax = 1_000

export const installationTokens = (service: Service, apiUrl: string) => {
  const kept = new Map<string, { readonly token: string; readonly untilMs: number }>()
  const keyOf = ({ appId, installationId, privateKey }: App) =>
    createHash("sha256")
      .update(JSON.stringify([appId, installationId, privateKey]))
      .digest("hex")

  const unusable = (message: string, reason: ActionError["reason"] = "needs-reauth") =>
    new ActionError({ reason, sent: false, retryAfterMs: null, integration: service.integration, message })

  const ask = (app: App, nowMs: number) =>
    Effect.try({
      try: () => assertionOf(app, nowMs),
      catch: () => unusable("The private key of this GitHub App is none: connect it again with the .pem file that GitHub gave.")
    }).pipe(
      Effect.flatMap((assertion) =>
        makeCall(service)(
          // A second token is no second effect.
          { counts: () => false, open: null, honoursKeys: true, limitMs: limits.callMs, secrets: [assertion, app.privateKey] },
          (fetch) =>
            askJson(fetch, `${apiUrl}/app/installations/${encodeURIComponent(app.installationId)}/access_tokens`, {
              method: "POST",
              headers: { authorization: `Bearer ${assertion}`, accept: "application/vnd.github+json" }
            })
        )
      ),
      Effect.flatMap(Schema.decodeUnknownEffect(Granted)),
      Effect.catchTag("SchemaError", () => Effect.fail(unusable("GitHub gave no token for this installation.", "unreadable"))),
      // An installation that is gone is a connection that is gone.
      Effect.mapError((error) =>
        error.reason === "not-found" ? unusable("This installation of the GitHub App is gone.") : error
      )
    )

  return {
    of: Effect.fn("github.installationToken")(function* (app: App) {
      const nowMs = yield* Clock.currentTimeMillis
      const key = keyOf(app)
      const known = kept.get(key)
      if (known !== undefined && known.untilMs > nowMs) return known.token
      const { token } = yield* ask(app, nowMs)
      kept.delete(key)
      if (kept.size >= keptMax) kept.delete(kept.keys().next().value!)
      kept.set(key, { token, untilMs: nowMs + limits.installationTokenMs })
      return token
    }),
    /** Refused where it was used: the next call asks for another. */
    forget: (app: App) => kept.delete(keyOf(app))
  }
}
