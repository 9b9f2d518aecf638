/** A call that waits, as people read it before they decide. */
import { Schema } from "effect"
import { Argument } from "effect/cli"
import { ago, fields, oneLine, painted } from "../../output.ts"
import { Call } from "../actions/shared.ts"

export const Waiting = Schema.Struct({ ...Call.fields, sessionTitle: Schema.String })
export type Waiting = typeof Waiting.Type

export const callId = Argument.String("call").pipe(Argument.withDescription("The call, such as apr_01"))
export const pathOf = (id: string, rest = ""): string => `/v1/approvals/${encodeURIComponent(id)}${rest}`

const left = (expiresAtMs: number): string => {
  const seconds = Math.round((expiresAtMs - Date.now()) / 1_000)
  if (seconds <= 0) return "now"
  return seconds < 120
    ? `in ${seconds} s`
    : seconds < 7_200
      ? `in ${Math.round(seconds / 60)} min`
      : `in ${Math.round(seconds / 3_600)} h`
}

/** All of it: nobody should approve what they have not seen. */
export const detailText = (call: Waiting): string =>
  [
    fields([
      ["call", call.id],
      ["action", `${call.integration}.${call.action}`],
      ["risk", call.risk === "danger" ? painted()("red", "danger") : call.risk],
      ["session", `${call.sessionId} ${call.sessionTitle}`],
      ["status", call.status],
      ["decided by", call.by ?? call.grantId ?? call.decidedBy],
      ["asked", ago(call.createdAtMs)],
      ["expires", call.expiresAtMs === null ? null : left(call.expiresAtMs)],
      ["message", call.message]
    ]),
    "",
    painted()("dim", "arguments"),
    JSON.stringify(call.params, null, 2),
    "",
    painted()("dim", "how it came to this"),
    ...call.path.map(({ step, outcome, because }) => `  ${step.padEnd(10)} ${outcome.padEnd(5)} ${because}`),
    ...(call.result === null ? [] : ["", painted()("dim", "result"), JSON.stringify(call.result, null, 2)])
  ].join("\n")

export const rowText = (call: Waiting): ReadonlyArray<string> => [
  call.id,
  ago(call.createdAtMs),
  `${call.integration}.${call.action}`,
  call.risk,
  call.status,
  call.expiresAtMs === null ? "" : left(call.expiresAtMs),
  oneLine(call.sessionTitle, 24),
  oneLine(JSON.stringify(call.params), 60)
]
export const rowHead = ["CALL", "ASKED", "ACTION", "RISK", "STATUS", "EXPIRES", "SESSION", "ARGUMENTS"]
