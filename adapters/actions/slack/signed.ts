/**
 * What Slack sends us: a click on a button, or a slash command, as a form that it signed.
 *   https://docs.slack.dev/authentication/verifying-requests-from-slack
 *   https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
 *   https://docs.slack.dev/interactivity/implementing-slash-commands
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import { Option, Redacted, Schema } from "effect"
import type { Heard } from "../../../actors/ports/chat.ts"

/** Older than this it may be a recording. */
const signedWithinMs = 5 * 60_000

export const isSigned = (
  secret: Redacted.Redacted<string>,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  nowMs: number
): boolean => {
  const at = headers["x-slack-request-timestamp"] ?? ""
  if (!/^\d{1,12}$/.test(at) || Math.abs(nowMs - Number(at) * 1_000) > signedWithinMs) return false
  const mac = createHmac("sha256", Redacted.value(secret)).update(`v0:${at}:`).update(body).digest()
  const [, given = ""] = /^v0=([0-9a-f]{64})$/.exec(headers["x-slack-signature"] ?? "") ?? []
  return given !== "" && timingSafeEqual(mac, Buffer.from(given, "hex"))
}

const Word = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(300))
const Payload = Schema.fromJsonString(
  Schema.Struct({
    type: Word,
    user: Schema.Struct({ id: Word }),
    // Null for an app of a whole Enterprise organisation.
    team: Schema.optionalKey(Schema.NullOr(Schema.Struct({ id: Word }))),
    channel: Schema.optionalKey(Schema.Struct({ id: Word })),
    message: Schema.optionalKey(Schema.Struct({ ts: Word })),
    actions: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          action_id: Word,
          action_ts: Schema.optionalKey(Word),
          value: Schema.optionalKey(Schema.String)
        })
      )
    )
  })
)
const SlashCommand = Schema.Struct({ command: Word, text: Schema.String, team_id: Word, user_id: Word })
const decodePayload = Schema.decodeUnknownOption(Payload)
const decodeCommand = Schema.decodeUnknownOption(SlashCommand)

export const decisions = { proliferate_approve: "approve", proliferate_deny: "deny" } as const
const reference = /^([A-Za-z0-9_.:-]{1,128})\/([A-Za-z0-9_.:-]{1,128})$/

/** Null: it is of no shape that we know. */
export const heardIn = (body: Uint8Array): Heard | null => {
  const form = Object.fromEntries(new URLSearchParams(Buffer.from(body).toString()))
  if (form["payload"] === undefined)
    return Option.match(decodeCommand(form), {
      onNone: () => null,
      onSome: ({ text, team_id: team, user_id: chatUser }) => ({ _tag: "Command" as const, team, chatUser, text })
    })
  const payload = Option.getOrNull(decodePayload(form["payload"]))
  if (payload === null) return null
  const { type, user, team, channel, message, actions } = payload
  const action = actions?.find(({ action_id }) => Object.hasOwn(decisions, action_id))
  if (type !== "block_actions" || action === undefined) return { _tag: "Other" }
  const [, org, approvalId] = reference.exec(action.value ?? "") ?? []
  if (team == null || channel === undefined || message === undefined || org === undefined) return null
  const { action_id, action_ts = "" } = action
  const told = [team.id, user.id, channel.id, message.ts, action_id, action_ts].join("\n")
  return {
    _tag: "Click",
    id: createHash("sha256").update(told).digest("hex"),
    team: team.id,
    chatUser: user.id,
    channel: channel.id,
    ts: message.ts,
    org,
    approvalId: approvalId!,
    decision: decisions[action_id as keyof typeof decisions]
  }
}
