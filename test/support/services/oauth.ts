/**
 * The token ends of three services on the loopback, as they document them: codes and refresh tokens are good once, the client must
 * be ours and have the verifier of the challenge that a code was given for, and a token that was withdrawn is refused.
 *   https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps: 200 with `error`, DELETE to withdraw
 *   https://docs.slack.dev/authentication/installing-with-oauth: `ok`, the bot's token; https://docs.slack.dev/authentication/using-token-rotation
 *   https://linear.app/developers/oauth-2-0-authentication: 400 with `error`
 */
import { createHash } from "node:crypto"
import type { Asked, Said } from "./service.ts"

export const clientId = "client-1"
export const clientSecret = "client-secret-0123456789abcdef"
export const redirectUri = "https://proliferate.test/oauth/callback"

export interface OAuthWorld {
  readonly answer: (asked: Asked) => Said
  /** As the person's browser comes back with it. */
  readonly code: (challenge?: string | null) => string
  readonly withdrawn: Set<string>
}

export const oauthServer = (kind: "github" | "slack" | "linear"): OAuthWorld => {
  /** With the challenge that it was given for. */
  const codes = new Map<string, string | null>()
  const refreshTokens = new Set<string>()
  const withdrawn = new Set<string>()
  let made = 0
  const refusal = (error: string): Said => {
    if (kind === "slack") return { body: { ok: false, error: error === "bad" ? "invalid_code" : "invalid_refresh_token" } }
    if (kind === "github")
      return { body: { error: "bad_verification_code", error_description: "The code passed is incorrect or expired." } }
    return { status: 400, body: { error: "invalid_grant", error_description: "The code is not valid" } }
  }
  const granted = (): Said => {
    made += 1
    const token = {
      github: `ghu_${made}00000000000000000000000000000000000`,
      slack: `xoxb-${made}-1234567890`,
      linear: `lin_oauth_${made}00000000`
    }[kind]
    const refresh = `refresh-token-${made}-0123456789`
    refreshTokens.add(refresh)
    const body = { access_token: token, refresh_token: refresh, expires_in: 3_600, token_type: "bearer", scope: "read" }
    return { body: kind === "slack" ? { ok: true, ...body, team: { id: "T1", name: "Acme" }, bot_user_id: "U2" } : body }
  }
  const answer = ({ method, path, headers, body }: Asked): Said => {
    if (/revoke$/.test(path) || method === "DELETE") {
      const token =
        kind === "github"
          ? JSON.parse(body).access_token
          : kind === "slack"
            ? headers.authorization?.replace("Bearer ", "")
            : new URLSearchParams(body).get("token")
      if (withdrawn.has(token))
        return kind === "slack"
          ? { body: { ok: false, error: "token_revoked" } }
          : { status: kind === "github" ? 404 : 400, body: { error: "invalid_token", message: "Not Found" } }
      withdrawn.add(token)
      return kind === "github" ? { status: 204 } : { body: { ok: true, revoked: true } }
    }
    const form = new URLSearchParams(body)
    if (form.get("client_id") !== clientId || form.get("client_secret") !== clientSecret) return refusal("bad")
    const refresh = form.get("refresh_token")
    if (refresh !== null) return refreshTokens.delete(refresh) ? granted() : refusal("refresh")
    const code = form.get("code") ?? ""
    const challenge = codes.get(code)
    const verifier = form.get("code_verifier")
    const proof = verifier === null ? null : createHash("sha256").update(verifier).digest("base64url")
    return codes.delete(code) && proof === challenge && form.get("redirect_uri") === redirectUri ? granted() : refusal("bad")
  }
  return {
    answer,
    withdrawn,
    code: (challenge = null) => {
      const code = `code-${codes.size}-${made}-0123456789`
      codes.set(code, challenge)
      return code
    }
  }
}
