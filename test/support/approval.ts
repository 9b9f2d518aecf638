/** Words for stories of an action call, each step of which is held to the invariants of machines/approval.ts. */
import assert from "node:assert"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import type { ApprovalEvent } from "../../machines/approval/events.ts"
import { approvalMachine, statusOf } from "../../machines/approval.ts"
import type { MatchedGrant, MatchedRule, Mode } from "../../machines/policy.ts"
import { keepsInvariants, type Played } from "./approval-invariants.ts"
import { leavesOf, type Move as MoveOf, player } from "./played.ts"

export type { Played }
export type Move = MoveOf<ApprovalContext, ApprovalEvent>

const { begin: beginWith, send, eventOf, play } = player<ApprovalContext, ApprovalEvent>(() => approvalMachine, keepsInvariants)

export { eventOf, play, send }

export const begin = (changes: Partial<Extract<ApprovalEvent, { type: "create" }>> = {}): Played =>
  beginWith({
    type: "create",
    approvalId: "apr_1",
    sessionId: "ses_1",
    configurationId: "cfg_1",
    automationId: null,
    integration: "github",
    action: "create_issue",
    risk: "write",
    params: { title: "a title" },
    argumentsHash: "0".repeat(64),
    attended: true,
    ...changes
  })

/** The state it is in, innermost. */
export const at = ({ snapshot }: Pick<Played, "snapshot">): string => leavesOf(snapshot).join(" ")
export const status = ({ snapshot }: Played): string => statusOf(snapshot)
export const asked = ({ last }: Played): Array<string> => last.commands.map(({ name }) => name)
export const recorded = ({ last }: Played): Array<string> => last.records.map(({ type }) => type)

export const passes =
  (deadline: string): Move =>
  ({ armed, snapshot }) => {
    const event = [...armed].find(([id]) => id.startsWith(`xstate.after.${deadline}.`))?.[1]
    assert(event, `${deadline} is not armed in ${at({ snapshot })}: ${[...armed.keys()].join(", ")}`)
    return event
  }

export const rule = (mode: Mode, changes: Partial<MatchedRule> = {}): MatchedRule => ({
  id: `rul_${mode}`,
  mode,
  scope: "organisation",
  exact: true,
  pinned: false,
  revision: 1,
  because: `the organisation says ${mode}`,
  ...changes
})
export const grant = (id = "grn_1", changes: Partial<MatchedGrant> = {}): MatchedGrant => ({
  id,
  expiresAtMs: 1_000_000,
  usesLeft: 1,
  revision: 1,
  because: `grant ${id} covers it`,
  ...changes
})

interface Found {
  readonly rules?: ReadonlyArray<MatchedRule>
  readonly grants?: ReadonlyArray<MatchedGrant>
}
const found = ({ rules = [], grants = [] }: Found) => ({ rules, grants, nowMs: 1_000 })

export const weighed =
  (what: Found = {}): Move =>
  ({ context: { weighing } }) => ({ type: "weighed", weighing, ...found(what) })
export const cleared =
  (what: Found = {}): Move =>
  ({ context: { attempt } }) => ({ type: "cleared", attempt, ...found(what) })
export const rejected = (name: "budget" | "room", key: string, holder: string): ApprovalEvent => ({
  type: "record.rejected",
  name,
  key,
  holder,
  event: null
})

export const once: ApprovalEvent = { type: "approve", by: "usr_1", as: "once" }
export const withGrant = (
  changes: Partial<{ action: string; integration: string; id: string }> = {}
): Extract<ApprovalEvent, { type: "approve" }> => ({
  type: "approve",
  by: "usr_1",
  as: "grant",
  grant: {
    id: "grn_2",
    requestId: null,
    draft: {
      scope: { type: "session", id: changes.id ?? "ses_1" },
      integration: changes.integration ?? "github",
      action: changes.action ?? "create_issue",
      constraints: [],
      usesMax: 2,
      lastsMs: 3_600_000
    }
  }
})
export const deny: ApprovalEvent = { type: "deny", by: "usr_2", reason: "not today" }
export const revoke: ApprovalEvent = { type: "revoke", by: "usr_2", reason: "a mistake" }
export const withdraw: ApprovalEvent = { type: "withdraw" }
export const settle = (as: "completed" | "failed"): ApprovalEvent => ({ type: "settle", by: "usr_2", as, note: "looked" })
export const sessionEnded: ApprovalEvent = { type: "session.ended" }
export const heard: ApprovalEvent = { type: "heard" }

type OfAttempt = Extract<ApprovalEvent, { readonly attempt: number }>
type Told = OfAttempt extends infer Event ? (Event extends unknown ? Omit<Event, "attempt"> : never) : never
/** Of the attempt of now. */
export const ofAttempt =
  (event: Told): Move =>
  ({ context: { attempt } }) =>
    ({ ...event, attempt }) as ApprovalEvent
export const completed = ofAttempt({ type: "call.completed", result: { id: 1 } })
export const failed = (sent: boolean) => ofAttempt({ type: "call.failed", sent, reason: "unavailable", message: "503" })
export const unknown = ofAttempt({ type: "call.unknown", message: "no answer" })
export const readBack = (what: "found" | "absent" | "unclear") =>
  ofAttempt(
    what === "found"
      ? { type: "readback.found", result: { id: 1 } }
      : what === "absent"
        ? { type: "readback.absent" }
        : { type: "readback.unclear", message: "no search" }
  )
export const blocked = ofAttempt({ type: "blocked", reason: "connection", message: "it needs to be authorised again" })

export const pending = (changes: Parameters<typeof begin>[0] = {}): Played => play(begin(changes), weighed())
export const approved = (): Played => play(pending(), once)
export const granted = (): Played => play(begin(), weighed({ grants: [grant()] }))
export const executing = (): Played => play(approved(), cleared())
