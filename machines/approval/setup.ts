/** The words that the states of an action call are written in: its actions, guards and deadlines. */
import assert from "node:assert"
import { assign, enqueueActions, setup } from "xstate"
import * as records from "../command.ts"
import * as limits from "../limits.ts"
import { type Decided, decide } from "../policy.ts"
import { type ApprovalCommands, type ApprovalContext, commands } from "./context.ts"
import type { ApprovalEvent } from "./events.ts"
import { outcomeText } from "./outcome.ts"

interface Args {
  readonly context: ApprovalContext
  readonly event: ApprovalEvent
}

type Named<Actions extends Record<string, (_: any, params: any) => void>> = {
  [Name in keyof Actions]: { readonly type: Name; readonly params: Parameters<Actions[Name]>[1] }
}[keyof Actions]
type Records = Pick<typeof records, "lend" | "reserve" | "refund" | "ensure" | "occupy" | "vacate">
interface Enqueue {
  (action: Named<ApprovalCommands> | Named<Records>): void
  readonly assign: (changes: Partial<ApprovalContext>) => void
}
type Doing = Args & { readonly enqueue: Enqueue }
/** `enqueueActions`, typed for this machine: XState cannot infer several of them, with params, inside one `setup`. */
const doing = <Params = undefined>(run: (args: Doing, params: Params) => void) =>
  enqueueActions(run as never) as unknown as (_: unknown, params: Params) => void

const callOf = ({ approvalId, integration, action, argumentsHash }: ApprovalContext) => ({
  approvalId,
  integration,
  action,
  argumentsHash
})

/** Others spent what it found, time and again: it does without a grant. */
const isAlone = ({ weighing }: ApprovalContext): boolean => weighing >= limits.weighingsMax

/** What the policy says of the call, of what this event found. */
const verdictOn = ({ context, event }: Args): Decided => {
  assert(event.type === "weighed" || event.type === "cleared")
  const grants = event.type === "weighed" && isAlone(context) ? [] : event.grants
  return decide({ risk: context.risk, rules: event.rules, grants, nowMs: event.nowMs })
}
const because = ({ path }: Decided): string => path.at(-1)!.because

/** As it was decided, it may still be dispatched: no rule forbids it since, and whatever let it run does so still. */
const stands = (args: Args): boolean => {
  const { decidedBy, grantId } = args.context
  const { verdict, by } = verdictOn(args)
  if (decidedBy === "person") return verdict !== "deny"
  if (decidedBy === "policy") return verdict === "run" && by === "policy"
  return decidedBy === "grant" && grantId !== null && verdict === "run"
}

const roomOf = ({ sessionId }: ApprovalContext): string => `pending/${sessionId}`

const isGrantFor = ({ context, event }: Args): boolean => {
  if (event.type !== "approve" || event.grant === undefined) return false
  const { scope, integration, action } = event.grant.draft
  const own = { session: context.sessionId, automation: context.automationId, configuration: context.configurationId }
  return (
    integration === context.integration &&
    (action === context.action || action === "*") &&
    (scope.type === "organisation" || scope.id === own[scope.type])
  )
}

