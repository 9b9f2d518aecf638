/**
 * Slack as an app of ours meets it: its Web API on the loopback, and what it sends to us when somebody clicks or writes a command,
 * signed as https://docs.slack.dev/authentication/verifying-requests-from-slack has it, of the shape that
 * https://docs.slack.dev/reference/interaction-payloads/block_actions-payload shows.
 */
import { createHmac } from "node:crypto"
import { Effect, Layer, Redacted } from "effect"
import { type Provider, Providers } from "../../../actors/ports/actions.ts"
import type { SlackChatOptions } from "../../../adapters/actions/slack/chat.ts"
import { type SlackOptions, slackProvider } from "../../../adapters/actions/slack/slack.ts"
import type { Notebook } from "../notebook.ts"
import { type Said, service, silence, type Trouble } from "./service.ts"
import { slack } from "./slack.ts"

export type SlackPlace = SlackOptions & SlackChatOptions
export const noSlack: SlackPlace = { url: "http://127.0.0.1:9", client: null, signingSecret: null }
export const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5"
export const approvalsChannel = "C0APPROVALS"

/** Slack beside what else there is. */
export const providersOf = ({ provider }: Notebook, options: SlackPlace, others: ReadonlyArray<Provider>) => {
  const all = [provider, slackProvider(options), ...others]
  return Layer.succeed(
    Providers,
    Providers.of({
      of: () => Effect.succeed(all),
      find: (_, name) => Effect.succeed(all.find(({ integration }) => integration === name) ?? null)
    })
  )
}

export interface Delivery {
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

export const signed = (body: string, { secret = signingSecret, atMs = Date.now() } = {}): Delivery => {
  const at = String(Math.floor(atMs / 1_000))
  const mac = createHmac("sha256", secret).update(`v0:${at}:${body}`).digest("hex")
  return {
    body,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "x-slack-request-timestamp": at,
      "x-slack-signature": `v0=${mac}`
    }
  }
}

export interface Shown {
  readonly ts: string
  readonly text: string
  readonly channel: string
  readonly blocks: ReadonlyArray<any>
}

export const buttonsOf = ({ blocks }: Shown): ReadonlyArray<any> => blocks.find(({ type }) => type === "actions")?.elements ?? []

let clicks = 0
export const clickOf = (
  message: Shown,
  action: "approve" | "deny",
  { user = "U1", team = "T1", value }: { readonly user?: string; readonly team?: string; readonly value?: string } = {}
): string => {
  clicks += 1
  const action_id = `proliferate_${action}`
  const button = buttonsOf(message).find((one) => one.action_id === action_id)
  const payload = {
    type: "block_actions",
    user: { id: user, username: "ada", name: "ada", team_id: team },
    api_app_id: "A1",
    token: "deprecated",
    container: { type: "message", message_ts: message.ts, channel_id: message.channel, is_ephemeral: false },
    trigger_id: `${clicks}.1.abc`,
    team: { id: team, domain: "acme" },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: message.channel, name: "approvals" },
    message: { type: "message", user: "U2", bot_id: "B1", ...message },
    state: { values: {} },
    response_url: "https://hooks.slack.com/actions/T1/1/x",
    actions: [
      {
        ...button,
        action_id,
        type: "button",
        value: value ?? button?.value,
        block_id: "b1",
        action_ts: `${1_700_000_000 + clicks}.1`
      }
    ]
  }
  return new URLSearchParams({ payload: JSON.stringify(payload) }).toString()
}

export const commandOf = (written: string, { user = "U1", team = "T1" } = {}): string => {
  const [command = "", ...words] = written.split(" ")
  return new URLSearchParams({
    token: "deprecated",
    team_id: team,
    team_domain: "acme",
    channel_id: "C1",
    channel_name: "general",
    user_id: user,
    user_name: "ada",
    command,
    text: words.join(" "),
    response_url: "https://hooks.slack.com/commands/1",
    trigger_id: "1.2.x"
  }).toString()
}

/** On the loopback until the test ends. */
export const slackApp = Effect.gen(function* () {
  const { answer, messages, whispers } = slack()
  let lost: string | null = null
  let ignored: string | null = null
  const { url } = yield* service((one): Said | Trouble => {
    if (ignored !== null && one.body.includes(ignored)) return silence
    const said = answer(one)
    if (!one.path.endsWith(`/${lost}`)) return said
    lost = null
    return { status: 502, body: "<html>bad gateway</html>" }
  })
  const place: SlackPlace = { url, client: null, signingSecret: Redacted.make(signingSecret) }
  return {
    place,
    whispers,
    messages: messages as unknown as Array<Shown>,
    /** The next request for this is served, and nobody hears of it. */
    loseAnswer: (method: string) => {
      lost = method
    },
    /** No request that speaks of this is served, or answered. */
    ignore: (word: string) => {
      ignored = word
    }
  }
})
