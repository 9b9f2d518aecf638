/** Every configuration of an action call that a narrow alphabet can reach: a write, a dangerous call and a read, two grants. */
import type { ApprovalEvent } from "../../machines/approval/events.ts"
import * as limits from "../../machines/limits.ts"
import type { MatchedGrant, MatchedRule } from "../../machines/policy.ts"
import {
  begin,
  deny,
  grant,
  heard,
  once,
  type Played,
  rejected,
  revoke,
  rule,
  send,
  sessionEnded,
  settle,
  withdraw,
  withGrant
} from "./approval.ts"
import { exploreSpace } from "./space.ts"

const trouble = { reason: "unreachable", message: "no answer" }

const finds: ReadonlyArray<{ readonly rules: ReadonlyArray<MatchedRule>; readonly grants: ReadonlyArray<MatchedGrant> }> = [
  { rules: [], grants: [] },
  ...(["deny", "alwaysAsk", "allow", "ask"] as const).map((mode) => ({ rules: [rule(mode)], grants: [] })),
  { rules: [], grants: [grant("grn_1"), grant("grn_3")] },
  { rules: [rule("alwaysAsk")], grants: [grant("grn_1")] },
  { rules: [], grants: [grant("grn_1", { expiresAtMs: 1 })] }
]

const requests: ReadonlyArray<ApprovalEvent> = [
  once,
  withGrant(),
  withGrant({ action: "*" }),
  withGrant({ action: "close_issue" }),
  withGrant({ id: "ses_2" }),
  deny,
  revoke,
  withdraw,
  settle("completed"),
  settle("failed")
]

const ofWeighing = (weighing: number): ReadonlyArray<ApprovalEvent> => [
  ...finds.map((found): ApprovalEvent => ({ type: "weighed", weighing, ...found, nowMs: 1_000 })),
  { type: "weighing.failed", weighing, ...trouble }
]

const ofAttempt = (attempt: number): ReadonlyArray<ApprovalEvent> => [
  ...finds.map((found): ApprovalEvent => ({ type: "cleared", attempt, ...found, nowMs: 1_000 })),
  { type: "blocked", attempt, reason: "connection", message: "revoked" },
  { type: "call.completed", attempt, result: { id: 1 } },
  ...[true, false].map((sent): ApprovalEvent => ({ type: "call.failed", attempt, sent, ...trouble })),
  { type: "call.unknown", attempt, message: "no answer" },
  { type: "readback.found", attempt, result: { id: 1 } },
  { type: "readback.absent", attempt },
  { type: "readback.unclear", attempt, message: "no search" }
]

export const alphabet = ({ context: { weighing, attempt }, armed }: Played): ReadonlyArray<ApprovalEvent> => [
  ...requests,
  ...ofWeighing(weighing),
  ...ofWeighing(weighing - 1),
  ...ofAttempt(attempt),
  ...ofAttempt(attempt - 1),
  sessionEnded,
  heard,
  rejected("room", "pending/ses_1", "full"),
  rejected("budget", "grn_1", "spent"),
  ...armed.values()
]

const key = ({ snapshot, context }: Played): string =>
  JSON.stringify([
    snapshot.value,
    context.risk,
    context.attended,
    Math.min(context.weighing, limits.weighingsMax),
    context.attempt,
    context.decidedBy,
    context.grantId !== null,
    context.sessionEnded
  ])

export const explore = (configurationsMax: number) =>
  exploreSpace(
    [begin(), begin({ risk: "danger", attended: false }), begin({ risk: "read" })],
    { send, alphabet, key },
    configurationsMax
  )
