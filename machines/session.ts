/**
 * A session: one running instance of a configuration, with one agent in one sandbox.
 *
 *   pending ──▶ provisioning ──┐            ┌──▶ migrating ──▶ restoring
 *                              ├──▶ running ┼──▶ recovering ──▶ running
 *   paused ───▶ restoring ─────┘            └──▶ pausing ──▶ paused
 *
 *   a boot that fails, a sandbox that is gone ──▶ retrying ──▶ restoring or provisioning, after 3 tries failed
 *   a recovery that fails ──▶ failed, with its sandbox; resumed or prompted it goes on from what it has
 *   a capture that fails ──▶ recovering, after 3 of them stopping
 *   (any) ──▶ stopping ──▶ stopped
 *
 *   running is two at once:   agent  idle ⟷ busy (working ⟷ awaitingApproval) ──▶ interrupting ──▶ idle
 *                             link   connected ⟷ reconnecting
 *
 * Invariants, held against every step by test/machines, test/property and the simulator:
 *   S1  `sandboxId` is null in pending, paused, stopped, and before it is there in provisioning and restoring (waiting, booting);
 *       it is set everywhere else but in failed and stopping, which may have one. `snapshotId` is set in paused and restoring.
 *   S2  A turn is open exactly in busy, interrupting, finishing and settling. A question is open exactly in awaitingApproval,
 *       a capture exactly in capturing.
 *   S3  Every state but `stopped` has a deadline, and left alone every session comes to be stopped.
 *   S4  A fact of another boot, turn, question or capture than the one in `context` changes nothing but what it leaves astray.
 *   S5  A sandbox that is heard of is ours, claimed in the commit that adopts it, or its destruction is planned in the commit that
 *       hears of it or lets it go. A snapshot that is heard of is ours or discarded; the one it replaces is discarded.
 *   S6  An accepted prompt is in the queue, is the open turn, or its turn has ended with a reason: never gone, never twice.
 *   S7  An archived session is failed, stopping or stopped: one that goes on is in the lists again.
 */
import { type AnyMachineSnapshot, and, not } from "xstate"
import * as limits from "./limits.ts"
import { provisioning, recovering, restoring } from "./session/booting.ts"
import { contextOf, type SessionContext } from "./session/context.ts"
import { migrating, pausing } from "./session/resting.ts"
import { running } from "./session/running.ts"
import { session } from "./session/setup.ts"

const explained = (reason: string) => ({ type: "explain", params: { reason } }) as const

export const sessionMachine = session.createMachine({
  id: "session",
  initial: "pending",
  context: ({ input }) => contextOf(input),
  on: {
    prompt: { guard: "isNewPrompt", actions: ["enqueue", "tellQueue"] },
    unqueue: { guard: "isQueued", actions: ["unqueue", "tellQueue"] },
    rename: { actions: "rename" },
    switch: { actions: "switchModel" },
    stop: { target: ".stopping", actions: explained("manual") },
    "link.lost": { guard: "isOurs", actions: "noteLinkLost" },
    "link.connected": { guard: "isOurs", actions: "noteLinkConnected" },
    // A sandbox no one waits for: the answer to a boot we had given up on.
    "sandbox.ready": {
      guard: "isStraySandbox",
      actions: { type: "destroySandbox", params: ({ event: { sandboxId } }) => ({ sandboxId }) }
    },
    // The same for a capture that came too late to be the newest.
    "snapshot.saved": {
      guard: "isStraySnapshot",
      actions: { type: "discardSnapshot", params: ({ event: { snapshotId } }) => ({ snapshotId }) }
    }
  },
  states: {
    pending: {
      always: { guard: "hasPrompt", target: "provisioning" },
      after: { pendingDeadline: { target: "stopping", actions: explained("expired: it was never started") } },
      on: { start: "provisioning" }
    },

    provisioning,
    restoring,
    running,
    recovering,
    migrating,
    pausing,

    // Its sandbox is gone or given up.
    retrying: {
      entry: ["planDestruction", "letGo"],
      always: [
        { guard: and(["mayTryAgain", "hasSnapshot"]), target: "restoring" },
        { guard: "mayTryAgain", target: "provisioning" },
        { target: "failed" }
      ]
    },

    paused: {
      entry: "startAfresh",
      exit: "forgetReason",
      always: { guard: "isWanted", target: "restoring" },
      after: { pausedDeadline: { target: "stopping", actions: explained("expired: it was paused too long") } },
      on: {
        resume: "restoring",
        // Prompts that were waiting when someone paused it are no reason to go on; a new one is.
        prompt: { guard: "isNewPrompt", target: "restoring", actions: ["enqueue", "tellQueue"] }
      }
    },

    failed: {
      exit: ["startAfresh", "forgetReason"],
      after: { failedDeadline: { target: "stopping", actions: explained("expired: it had failed, and nobody resumed it") } },
      on: {
        archive: { actions: "archive" },
        unarchive: { actions: "unarchive" },
        resume: [
          { guard: "hasSandbox", target: "recovering" },
          { guard: "hasSnapshot", target: "restoring" },
          { target: "provisioning" }
        ],
        prompt: [
          { guard: and(["isNewPrompt", "hasSandbox"]), target: "recovering", actions: ["enqueue", "tellQueue"] },
          { guard: and(["isNewPrompt", "hasSnapshot"]), target: "restoring", actions: ["enqueue", "tellQueue"] },
          { guard: "isNewPrompt", target: "provisioning", actions: ["enqueue", "tellQueue"] }
        ]
      }
    },

    stopping: {
      entry: [
        { type: "endTurn", params: { stopReason: "stopped" } },
        { type: "dropQueue", params: { stopReason: "stopped" } },
        { type: "endApprovals", params: {} },
        "planDestruction"
      ],
      always: { guard: not("hasSandbox"), target: "stopped" },
      // The destruction stays planned in the outbox; the session need not wait for it.
      after: { stoppingDeadline: "stopped" },
      on: {
        prompt: {},
        stop: {},
        switch: {},
        "sandbox.destroyed": { guard: "isOurs", target: "stopped" }
      }
    },

    // Not an XState final state: a sandbox that answers late must still be heard, and destroyed.
    stopped: {
      tags: "final",
      entry: ["letGo", "discardLastSnapshot"],
      on: { archive: { actions: "archive" }, unarchive: { actions: "unarchive" }, prompt: {}, stop: {}, rename: {}, switch: {} }
    }
  }
})

/** The word for lists: the outermost state. */
export const statusOf = ({ value }: AnyMachineSnapshot): string => (typeof value === "string" ? value : Object.keys(value)[0]!)

/** Why a request is refused, where its state alone does not say. */
export const whyNot = (snapshot: AnyMachineSnapshot, event: { readonly type: string }): string | null => {
  const context: SessionContext = snapshot.context
  switch (event.type) {
    case "prompt":
      if (snapshot.matches("stopping") || snapshot.hasTag("final")) return null
      return context.queue.length >= limits.promptsQueuedMax
        ? `${limits.promptsQueuedMax} prompts are waiting already; remove one or wait for the turn to end`
        : "a prompt with this id is waiting or being answered already"
    case "unqueue":
      return "no prompt with this id is waiting; it may have become the turn: interrupt that instead"
    case "answer":
      return context.questions.length > 0 ? "this question is not open any more; look at those that are" : null
    default:
      return null
  }
}
