/** What the commands about one session share: its argument, its path, how it is shown. */
import { Schema } from "effect"
import { Argument } from "effect/cli"
import type { SessionView } from "../../../adapters/gateway/protocol.ts"
import { ago, date, fields, oneLine, painted, type Style } from "../../output.ts"
import { isolationText } from "../../unsafe.ts"

export const sessionId = Argument.String("session").pipe(
  Argument.withDescription("Id of the session, as `sessions list` shows it: ses_…"),
  Argument.withSchema(
    Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_.:-]{1,128}$/, { message: "1 to 128 letters, digits or _ . : -" }))
  )
)

export const pathOf = (id: string, rest = ""): string => `/v1/sessions/${encodeURIComponent(id)}${rest}`

const styles: Record<string, Style> = { running: "green", failed: "red", stopped: "dim", paused: "yellow" }
export const statusWord = (status: string): string => painted()(styles[status] ?? "cyan", status)

/** A state as words: `running: agent idle, link connected`. */
const stateText = (state: unknown): string =>
  typeof state === "string"
    ? state
    : Object.entries(state as object)
        .map(([name, value]) => `${name} ${typeof value === "string" ? value : `(${stateText(value)})`}`)
        .join(", ")

const number = new Intl.NumberFormat("en")

/** Null where no model was asked. */
const usageText = (usage: (typeof SessionView.Type)["usage"]): string | null => {
  if (usage === undefined || usage.calls === 0) return null
  const [input, output, cached, calls] = [usage.input, usage.output, usage.cached, usage.calls].map((count) =>
    number.format(count)
  )
  return `${input} tokens in (${cached} cached), ${output} out, in ${calls} call${usage.calls === 1 ? "" : "s"}`
}

export const viewText = (session: typeof SessionView.Type): string =>
  fields([
    ["session", session.id],
    ["title", session.title || "untitled"],
    ["status", `${statusWord(session.status)}${session.reason === null ? "" : ` (${oneLine(session.reason, 200)})`}`],
    ["state", stateText(session.state)],
    ["agent", session.agent],
    ["model", session.model ?? null],
    ["configuration", session.configurationId],
    ["turn", session.turnId],
    ["question", session.questionId],
    [
      "waiting",
      session.queue.length === 0 ? null : session.queue.map(({ promptId, text }) => `${promptId} ${oneLine(text, 60)}`).join("\n")
    ],
    ["sandbox", session.sandboxId],
    ["isolation", session.isolation === "unsafe" ? painted()("red", isolationText("unsafe")) : (session.isolation ?? null)],
    ["snapshot", session.snapshotId],
    ["archived", session.archived ? "yes: lists do not show it" : null],
    ["quarantined", session.quarantine === null ? null : oneLine(session.quarantine.reason, 200)],
    ["used", usageText(session.usage)],
    ["accepts", session.accepts.join(", ")],
    ["revision", String(session.rev)],
    ["created", date(session.createdAtMs)],
    ["changed", ago(session.updatedAtMs)]
  ])
