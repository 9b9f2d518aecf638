/**
 * Slack's Web API as https://docs.slack.dev/reference/methods has it: auth.test, chat.postMessage, conversations.history and
 * .replies, users.info. Forms in, `ok` out, status 200 whatever is wrong but for too many calls
 * (https://docs.slack.dev/apis/web-api/rate-limits).
 */
import type { Asked, Said } from "./service.ts"

export const slackToken = "xoxb-1234567890-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"

export const slackError = (error: string, more: Record<string, unknown> = {}): Said => ({ body: { ok: false, error, ...more } })

export const slack = ({ showsMetadata = true }: { readonly showsMetadata?: boolean } = {}) => {
  const user = {
    id: "U0123456789",
    team_id: "T1",
    name: "ada",
    real_name: "Ada",
    is_bot: false,
    deleted: false,
    tz: "Europe/London",
    profile: {}
  }
  const messages: Array<Record<string, unknown>> = []
  const answers: Record<string, (form: URLSearchParams) => Said> = {
    "auth.test": () => ({
      headers: { "x-oauth-scopes": "chat:write,channels:history" },
      body: {
        ok: true,
        url: "https://acme.slack.com/",
        team: "Acme",
        user: "proliferate",
        team_id: "T1",
        user_id: "U2",
        bot_id: "B1"
      }
    }),
    "users.info": (form) => (form.get("user") === user.id ? { body: { ok: true, user } } : slackError("user_not_found")),
    "chat.postMessage": (form) => {
      const message = {
        type: "message",
        user: "U2",
        bot_id: "B1",
        ts: `${Math.floor(Date.now() / 1_000)}.${String(messages.length).padStart(6, "0")}`,
        text: form.get("text"),
        ...(form.get("thread_ts") !== null && { thread_ts: form.get("thread_ts") }),
        metadata: JSON.parse(form.get("metadata") ?? "null")
      }
      messages.unshift(message)
      return { body: { ok: true, channel: form.get("channel"), ts: message.ts, message } }
    },
    "conversations.history": (form) => ({
      body: {
        ok: true,
        messages: messages
          .filter(({ ts, thread_ts }) => Number(ts) > Number(form.get("oldest") ?? 0) && thread_ts === undefined)
          .map(({ metadata, ...message }) =>
            showsMetadata && form.get("include_all_metadata") === "true" ? { ...message, metadata } : message
          ),
        has_more: false,
        pin_count: 0,
        response_metadata: { next_cursor: "" }
      }
    })
  }
  const answer = ({ method, path, headers, body }: Asked): Said => {
    const find = answers[path.replace("/api/", "")]
    if (method !== "POST" || find === undefined) return slackError("unknown_method")
    if (headers.authorization !== `Bearer ${slackToken}`) return slackError("invalid_auth")
    return find(new URLSearchParams(body))
  }
  return { answer, effects: () => messages.length }
}
