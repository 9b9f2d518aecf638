/**
 * Getting an agent to run, in three legs: a sandbox, its workspace, its agent. Provisioning (from nothing) and restoring (from a
 * snapshot) give a sandbox that fails away and try with another; a recovery keeps the sandbox, for all that was worked in it,
 * and tries again with the same.
 */
import { and } from "xstate"
import { sandboxOf, session } from "./setup.ts"

const fresh = {
  final: {
    guard: and(["isThisBoot", "isFinal"]),
    target: "#session.failed",
    actions: ["planDestruction", "letGo", "explainAsTold"]
  },
  other: { guard: "isThisBoot", target: "#session.retrying", actions: "explainAsTold" }
} as const

const kept = {
  final: { guard: and(["isThisBoot", "isFinal"]), target: "#session.failed", actions: "explainAsTold" },
  other: { guard: "isThisBoot", target: "#session.recovering.waiting", actions: "explainAsTold" }
} as const

/** The last two legs. Both hear the link: it tells of the daemon's progress, and is held from here on. */
const legs = (failure: typeof fresh | typeof kept, restored: boolean) => ({
  preparing: session.createStateConfig({
    tags: "linked",
    entry: {
      type: "prepareWorkspace",
      params: ({ context }) => ({
        boot: context.boot,
        ...sandboxOf({ context }),
        configurationId: context.configurationId,
        restored
      })
    },
    on: {
      "workspace.ready": { guard: "isThisBoot", target: "starting" },
      "workspace.failed": [failure.final, failure.other]
    }
  }),
  starting: session.createStateConfig({
    tags: "linked",
    entry: {
      type: "startAgent",
      params: ({ context }) => ({
        boot: context.boot,
        ...sandboxOf({ context }),
        agent: context.agent,
        agentSession: context.agentSession
      })
    },
    on: {
      "agent.ready": { guard: "isThisBoot", target: "#session.running", actions: "meetAgent" },
      "agent.failed": [failure.final, failure.other],
      // It may die before the word that it is ready arrives.
      "agent.exited": failure.other
    }
  })
})

const booting = (restored: boolean) =>
  session.createStateConfig({
    initial: "waiting",
    entry: ["countBoot", "countAttempt"],
    after: {
      provisionDeadline: {
        target: "#session.retrying",
        actions: { type: "explain", params: { reason: "timeout: the boot took too long" } }
      }
    },
    states: {
      waiting: {
        always: { guard: "isFirstAttempt", target: "booting" },
        after: { retryPause: "booting" }
      },
      booting: {
        entry: {
          type: "provisionSandbox",
          params: ({ context: { boot, configurationId, snapshotId, provider } }) => ({
            boot,
            configurationId,
            snapshotId: restored ? snapshotId : null,
            provider: restored ? (provider ?? null) : null
          })
        },
        on: {
          "sandbox.ready": { guard: "isThisBoot", target: "preparing", actions: "adopt" },
          "sandbox.failed": [fresh.final, fresh.other],
          // Another session holds that sandbox: it is not ours to use or to destroy.
          "record.rejected": {
            target: "#session.retrying",
            actions: {
              type: "explain",
              params: ({ event }) => ({ reason: `conflict: ${event.name} ${event.key} is held by ${event.holder}` })
            }
          }
        }
      },
      ...legs(fresh, restored)
    }
  })

export const provisioning = booting(false)
export const restoring = booting(true)

export const recovering = session.createStateConfig({
  initial: "choosing",
  entry: "countRecovery",
  after: {
    // Unknown is not gone: the sandbox stays ours, and a person or a prompt tries again.
    provisionDeadline: {
      target: "failed",
      actions: {
        type: "explain",
        params: ({ context }) => ({
          reason: `timeout: the sandbox could not be recovered${context.reason === null ? "" : ` (${context.reason})`}`
        })
      }
    }
  },
  states: {
    choosing: {
      always: [
        { guard: "mayRecover", target: "reviving" },
        // A sandbox that can be neither recovered nor captured is kept for a person to decide.
        { guard: "hasFailedToCapture", target: "#session.failed" },
        { target: "#session.pausing", actions: { type: "explain", params: { reason: "recovered too often" } } }
      ]
    },
    reviving: {
      entry: [
        "countBoot",
        { type: "reviveSandbox", params: ({ context }) => ({ boot: context.boot, ...sandboxOf({ context }) }) }
      ],
      on: {
        "sandbox.ready": { guard: and(["isThisBoot", "isOurs"]), target: "preparing" },
        "sandbox.failed": [
          {
            guard: and(["isThisBoot", "isFinal"]),
            target: "#session.retrying",
            actions: ["tellStateLost", "explainAsTold"]
          },
          kept.other
        ]
      }
    },
    waiting: { after: { retryPause: "reviving" } },
    ...legs(kept, true)
  }
})
