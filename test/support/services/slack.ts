/**
 * Slack's Web API as https://docs.slack.dev/reference/methods has it: auth.test, chat.postMessage, .update and .postEphemeral,
 * conversations.history, users.info. Forms in, `ok` out, status 200 whatever is wrong but for too many calls
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
  /** What one person alone was shown. */
  const whispers: Array<{ readonly user: string | null; readonly text: string | null }> = []
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
        ...(form.get("blocks") !== null && { blocks: JSON.parse(form.get("blocks")!), channel: form.get("channel") }),
        ...(form.get("thread_ts") !== null && { thread_ts: form.get("thread_ts") }),
        metadata: JSON.parse(form.get("metadata") ?? "null")
      }
      messages.unshift(message)
      return { body: { ok: true, channel: form.get("channel"), ts: message.ts, message } }
    },
    "chat.update": (form) => {
      const message = messages.find(({ ts, channel }) => ts === form.get("ts") && channel === form.get("channel"))
      if (message === undefined) return slackError("message_not_found")
      Object.assign(message, { text: form.get("text"), blocks: JSON.parse(form.get("blocks") ?? "[]") })
      return { body: { ok: true, channel: form.get("channel"), ts: message["ts"], text: message["text"], message } }
    },
    "chat.postEphemeral": (form) => {
      whispers.push({ user: form.get("user"), text: form.get("text") })
      return { body: { ok: true, message_ts: "1700000000.000001" } }
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
  return { answer, messages, whispers, effects: () => messages.length }
}
