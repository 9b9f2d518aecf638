/** Running: what the agent does, and beside it how the link to it fares. */
import { and, assign, not } from "xstate"
import { sandboxOf, session } from "./setup.ts"

const agent = session.createStateConfig({
  initial: "idle",
  states: {
    idle: {
      always: [
        {
          guard: and(["isCaptureAsked", not("isLinkLost")]),
          target: "#session.migrating",
          actions: { type: "explain", params: { reason: "a snapshot was asked for" } }
        },
        {
          guard: and(["hasPrompt", not("isLinkLost")]),
          target: "busy",
          actions: ["openTurn", "tellQueue"]
        }
      ],
      after: {
        idleDeadline: { target: "#session.pausing", actions: { type: "explain", params: { reason: "inactivity" } } }
      }
    },
    busy: {
      initial: "working",
      after: { turnDeadline: "interrupting" },
      on: {
        interrupt: "interrupting",
        // Entered anew, so that every question has its whole time.
        "question.asked": [
          {
            guard: and(["isThisTurn", not("isOpenQuestion"), "mayAskMore"]),
            target: ".awaitingApproval",
            actions: "openQuestion"
          },
          {
            guard: and(["isThisTurn", not("isOpenQuestion")]),
            actions: {
              type: "answerQuestion",
              params: ({ context, event }) => ({ ...sandboxOf({ context }), questionId: event.questionId, optionId: null })
            }
          }
        ],
        "question.closed": { guard: and(["isThisTurn", "isOpenQuestion"]), actions: "closeQuestion" }
      },
      states: {
        working: {},
        awaitingApproval: {
          always: { guard: not("hasQuestion"), target: "working" },
          after: { questionDeadline: { actions: "answerAll" } },
          on: {
            answer: {
              guard: "isOpenQuestion",
              actions: [
                {
                  type: "answerQuestion",
                  params: ({ context, event: { questionId, optionId } }) => ({ ...sandboxOf({ context }), questionId, optionId })
                },
                "closeQuestion"
              ]
            }
          }
        }
      }
    },
    interrupting: {
      entry: "cancelOpenTurn",
      after: {
        interruptDeadline: {
          target: "#session.recovering",
          actions: {
            type: "endTurn",
            params: { stopReason: "unresponsive", message: "the agent did not stop and was restarted" }
          }
        }
      }
    }
  },
  on: {
    // A late answer of an earlier turn must not close this one.
    "turn.finished": { guard: "isThisTurn", target: ".idle", actions: ["endTurnAsTold", assign({ recoveries: 0 })] },
    // An agent that does not take one prompt would not take the next: those wait until it is looked after.
    "turn.failed": { guard: "isThisTurn", target: "#session.recovering", actions: "endTurnAsTold" }
  }
})

const link = session.createStateConfig({
  initial: "connected",
  states: {
    connected: { always: { guard: "isLinkLost", target: "reconnecting" } },
    reconnecting: {
      always: { guard: not("isLinkLost"), target: "connected" },
      after: {
        linkDeadline: {
          target: "#session.recovering",
          actions: { type: "endTurn", params: { stopReason: "lost", message: "the sandbox could not be reached" } }
        }
      }
    }
  }
})

export const running = session.createStateConfig({
  type: "parallel",
  tags: "linked",
  entry: [assign({ attempts: 0 }), "forgetReason"],
  // What is captured on the way out holds it; what is lost there is lost with the turn that asked.
  exit: "forgetCapture",
  on: {
    pause: { target: "pausing", actions: { type: "explain", params: ({ event }) => ({ reason: event.why }) } },
    capture: { actions: "askCapture" },
    "sandbox.expiring": {
      guard: "isOurs",
      target: "migrating",
      actions: { type: "explain", params: { reason: "the sandbox is about to expire" } }
    },
    "sandbox.stopped": {
      guard: "isOurs",
      target: "recovering",
      actions: { type: "endTurn", params: { stopReason: "lost", message: "the sandbox stopped" } }
    },
    "sandbox.gone": {
      guard: "isOurs",
      target: "retrying",
      actions: [
        { type: "endTurn", params: { stopReason: "lost", message: "the sandbox is gone" } },
        { type: "explain", params: { reason: "the sandbox is gone" } },
        "tellStateLost",
        "countRecovery"
      ]
    },
    "agent.exited": { guard: "isThisBoot", target: "recovering", actions: "endTurnAsTold" }
  },
  states: { agent, link }
})
