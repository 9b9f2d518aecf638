/** Letting the open turn end, then capturing: the way into `paused`, and through `migrating` into a sandbox of its own. */
import { assign, not } from "xstate"
import { session } from "./setup.ts"

const settling = session.createStateConfig({
  tags: "linked",
  entry: "cancelOpenTurn",
  always: { guard: not("hasTurn"), target: "capturing" },
  after: {
    interruptDeadline: { actions: { type: "endTurn", params: { stopReason: "unresponsive" } } }
  },
  on: {
    "turn.finished": { guard: "isThisTurn", actions: "endTurnAsTold" },
    "turn.failed": { guard: "isThisTurn", actions: "endTurnAsTold" }
  }
})

/** The same without cancelling, for a while; but not for a question, which nobody can answer now. */
const finishing = session.createStateConfig({
  tags: "linked",
  always: [
    { guard: not("hasTurn"), target: "capturing" },
    { guard: "hasQuestion", target: "settling" }
  ],
  after: { finishDeadline: "settling" },
  on: {
    interrupt: "settling",
    "turn.finished": { guard: "isThisTurn", actions: "endTurnAsTold" },
    "turn.failed": { guard: "isThisTurn", actions: "endTurnAsTold" }
  }
})

const capturing = (next: "#session.paused" | "#session.restoring") =>
  session.createStateConfig({
    entry: "capture",
    exit: assign({ captureId: null }),
    after: {
      snapshotDeadline: {
        target: "uncaptured",
        actions: { type: "explain", params: { reason: "timeout: the capture took too long" } }
      }
    },
    on: {
      "snapshot.saved": { guard: "isThisCapture", target: next, actions: ["keepSnapshot", "planDestruction", "letGo"] },
      "snapshot.failed": { guard: "isThisCapture", target: "uncaptured", actions: "explainAsTold" }
    }
  })

export const pausing = session.createStateConfig({
  initial: "settling",
  on: {
    prompt: { guard: "isNewPrompt", actions: ["enqueue", "tellQueue", "want"] },
    resume: { actions: "want" }
  },
  states: {
    settling,
    capturing: capturing("#session.paused"),
    // The capture may have stopped the sandbox: bring it back, or give up before it burns on for ever.
    uncaptured: {
      entry: "countCaptureFailure",
      always: [{ guard: "mayCaptureAgain", target: "#session.recovering" }, { target: "#session.stopping" }]
    }
  }
})

export const migrating = session.createStateConfig({
  initial: "finishing",
  states: {
    finishing,
    settling,
    capturing: capturing("#session.restoring"),
    // It runs on where it is, and is lost only if the sandbox really expires.
    uncaptured: { entry: "countCaptureFailure", always: "#session.recovering" }
  }
})
