/**
 * Slack as the chat in which pending calls are shown and decided. A message carries the mark of its call in its metadata, so that one
 * whose answer was lost is found again, and none is written twice.
 */
import { Clock, Effect, Layer, Redacted } from "effect"
import { ActionError } from "../../../actors/ports/actions.ts"
import { Chat, ChatError, type Place } from "../../../actors/ports/chat.ts"
import { makeCall } from "../call.ts"
import * as limits from "../limits.ts"
import { markOf } from "../marks.ts"
import { plainToken, secretsOf } from "../provider.ts"
import { eventType, findMessage, type SlackClient } from "./actions.ts"
import { slackClient } from "./client.ts"
import { blocksOf, harmless, textOf } from "./message.ts"
import { heardIn, isSigned } from "./signed.ts"
import { slackService } from "./slack.ts"

export interface SlackChatOptions {
  /** `https://slack.com`. */
  readonly url: string
  /** Of the app: what Slack signs with. Without it messages have no buttons. */
  readonly signingSecret: Redacted.Redacted<string> | null
}

export const layer = ({ url, signingSecret }: SlackChatOptions): Layer.Layer<Chat> => {
  const call = makeCall(slackService)
  const using = <A>({ credential }: Place, isRead: boolean, run: (slack: SlackClient) => Promise<A>) => {
    const secret = Redacted.value(credential)
    const token = plainToken(secret)
    return call(
      {
        counts: (method) => !isRead && method !== "GET",
        open: null,
        honoursKeys: isRead,
        limitMs: limits.callMs,
        secrets: [...secretsOf(secret), token]
      },
      async (fetch) => run(await slackClient(url, token, fetch))
    )
  }
  const keyOf = (approvalId: string) => markOf(`notice/${approvalId}`)
  const written = (approvalId: string) => ({ event_type: eventType, event_payload: { key: keyOf(approvalId) } })
  const unclear = (message: string) =>
    new ActionError({ reason: "unreadable", sent: false, retryAfterMs: null, integration: slackService.integration, message })

  return Layer.succeed(
    Chat,
    Chat.of({
      hear: Effect.fn("SlackChat.hear")(function* (headers, body) {
        if (signingSecret === null)
          return yield* new ChatError({
            reason: "unset",
            message: "this server has no signing secret of Slack: its operator sets PROLIFERATE_SLACK_SIGNING_SECRET"
          })
        if (!isSigned(signingSecret, headers, body, yield* Clock.currentTimeMillis))
          return yield* new ChatError({
            reason: "unsigned",
            message: "this is not signed by Slack, or older than 5 min: compare the signing secrets and the clock"
          })
        const heard = heardIn(body)
        return heard ?? (yield* new ChatError({ reason: "unreadable", message: "Slack sent what is no click and no command" }))
      }),

      show: Effect.fn("SlackChat.show")(function* (place, shown) {
        const { ts } = yield* using(place, false, (slack) =>
          slack.chat.postMessage({
            channel: place.channel,
            text: textOf(shown),
            blocks: blocksOf(shown, signingSecret !== null),
            unfurl_links: false,
            unfurl_media: false,
            metadata: written(shown.approvalId)
          })
        )
        return ts ?? (yield* unclear("Slack did not say where the message is."))
      }),

      find: Effect.fn("SlackChat.find")(function* (place, shown, sinceMs) {
        const { channel } = place
        const looking = yield* using(place, true, (slack) =>
          findMessage(slack, { channel, text: textOf(shown) }, keyOf(shown.approvalId), sinceMs - limits.clockSkewMs)
        )
        if ("found" in looking) return (looking.found as { readonly ts: string }).ts
        return "absent" in looking ? null : yield* unclear(looking.unclear)
      }),

      change: (place, ts, shown) =>
        using(place, true, (slack) =>
          slack.chat.update({
            channel: place.channel,
            ts,
            text: textOf(shown),
            blocks: blocksOf(shown, signingSecret !== null),
            metadata: written(shown.approvalId)
          })
        ).pipe(Effect.asVoid),

      whisper: (place, user, text) =>
        using(place, false, (slack) => slack.chat.postEphemeral({ channel: place.channel, user, text: harmless(text) })).pipe(
          Effect.asVoid
        )
    })
  )
}
