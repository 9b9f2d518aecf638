/**
 * OAuth as these services speak it: a person is sent there, comes back with a code, the code is exchanged for a token, and that is
 * refreshed while the service gives us the means. A code and a refresh token are good once: neither exchange is repeated after it
 * left. Refusals come as 400 or, at some, as 200 with an `error` in it.
 */
import { Clock, Effect, Redacted, Schema } from "effect"
import { ActionError, type Credential, type OAuth } from "../../actors/ports/actions.ts"
import { makeCall, type Service } from "./call.ts"
import { Declined } from "./failure.ts"
import { saidIn } from "./json.ts"
import * as limits from "./limits.ts"

/** A client of ours that the operator registered there. */
export interface OAuthClient {
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted<string>
}

export interface OAuthKind extends Service {
  readonly client: OAuthClient
  readonly authorizeUrl: string
  readonly tokenUrl: string
  /** As it goes into the address. */
  readonly scopes: string
  /** A code is good for whoever began alone, by RFC 7636, where the service documents that it holds a client with a secret to it. */
  readonly speaksPkce: boolean
}

const Granted = Schema.Struct({
  access_token: Schema.String.check(Schema.isMinLength(1)),
  refresh_token: Schema.optionalKey(Schema.NullOr(Schema.String)),
  expires_in: Schema.optionalKey(Schema.NullOr(Schema.Finite))
})

/** What is asked of a service for a token itself: a form, answered with JSON. It counts: what it uses up is used up. */
export const askForm =
  (service: Service, secrets: ReadonlyArray<string>) =>
  (url: string, form: Readonly<Record<string, string>>, request: RequestInit = {}): Effect.Effect<unknown, ActionError> =>
    makeCall(service)(
      { counts: (method) => method !== "GET", open: null, honoursKeys: false, limitMs: limits.callMs, secrets },
      async (fetch) => {
        const answer = await fetch(url, {
          method: "POST",
          body: new URLSearchParams(form),
          ...request,
          headers: {
            accept: "application/json",
            "content-type": "application/x-www-form-urlencoded",
            "user-agent": "proliferate",
            ...(request.headers as Record<string, string> | undefined)
          }
        })
        const text = await answer.text()
        const words = saidIn(Buffer.from(text), ["error_description", "error", "message"])
        if (!answer.ok || saidIn(Buffer.from(text), ["error"]) !== undefined)
          throw new Declined(`status ${answer.status}`, answer.status < 500 && words !== undefined ? refusal(words) : null)
        return text === "" ? null : (JSON.parse(text) as unknown)
      }
    )

/** The code is old, the grant withdrawn, the client unknown: whoever connects it does so anew. */
const refusal = (message: string) => ({ reason: "needs-reauth" as const, refused: true, message })

/** Null: the operator has no client there. */
export const oauthOf = ({
  client,
  ...kind
}: Omit<OAuthKind, "client"> & { readonly client: OAuthClient | null }): OAuth | null =>
  client === null ? null : makeOAuth({ ...kind, client })

export const makeOAuth = (kind: OAuthKind): OAuth => {
  const { clientId, clientSecret } = kind.client
  const granted = (form: Readonly<Record<string, string>>, secrets: ReadonlyArray<string>, refreshToken: string | null) =>
    Effect.gen(function* () {
      const ask = askForm(kind, [Redacted.value(clientSecret), ...secrets])
      const answer = yield* ask(kind.tokenUrl, { client_id: clientId, client_secret: Redacted.value(clientSecret), ...form })
      const given = yield* Schema.decodeUnknownEffect(Granted)(answer).pipe(
        Effect.mapError(
          () =>
            new ActionError({
              reason: "unreadable",
              sent: true,
              retryAfterMs: null,
              integration: kind.integration,
              message: `${kind.displayName} gave no token.`
            })
        )
      )
      const nowMs = yield* Clock.currentTimeMillis
      const expiresIn = given.expires_in ?? null
      return Redacted.make({
        kind: "oauth" as const,
        accessToken: given.access_token,
        refreshToken: given.refresh_token ?? refreshToken,
        expiresAtMs: expiresIn === null ? null : nowMs + expiresIn * 1_000
      })
    })

  return {
    speaksPkce: kind.speaksPkce,
    authorize: ({ state, redirectUri, challenge }) => {
      const url = new URL(kind.authorizeUrl)
      const query = {
        ...{ client_id: clientId, redirect_uri: redirectUri, response_type: "code", scope: kind.scopes, state },
        ...(challenge !== null && { code_challenge: challenge, code_challenge_method: "S256" })
      }
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
      return url.href
    },
    exchange: ({ code, redirectUri, verifier }) => {
      const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri }
      return verifier === null
        ? granted(form, [code], null)
        : granted({ ...form, code_verifier: verifier }, [code, verifier], null)
    },
    refresh: (credential: Credential) => {
      const secret = Redacted.value(credential)
      if (secret.kind !== "oauth" || secret.refreshToken === null)
        return Effect.fail(
          new ActionError({
            reason: "needs-reauth",
            sent: false,
            retryAfterMs: null,
            integration: kind.integration,
            message: `${kind.displayName} gave nothing to renew this connection with: connect it again.`
          })
        )
      const form = { grant_type: "refresh_token", refresh_token: secret.refreshToken }
      return granted(form, [secret.refreshToken, secret.accessToken], secret.refreshToken)
    }
  }
}
