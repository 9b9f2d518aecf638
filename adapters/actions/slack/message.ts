/** A pending call as a message of Slack's: https://docs.slack.dev/reference/block-kit/blocks */
import type { KnownBlock } from "@slack/web-api"
import type { Shown } from "../../../actors/ports/chat.ts"

const paramsCharactersMax = 2_000
/** A header takes 150. */
const titleCharactersMax = 140

/** Where mark-up cannot be turned off, nothing mentions anybody or links anywhere. */
export const harmless = (text: string): string => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")

const cut = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max)}…` : text)
const shortly = (text: string) => cut(text.replace(/\s+/g, " "), titleCharactersMax)

/** What others wrote is shown as it stands, whatever mark-up is in it. */
const plain = (text: string) => ({ type: "plain_text" as const, text, emoji: false })
const asIs = (text: string): KnownBlock => ({
  type: "rich_text",
  elements: [{ type: "rich_text_preformatted", elements: [{ type: "text", text }] }]
})
const context = (text: string): KnownBlock => ({ type: "context", elements: [{ type: "mrkdwn", text }] })

const button = (text: string, action: string, { org, approvalId }: Shown) => ({
  type: "button" as const,
  text: plain(text),
  action_id: action,
  value: `${org}/${approvalId}`
})

export const textOf = ({ title, risk, outcome }: Shown): string =>
  harmless(shortly(outcome === null ? `${title} (${risk}) waits for a person` : `${title} (${risk}): ${outcome}`))

const danger = {
  title: plain("A dangerous action"),
  text: plain("It runs once, and cannot be taken back."),
  confirm: plain("Approve once"),
  deny: plain("Back"),
  style: "danger" as const
}

export const blocksOf = (shown: Shown, hasButtons: boolean): Array<KnownBlock> => {
  const { approvalId, title, risk, params, sessionTitle, asker, expiresAtMs, outcome } = shown
  const what: ReadonlyArray<KnownBlock> = [
    { type: "header", text: plain(shortly(`${title} (${risk})`)) },
    { type: "section", text: plain(`Session: ${shortly(sessionTitle)}\nAsked by ${shortly(asker)}`) },
    asIs(cut(params, paramsCharactersMax))
  ]
  if (outcome !== null)
    return [...what, { type: "section", text: plain(cut(outcome, paramsCharactersMax)) }, context(`\`${approvalId}\``)]
  const at = Math.floor((expiresAtMs ?? 0) / 1_000)
  const until =
    expiresAtMs === null ? "" : `Until <!date^${at}^{date_short_pretty} {time}|${new Date(expiresAtMs).toISOString()}>. `
  const approve = { ...button("Approve once", "proliferate_approve", shown), style: "primary" as const }
  const buttons: KnownBlock = {
    type: "actions",
    elements: [
      risk === "danger" ? { ...approve, confirm: danger } : approve,
      { ...button("Deny", "proliferate_deny", shown), style: "danger" }
    ]
  }
  const more =
    risk === "danger"
      ? ""
      : ` With a grant: \`proliferate approvals approve ${approvalId} --grant\`; without asking again: \`… --always\`.`
  return [
    ...what,
    ...(hasButtons ? [buttons] : []),
    context(`${until}\`proliferate approvals show ${approvalId}\` has it whole.${more}`)
  ]
}
