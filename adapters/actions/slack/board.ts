/** Calls that wait, as messages with buttons. https://docs.slack.dev/reference/block-kit/blocks/actions-block */
import { Effect, Layer, Redacted } from "effect"
import { ActionError, type Credential } from "../../../actors/ports/actions.ts"
import { ChatBoard, type Shown } from "../../../actors/ports/chat.ts"

const withinMs = 10_000
const textCharactersMax = 2_900

/** What Slack reads as its own signs. */
const plain = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const button = (text: string, action: string, callId: string, style?: "primary" | "danger") => ({
  type: "button" as const,
  text: { type: "plain_text" as const, text },
  action_id: action,
  value: callId,
  ...(style !== undefined && { style })
})

const messageOf = ({ callId, title, lines, open }: Shown) => {
  const text = [`*${plain(title)}*`, ...lines.map(plain)].join("\n").slice(0, textCharactersMax)
  return {
    text: title,
    blocks: [
      { type: "section" as const, text: { type: "mrkdwn" as const, text } },
      ...(open
        ? [
            {
              type: "actions" as const,
              elements: [button("Approve once", "approve", callId, "primary"), button("Deny", "deny", callId, "danger")]
            }
          ]
        : [])
    ]
  }
}

const tokenOf = (credential: Credential): string => {
  const secret = Redacted.value(credential)
  return secret.kind === "token" ? secret.token : secret.kind === "oauth" ? secret.accessToken : ""
}

const nothing = () => {}
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing, setLevel: nothing, setName: nothing }

export const layer = ({ url }: { readonly url: string }): Layer.Layer<ChatBoard> =>
  Layer.sync(ChatBoard, () => {
    const ask = <A>(credential: Credential, run: (client: import("@slack/web-api").WebClient) => Promise<A>) =>
      Effect.tryPromise({
        try: async () => {
          const { WebClient, LogLevel } = await import("@slack/web-api")
          const logger = { ...silent, getLevel: () => LogLevel.ERROR }
          const client = new WebClient(tokenOf(credential), {
            slackApiUrl: `${url}/api/`,
            allowAbsoluteUrls: false,
            retryConfig: { retries: 0 },
            logger
          })
          return await run(client)
        },
        catch: (cause) =>
          new ActionError({
            reason: "unavailable",
            sent: true,
            retryAfterMs: null,
            integration: "slack",
            message: `Slack did not show it: ${String((cause as { data?: { error?: string } }).data?.error ?? "no answer")}`
          })
      }).pipe(
        Effect.timeoutOrElse({
          duration: withinMs,
          orElse: () =>
            Effect.fail(
              new ActionError({
                reason: "unknown",
                sent: true,
                retryAfterMs: null,
                integration: "slack",
                message: "Slack did not answer in time"
              })
            )
        })
      )
    return ChatBoard.of({
      post: (credential, channel, shown) =>
        ask(credential, (client) => client.chat.postMessage({ channel, ...messageOf(shown) })).pipe(
          Effect.map((answer) => ({ channel: String(answer.channel ?? channel), ts: String(answer.ts ?? "") }))
        ),
      update: (credential, { channel, ts }, shown) =>
        Effect.asVoid(ask(credential, (client) => client.chat.update({ channel, ts, ...messageOf(shown) })))
    })
  })
