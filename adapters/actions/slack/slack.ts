/**
 * Slack through its own client library. A message carries the mark of its call in its metadata, by which it is found again.
 * Slack says no with status 200 and `ok: false`. https://docs.slack.dev/apis/web-api/
 */
import { Effect } from "effect"
import type { Provider } from "../../../actors/ports/actions.ts"
import type { Reading } from "../failure.ts"
import { askForm, type OAuthClient, oauthOf } from "../oauth.ts"
import { makeProvider, plainToken } from "../provider.ts"
import type { Answer } from "../wire.ts"
import { type SlackClient, slackActions, slackUser } from "./actions.ts"
import { slackClient } from "./client.ts"
import { guide } from "./guide.ts"

export interface SlackOptions {
  /** `https://slack.com`. */
  readonly url: string
  readonly client: OAuthClient | null
}

/** What the actions need, and the slash command; the bot reads where it is a member. */
const scopes =
  "chat:write,channels:read,groups:read,channels:history,groups:history,im:history,users:read,metadata.message:read,commands"

/** The words of https://docs.slack.dev/reference/methods/chat.postMessage#errors and of the methods beside it. */
const reasons: ReadonlyArray<readonly [RegExp, Reading]> = [
  [/^(invalid_auth|not_authed|token_expired|token_revoked|account_inactive|invalid_refresh_token)$/, { reason: "needs-reauth" }],
  [/^(missing_scope|no_permission|access_denied|ekm_access_denied|not_in_channel|org_login_required)$/, { reason: "forbidden" }],
  [/^(not_allowed_token_type|restricted_action|enterprise_is_restricted|team_access_not_granted)/, { reason: "forbidden" }],
  [/_not_found$/, { reason: "not-found" }],
  [/^(ratelimited|rate_limited|message_limit_exceeded)$/, { reason: "rate-limited" }]
]
const isFailure = /^(internal_error|fatal_error|request_timeout|service_unavailable|team_added_to_org|accesslimited)$/

export const readSlack = ({ body }: Answer): Reading => {
  try {
    const { ok, error, needed, response_metadata: more } = JSON.parse(body.toString())
    if (ok !== false || typeof error !== "string") return {}
    const details = [
      ...(needed === undefined ? [] : [`it needs ${needed}`]),
      ...(Array.isArray(more?.messages) ? more.messages : [])
    ]
    const message = [error, ...details].join("; ")
    if (isFailure.test(error)) return { failed: true, message }
    const found = reasons.find(([words]) => words.test(error))?.[1]
    return { ...(found ?? { reason: "invalid" }), refused: true, message }
  } catch {
    return {}
  }
}

export const slackService = { integration: "slack", displayName: "Slack", read: readSlack }

export const slackProvider = ({ url, client }: SlackOptions): Provider =>
  makeProvider<SlackClient>({
    ...slackService,
    takes: ["token"],
    guide,
    // https://docs.slack.dev/authentication/installing-with-oauth
    oauth: oauthOf({
      ...slackService,
      client,
      authorizeUrl: `${url}/oauth/v2/authorize`,
      tokenUrl: `${url}/api/oauth.v2.access`,
      scopes,
      // Only of an app that has no secret: https://docs.slack.dev/authentication/using-pkce
      speaksPkce: false
    }),
    specs: slackActions,
    client: (token, fetch) => slackClient(url, token, fetch),
    tokenOf: (secret) => Effect.succeed(plainToken(secret)),
    whoAmI: slackUser,
    // https://docs.slack.dev/reference/methods/auth.revoke
    revoke: (secret) => {
      const token = plainToken(secret)
      const ask = askForm(slackService, [token])(`${url}/api/auth.revoke`, {}, { headers: { authorization: `Bearer ${token}` } })
      return Effect.asVoid(
        Effect.catchIf(
          ask,
          ({ reason }) => reason === "needs-reauth",
          () => Effect.void
        )
      )
    }
  })
