/**
 * An action call: what an agent asked to be done at a service, from the request to its settled outcome.
 *
 *   requested ──▶ pending ──▶ approved ──▶ executing ──▶ completed, failed
 *       │            │          │  ▲            │
 *       │            │          │  └─ absent ─ outcomeUnknown ──▶ completed, failed
 *       ├────────────┼──────────┤
 *       ▼            ▼          ▼
 *    approved     denied     revoked
 *    denied       expired    failed
 *
 *   The policy decides at once (run, deny) or leaves it to a person (pending). An approved call is weighed once more against the
 *   rules of that moment, and dispatched. Whoever does not know whether it took effect looks, and repeats it only where it is
 *   proven that it did not.
 *   A settled call is `unheard` until its agent has the outcome, then `heard`, which is final.
 *
 * Invariants, held against every step by test/machines, test/property, the model checker and the simulator:
 *   A1  It is dispatched (the command `execute`) by the step from approved to executing alone, once an attempt, and no attempt
 *       follows another but after the proof that that one took no effect (I2).
 *   A2  A dangerous call is dispatched after a person's approval of this very call; neither a grant nor a rule lets it run, nor
 *       does an approval of it lend a grant (I1).
 *   A3  It is decided once: what is denied, expired or revoked is never dispatched, and no settled call settles otherwise (I3).
 *   A4  Its arguments are those of its creation, by hash, in every command that needs them (I4).
 *   A5  Exactly while it is pending it occupies a place in the room of its session.
 *   A6  It reserves one use of the grant that it runs under in the commit that says so, makes sure of that grant in the commit that
 *       dispatches it, and gives the use back exactly where it is certain that nothing took effect.
 *   A7  Every state but `heard` has a deadline, and left alone every call comes to be heard.
 *   A8  A fact of another weighing or attempt changes nothing; but what an attempt has done is heard until the call is settled.
 *   A9  Its arguments are wiped in the step that settles it, not before.
 */
import { type AnyMachineSnapshot, and } from "xstate"
import { type ApprovalContext, contextOf } from "./approval/context.ts"
import { settled } from "./approval/settled.ts"
import { approval } from "./approval/setup.ts"
import * as limits from "./limits.ts"

const explained = (reason: string, message: string) => ({ type: "explain", params: { reason, message } }) as const
const ended = explained("sessionEnded", "its session has ended")
const withdrawn = explained("withdrawn", "the agent that asked has withdrawn it")