export const approval = setup({
  types: {
    context: {} as ApprovalContext,
    events: {} as ApprovalEvent,
    input: {} as Extract<ApprovalEvent, { type: "create" }>,
    tags: {} as "final"
  },
  actions: {
    ...commands,
    lend: records.lend,
    reserve: records.reserve,
    refund: records.refund,
    ensure: records.ensure,
    occupy: records.occupy,
    vacate: records.vacate,

    weighAnew: doing(({ context, enqueue }) => {
      const weighing = context.weighing + 1
      const { risk, configurationId, automationId } = context
      const alone = isAlone({ ...context, weighing })
      enqueue.assign({ weighing })
      enqueue({ type: "weigh", params: { ...callOf(context), weighing, risk, configurationId, automationId, alone } })
    }),
    /** What the policy said, and by what right it runs, if it does. */
    noteVerdict: doing((args) => {
      const { verdict, by, grantId, ruleId, revision, path } = verdictOn(args)
      const { enqueue } = args
      enqueue.assign({ path, ruleId, revision })
      if (verdict === "deny") enqueue.assign({ decidedBy: "policy", reason: "policy", message: because(verdictOn(args)) })
      if (verdict !== "run") return
      enqueue.assign({ decidedBy: by, grantId })
      if (grantId !== null) enqueue({ type: "reserve", params: { budgetId: grantId } })
    }),
    wait: doing(({ context, event, enqueue }) => {
      assert(event.type === "weighed")
      const lastsMs = context.attended ? limits.pendingAttendedMs : limits.pendingUnattendedMs
      enqueue.assign({ expiresAtMs: event.nowMs + lastsMs })
      enqueue({ type: "occupy", params: { room: roomOf(context), max: limits.pendingMax } })
    }),
    waitNoMore: doing(({ context, enqueue }) => {
      enqueue.assign({ expiresAtMs: null })
      enqueue({ type: "vacate", params: { room: roomOf(context) } })
    }),

    decideAsTold: doing(({ context, event, enqueue }) => {
      assert(event.type === "approve")
      const { by, grant } = event
      enqueue.assign({ decidedBy: "person", by })
      if (grant === undefined) return
      const { id, draft, requestId } = grant
      const { usesMax, lastsMs, ...about } = draft
      enqueue({
        type: "lend",
        params: {
          budget: { id, usesMax, lastsMs, about: { ...about, createdBy: by, requestId, approvalId: context.approvalId } }
        }
      })
      enqueue({ type: "reserve", params: { budgetId: id } })
      enqueue.assign({ grantId: id })
    }),
    denyAsTold: assign(({ event }) => {
      assert(event.type === "deny")
      return { decidedBy: "person" as const, by: event.by, reason: "denied", message: event.reason }
    }),
    explain: assign((_, { reason, message }: { reason: string; message: string }) => ({ reason, message })),
    explainAsTold: assign(({ event }) => {
      switch (event.type) {
        case "revoke":
          return { reason: "revoked", message: event.reason, endedBy: event.by }
        case "weighing.failed":
        case "blocked":
        case "call.failed":
          return { reason: event.reason, message: event.message }
        case "call.unknown":
        case "readback.unclear":
          return { reason: "outcome-unknown", message: event.message }
        case "settle":
          return { reason: "settled", message: event.note, endedBy: event.by }
        default:
          return {}
      }
    }),
    explainRejection: assign(({ event }) => {
      assert(event.type === "record.rejected")
      return { reason: "grant", message: `grant ${event.key} is ${event.holder}` }
    }),
    explainPolicy: doing((args) => {
      const decided = verdictOn(args)
      args.enqueue.assign({ path: decided.path, reason: "policy", message: `the rules changed: ${because(decided)}` })
    }),
    forgetReason: assign({ reason: null, message: null }),

    tryAnew: doing(({ context, enqueue }) => {
      const attempt = context.attempt + 1
      const { risk, configurationId, automationId, grantId } = context
      enqueue.assign({ attempt })
      enqueue({ type: "clear", params: { ...callOf(context), attempt, risk, configurationId, automationId, grantId } })
    }),
    ensureGrant: doing(({ context, enqueue }) => {
      if (context.grantId !== null) enqueue({ type: "ensure", params: { budgetId: context.grantId } })
    }),
    /** It did not take effect, and will not. */
    giveBack: doing(({ context, enqueue }) => {
      if (context.grantId !== null) enqueue({ type: "refund", params: { budgetId: context.grantId } })
    }),
    dispatch: doing(({ context, enqueue }) =>
      enqueue({ type: "execute", params: { ...callOf(context), risk: context.risk, attempt: context.attempt } })
    ),
    lookBack: doing(({ context, enqueue }) =>
      enqueue({ type: "readBack", params: { ...callOf(context), risk: context.risk, attempt: context.attempt } })
    ),
    keepResult: assign({ result: ({ event }) => ("result" in event ? event.result : null) }),

    noteSessionEnded: assign({ sessionEnded: true }),
    forgetArguments: doing(({ context, enqueue }) => enqueue({ type: "wipe", params: { approvalId: context.approvalId } })),
    tellOutcome: doing(({ context, enqueue }, { status }: { status: string }) =>
      enqueue({ type: "tellSession", params: { approvalId: context.approvalId, text: outcomeText(context, status) } })
    )
  },

  // A guard that reads an event asks for its ids, and is false for an event that carries none.
  guards: {
    isThisWeighing: ({ context, event }) => "weighing" in event && context.weighing === event.weighing,
    isThisAttempt: ({ context, event }) => "attempt" in event && context.attempt === event.attempt,
    /** What an attempt did is true however late it is told. */
    isOfAnAttempt: ({ context, event }) => "attempt" in event && event.attempt >= 1 && event.attempt <= context.attempt,
    isToRun: (args) => verdictOn(args).verdict === "run",
    isToDeny: (args) => verdictOn(args).verdict === "deny",
    stands,
    isApprovedOnce: ({ event }) => event.type === "approve" && event.as === "once" && event.grant === undefined,
    isApprovedWithGrant: (args) =>
      args.event.type === "approve" && args.event.as === "grant" && args.context.risk !== "danger" && isGrantFor(args),
    isRoomFull: ({ event }) => event.type === "record.rejected" && event.name === "room",
    wasSent: ({ event }) => event.type === "call.failed" && event.sent,
    mayTryAgain: ({ context }) => context.attempt < limits.attemptsMax,
    isSettledWell: ({ event }) => event.type === "settle" && event.as === "completed",
    hasSessionEnded: ({ context }) => context.sessionEnded
  },

  delays: {
    weighDeadline: limits.weighMs,
    pendingDeadline: ({ context }) => (context.attended ? limits.pendingAttendedMs : limits.pendingUnattendedMs),
    clearDeadline: limits.clearMs,
    executeDeadline: limits.executeMs,
    unknownDeadline: limits.unknownMs,
    hearDeadline: limits.hearMs
  }
})
