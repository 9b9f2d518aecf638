/** Arguments and answers from https://docs.slack.dev/reference/methods/ : the method's own page for each. */
import type { WebClient } from "@slack/web-api"
import { Schema } from "effect"
import type { Account } from "../../../actors/ports/actions.ts"
import { actionsOf, type Looking } from "../action.ts"
import { markOf } from "../marks.ts"

export type SlackClient = WebClient

const action = actionsOf<SlackClient>()

const channel = Schema.String.check(Schema.isPattern(/^[CGD][A-Z0-9]{2,20}$/)).annotate({
  description: "Id of the channel, like C0123456789; list_channels has it."
})
const ts = (description: string) => Schema.String.check(Schema.isPattern(/^\d{1,12}\.\d{1,9}$/)).annotate({ description })
const limit = Schema.optionalKey(
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 })).annotate({ description: "How many; 50 unless it is said." })
)
const cursor = Schema.optionalKey(
  Schema.String.check(Schema.isMaxLength(500)).annotate({ description: "`next_cursor` of the page before." })
)

const More = Schema.optionalKey(Schema.Struct({ next_cursor: Schema.optionalKey(Schema.String) }))
const Message = Schema.Struct({
  type: Schema.optionalKey(Schema.String),
  user: Schema.optionalKey(Schema.String),
  bot_id: Schema.optionalKey(Schema.String),
  text: Schema.optionalKey(Schema.String),
  ts: Schema.String,
  thread_ts: Schema.optionalKey(Schema.String),
  reply_count: Schema.optionalKey(Schema.Finite)
})
const Messages = Schema.Struct({
  messages: Schema.Array(Message),
  has_more: Schema.optionalKey(Schema.Boolean),
  response_metadata: More
})
const User = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  real_name: Schema.optionalKey(Schema.String),
  is_bot: Schema.optionalKey(Schema.Boolean),
  deleted: Schema.optionalKey(Schema.Boolean),
  tz: Schema.optionalKey(Schema.String)
})

export const eventType = "proliferate_call"
const pagesMax = 5

/** The message with the mark of this call among those since then, in its channel or its thread. */
export const findMessage = async (
  slack: SlackClient,
  { channel, text, thread_ts }: { readonly channel: string; readonly text: string; readonly thread_ts?: string },
  mark: string,
  sinceMs: number
): Promise<Looking> => {
  let next: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const asked = {
      channel,
      oldest: (sinceMs / 1_000).toFixed(6),
      limit: 200,
      include_all_metadata: true,
      ...(next !== undefined && { cursor: next })
    }
    const { messages = [], response_metadata } = (await (thread_ts === undefined
      ? slack.conversations.history(asked)
      : slack.conversations.replies({ ...asked, ts: thread_ts }))) as {
      readonly messages?: ReadonlyArray<Marked>
      readonly response_metadata?: { readonly next_cursor?: string }
    }
    const message = messages.find(
      ({ metadata }) => metadata?.event_type === eventType && metadata.event_payload?.["key"] === mark
    )
    if (message !== undefined) return { found: { channel, ts: message.ts, message } }
    // Metadata is not shown to every app.
    const alike = messages.find((one) => one.text === text && one.metadata === undefined)
    if (alike !== undefined) return { unclear: `A message with this text, without our mark, is there: ${alike.ts}.` }
    next = response_metadata?.next_cursor
    if (next === undefined || next === "") return { absent: true }
  }
  return { unclear: `More than ${200 * pagesMax} messages were written there since.` }
}

interface Marked {
  readonly ts: string
  readonly text?: string
  readonly metadata?: { readonly event_type?: string; readonly event_payload?: Readonly<Record<string, unknown>> }
}

export const slackActions = [
  action({
    name: "list_channels",
    title: "List channels",
    description: "Channels of the workspace that the bot may see, with whether it is a member.",
    risk: "read",
    params: Schema.Struct({ limit, cursor }),
    example: { limit: 100 },
    answer: Schema.Struct({
      channels: Schema.Array(
        Schema.Struct({
          id: Schema.String,
          name: Schema.optionalKey(Schema.String),
          is_private: Schema.optionalKey(Schema.Boolean),
          is_member: Schema.optionalKey(Schema.Boolean),
          num_members: Schema.optionalKey(Schema.Finite),
          topic: Schema.optionalKey(Schema.Struct({ value: Schema.String }))
        })
      ),
      response_metadata: More
    }),
    run: (slack, { limit = 50, cursor }) =>
      slack.conversations.list({
        limit,
        exclude_archived: true,
        types: "public_channel,private_channel",
        ...(cursor && { cursor })
      })
  }),
  action({
    name: "read_history",
    title: "Read a channel",
    description: "Messages of a channel, the latest first.",
    risk: "read",
    params: Schema.Struct({
      channel,
      limit,
      cursor,
      oldest: Schema.optionalKey(ts("Only messages after this `ts`.")),
      latest: Schema.optionalKey(ts("Only messages before this `ts`."))
    }),
    example: { channel: "C0123456789", limit: 20 },
    answer: Messages,
    run: (slack, { limit = 50, ...asked }) => slack.conversations.history({ limit, ...asked })
  }),
  action({
    name: "read_thread",
    title: "Read a thread",
    description: "The messages of a thread, the one that began it first.",
    risk: "read",
    params: Schema.Struct({ channel, ts: ts("`ts` of the message that began the thread."), limit, cursor }),
    example: { channel: "C0123456789", ts: "1700000001.123456" },
    answer: Messages,
    run: (slack, { limit = 50, ...asked }) => slack.conversations.replies({ limit, ...asked })
  }),
  action({
    name: "list_users",
    title: "List people",
    description: "People and bots of the workspace.",
    risk: "read",
    params: Schema.Struct({ limit, cursor }),
    example: { limit: 100 },
    answer: Schema.Struct({ members: Schema.Array(User), response_metadata: More }),
    run: (slack, { limit = 50, cursor }) => slack.users.list({ limit, ...(cursor && { cursor }) })
  }),
  action({
    name: "get_user",
    title: "Get a person",
    description: "One person by id.",
    risk: "read",
    params: Schema.Struct({
      user: Schema.String.check(Schema.isPattern(/^[UW][A-Z0-9]{2,20}$/)).annotate({ description: "Id, like U0123456789." })
    }),
    example: { user: "U0123456789" },
    answer: Schema.Struct({ user: User }),
    run: (slack, asked) => slack.users.info(asked)
  }),
  action({
    name: "send_message",
    title: "Send a message",
    description: "Writes a message into a channel, or into a thread of it.",
    risk: "write",
    params: Schema.Struct({
      channel,
      text: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(12_000)).annotate({
        description: "What to say, in mrkdwn."
      }),
      thread_ts: Schema.optionalKey(ts("`ts` of the message that began the thread to answer in."))
    }),
    example: { channel: "C0123456789", text: "The fix is deployed." },
    answer: Schema.Struct({ channel: Schema.String, ts: Schema.String, message: Schema.optionalKey(Message) }),
    run: (slack, message, key) =>
      slack.chat.postMessage({
        ...message,
        unfurl_links: false,
        metadata: { event_type: eventType, event_payload: { key: markOf(key) } }
      }),
    readBack: (slack, message, { key, sinceMs }) => findMessage(slack, message, markOf(key), sinceMs)
  })
]

export const slackUser = async (slack: SlackClient): Promise<Account> => {
  const { user = "", team = "", team_id, response_metadata } = await slack.auth.test()
  return {
    account: `${user}, ${team}`,
    scopes: response_metadata?.scopes ?? [],
    ...(team_id !== undefined && { settings: { team: team_id } })
  }
}