export const approvalMachine = approval.createMachine({
  id: "approval",
  initial: "requested",
  context: ({ input }) => contextOf(input),
  states: {
    requested: {
      entry: "weighAnew",
      after: { weighDeadline: { target: "failed", actions: explained("timeout", "it could not be weighed in time") } },
      on: {
        weighed: [
          { guard: and(["isThisWeighing", "isToRun"]), target: "approved", actions: "noteVerdict" },
          { guard: and(["isThisWeighing", "isToDeny"]), target: "denied", actions: "noteVerdict" },
          { guard: "isThisWeighing", target: "pending", actions: ["noteVerdict", "wait"] }
        ],
        "weighing.failed": { guard: "isThisWeighing", target: "failed", actions: "explainAsTold" },
        "record.rejected": [
          {
            guard: "isRoomFull",
            target: "denied",
            actions: explained("limit", `${limits.pendingMax} calls of its session wait for a person already`)
          },
          // Its grant was spent, revoked or expired in between.
          { target: "requested", reenter: true }
        ],
        revoke: { target: "revoked", actions: "explainAsTold" },
        withdraw: { target: "revoked", actions: withdrawn },
        "session.ended": { target: "revoked", actions: ["noteSessionEnded", ended] }
      }
    },

    pending: {
      exit: "waitNoMore",
      after: { pendingDeadline: { target: "expired", actions: explained("expired", "nobody decided in time") } },
      on: {
        approve: [
          { guard: "isApprovedOnce", target: "approved", actions: "decideAsTold" },
          { guard: "isApprovedWithGrant", target: "approved", actions: "decideAsTold" }
        ],
        // The grant could not be lent, so nothing was decided.
        "record.rejected": { actions: "explainRejection" },
        deny: { target: "denied", actions: "denyAsTold" },
        revoke: { target: "revoked", actions: "explainAsTold" },
        withdraw: { target: "revoked", actions: withdrawn },
        "session.ended": { target: "revoked", actions: ["noteSessionEnded", ended] }
      }
    },

    approved: {
      entry: ["forgetReason", "tryAnew"],
      after: {
        clearDeadline: {
          target: "failed",
          actions: ["giveBack", explained("timeout", "its turn at the service did not come in time")]
        }
      },
      on: {
        cleared: [
          { guard: and(["isThisAttempt", "stands"]), target: "executing", actions: "ensureGrant" },
          { guard: "isThisAttempt", target: "revoked", actions: ["giveBack", "explainPolicy"] }
        ],
        blocked: { guard: "isThisAttempt", target: "failed", actions: ["giveBack", "explainAsTold"] },
        // Its grant was revoked, or has expired, since it was approved.
        "record.rejected": { target: "revoked", actions: ["giveBack", "explainRejection"] },
        revoke: { target: "revoked", actions: ["giveBack", "explainAsTold"] },
        withdraw: { target: "revoked", actions: ["giveBack", withdrawn] },
        "session.ended": { target: "revoked", actions: ["giveBack", "noteSessionEnded", ended] },
        // An attempt that was believed to have had no effect.
        "call.completed": { guard: "isOfAnAttempt", target: "completed", actions: "keepResult" }
      }
    },

    executing: {
      entry: "dispatch",
      after: {
        executeDeadline: {
          target: "outcomeUnknown",
          actions: explained("outcome-unknown", "the service was not heard of in time")
        }
      },
      on: {
        "call.completed": { guard: "isThisAttempt", target: "completed", actions: "keepResult" },
        "call.failed": [
          { guard: and(["isThisAttempt", "wasSent"]), target: "failed", actions: "explainAsTold" },
          { guard: "isThisAttempt", target: "failed", actions: ["giveBack", "explainAsTold"] }
        ],
        "call.unknown": { guard: "isThisAttempt", target: "outcomeUnknown", actions: "explainAsTold" },
        "session.ended": { actions: "noteSessionEnded" }
      }
    },

    outcomeUnknown: {
      initial: "reading",
      after: { unknownDeadline: { target: "failed", actions: explained("outcome-unknown", "nobody found out what came of it") } },
      on: {
        "call.completed": { guard: "isOfAnAttempt", target: "completed", actions: ["forgetReason", "keepResult"] },
        "call.failed": [
          { guard: and(["isThisAttempt", "wasSent"]), target: "failed", actions: "explainAsTold" },
          { guard: "isThisAttempt", target: "failed", actions: ["giveBack", "explainAsTold"] }
        ],
        settle: [
          { guard: "isSettledWell", target: "completed", actions: "explainAsTold" },
          { target: "failed", actions: "explainAsTold" }
        ],
        "session.ended": { actions: "noteSessionEnded" }
      },
      states: {
        reading: {
          entry: "lookBack",
          on: {
            "readback.found": { guard: "isThisAttempt", target: "#approval.completed", actions: ["forgetReason", "keepResult"] },
            "readback.absent": [
              { guard: and(["isThisAttempt", "hasSessionEnded"]), target: "#approval.revoked", actions: ["giveBack", ended] },
              { guard: and(["isThisAttempt", "mayTryAgain"]), target: "#approval.approved" },
              {
                guard: "isThisAttempt",
                target: "#approval.failed",
                actions: ["giveBack", explained("unavailable", `it was tried ${limits.attemptsMax} times, and took no effect`)]
              }
            ],
            "readback.unclear": { guard: "isThisAttempt", target: "waiting", actions: "explainAsTold" }
          }
        },
        // A person looks.
        waiting: {}
      }
    },

    completed: settled("completed"),
    failed: settled("failed"),
    denied: settled("denied"),
    expired: settled("expired"),
    revoked: settled("revoked")
  }
})

/** The word for lists: the outermost state. */
export const statusOf = ({ value }: AnyMachineSnapshot): string => (typeof value === "string" ? value : Object.keys(value)[0]!)

/** What watchers are told of the call whenever its state has changed. */
export const noticeOf = (snapshot: AnyMachineSnapshot) => {
  const context: ApprovalContext = snapshot.context
  const {
    approvalId,
    integration,
    action,
    risk,
    params,
    decidedBy,
    by,
    grantId,
    path,
    expiresAtMs,
    reason,
    message,
    endedBy,
    result
  } = context
  return {
    kind: "approval",
    body: {
      approvalId,
      status: statusOf(snapshot),
      integration,
      action,
      risk,
      params,
      path,
      decidedBy,
      by,
      grantId,
      expiresAtMs,
      reason,
      message,
      endedBy,
      ...(result !== null && { result })
    }
  }
}

const settledBy = ({ decidedBy, by, endedBy, message }: ApprovalContext): string => {
  const name = endedBy ?? (decidedBy === "person" ? by : decidedBy)
  const who = name === null ? "" : ` by ${name}`
  return `${who}${message === null ? "" : ` (${message})`}`
}

/** Why a request is refused, where its state alone does not say. */
export const whyNot = (snapshot: AnyMachineSnapshot, event: { readonly type: string }): string | null => {
  const context: ApprovalContext = snapshot.context
  const status = statusOf(snapshot)
  if (event.type === "approve" && status === "pending")
    return context.risk === "danger"
      ? "a dangerous call is approved once, each time: no grant covers it"
      : "an approval with a grant needs one for this very action, in a scope of this call; one without, `once`"
  if (event.type === "revoke" && (status === "executing" || status === "outcomeUnknown"))
    return "it has been dispatched, and is not called back"
  if (event.type === "settle" && status === "executing") return "it is being executed; its outcome comes by itself"
  return event.type === "create" || status === "requested" ? null : `the call is ${status}${settledBy(context)}`
}
