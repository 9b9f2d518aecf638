/** The words that the states of a session are written in: its actions, guards and deadlines. */
import assert from "node:assert"
import { assign, emit, enqueueActions, setup } from "xstate"
import { claim, release } from "../command.ts"
import * as limits from "../limits.ts"
import { commands, type SessionCommands, type SessionContext } from "./context.ts"
import type { SessionEvent } from "./events.ts"
import { titleFrom } from "./title.ts"

interface Args {
  readonly context: SessionContext
  readonly event: SessionEvent
}

/** By S1 a sandbox exists in every state that asks for it; if not, this is our bug: crash. */
export const sandboxOf = ({ context }: Pick<Args, "context">) => {
  assert(context.sandboxId !== null, "S1: this state needs a sandbox")
  return { sandboxId: context.sandboxId }
}
const notice = (kind: string, body: Record<string, unknown>) => ({ type: "notice" as const, kind, body })
const withoutFirst = <A>([_, ...rest]: ReadonlyArray<A>): ReadonlyArray<A> => rest

type Command = {
  [Name in keyof SessionCommands]: { type: Name; params: Parameters<SessionCommands[Name]>[1] }
}[keyof SessionCommands]
interface Enqueue {
  (action: Command | { readonly type: "claim" | "release"; readonly params: Parameters<typeof claim>[1] }): void
  readonly assign: (changes: Partial<SessionContext>) => void
  readonly emit: (told: ReturnType<typeof notice>) => void
}
type Doing = Args & { readonly enqueue: Enqueue }
/** `enqueueActions`, typed for this machine: XState cannot infer several of them, with params, inside one `setup`. */
const doing = <Params = undefined>(run: (args: Doing, params: Params) => void) =>
  enqueueActions(run as never) as unknown as (_: unknown, params: Params) => void

const closeTurn = ({ context, enqueue }: Doing, stopReason: string, message?: string) => {
  if (context.turn === null) return
  enqueue.emit(notice("turn.ended", { turnId: context.turn.promptId, stopReason, ...(message && { message }) }))
  enqueue.assign({ turn: null, questions: [] })
}

export const session = setup({
  types: {
    context: {} as SessionContext,
    events: {} as SessionEvent,
    input: {} as Extract<SessionEvent, { type: "create" }>,
    emitted: {} as ReturnType<typeof notice>,
    tags: {} as "final" | "linked"
  },
  actions: {
    ...commands,
    claim,
    release,

    countBoot: assign({ boot: ({ context }) => context.boot + 1, linkLost: false, wanted: false, archived: false }),
    countAttempt: assign({ attempts: ({ context }) => context.attempts + 1 }),
    countRecovery: assign({ recoveries: ({ context }) => context.recoveries + 1 }),
    countCaptureFailure: assign({ captureFailures: ({ context }) => context.captureFailures + 1 }),
    startAfresh: assign({ attempts: 0, recoveries: 0, captureFailures: 0 }),
    explain: assign({ reason: (_, { reason }: { reason: string }) => reason }),
    explainAsTold: assign({
      reason: ({ event }) => ("reason" in event ? `${event.reason}: ${event.message}`.slice(0, limits.reasonCharactersMax) : null)
    }),
    forgetReason: assign({ reason: null }),
    rename: doing(({ event, enqueue }) => {
      assert(event.type === "rename")
      enqueue.assign({ title: event.title })
      enqueue.emit(notice("title", { title: event.title }))
    }),
    switchModel: doing(({ context, event, enqueue }) => {
      assert(event.type === "switch")
      enqueue.assign({ agent: { ...context.agent, model: event.model } })
      enqueue.emit(notice("model", { model: event.model }))
    }),

    archive: assign({ archived: true }),
    unarchive: assign({ archived: false }),

    enqueue: doing(({ context, event, enqueue }) => {
      assert(event.type === "prompt")
      const title = context.title || titleFrom(event.text)
      if (title !== context.title) {
        enqueue.assign({ title })
        enqueue.emit(notice("title", { title }))
      }
      const { promptId, text, by, attachments } = event
      const prompt = { promptId, text, by, ...(attachments && { attachments }) }
      enqueue.assign({ queue: [...context.queue, prompt] })
      enqueue.emit(notice("prompt", prompt))
    }),
    unqueue: doing(({ context, event, enqueue }) => {
      assert(event.type === "unqueue")
      enqueue.assign({ queue: context.queue.filter(({ promptId }) => promptId !== event.promptId) })
      enqueue.emit(notice("turn.ended", { turnId: event.promptId, stopReason: "removed" }))
    }),
    tellQueue: emit(({ context }) => notice("queue", { promptIds: context.queue.map(({ promptId }) => promptId) })),
    dropQueue: doing(({ context, enqueue }, { stopReason }: { stopReason: string }) => {
      if (context.queue.length === 0) return
      for (const { promptId } of context.queue) enqueue.emit(notice("turn.ended", { turnId: promptId, stopReason }))
      enqueue.assign({ queue: [] })
      enqueue.emit(notice("queue", { promptIds: [] }))
    }),
    want: assign({ wanted: true }),
    askCapture: assign({ captureAsked: true }),
    forgetCapture: assign({ captureAsked: false }),

    noteLinkLost: assign({ linkLost: true }),
    noteLinkConnected: assign({ linkLost: false }),

    openTurn: doing(({ context, enqueue }) => {
      const turn = context.queue[0]
      assert(turn !== undefined, "S2: a turn needs a prompt")
      const { promptId: turnId, text, attachments } = turn
      const { model = null } = context.agent
      enqueue.assign({ turn, queue: withoutFirst(context.queue) })
      enqueue.emit(notice("turn.opened", { turnId }))
      enqueue({
        type: "startTurn",
        params: { boot: context.boot, ...sandboxOf({ context }), turnId, text, model, ...(attachments && { attachments }) }
      })
    }),
    endTurn: doing((args, { stopReason, message }: { stopReason: string; message?: string }) =>
      closeTurn(args, stopReason, message)
    ),
    endTurnAsTold: doing((args) => {
      const { event } = args
      if (event.type === "turn.finished") return closeTurn(args, event.stopReason, event.message)
      assert(event.type === "turn.failed" || event.type === "agent.exited")
      closeTurn(args, event.type === "agent.exited" ? "lost" : event.reason, event.message)
    }),
    // Whoever still waits for an answer hears from the daemon that its turn is cancelled.
    cancelOpenTurn: doing(({ context, enqueue }) => {
      if (context.turn === null) return
      enqueue.assign({ questions: [] })
      enqueue({ type: "cancelTurn", params: { ...sandboxOf({ context }), turnId: context.turn.promptId } })
    }),

    openQuestion: assign({
      questions: ({ context, event }) =>
        event.type === "question.asked" ? [...context.questions, event.questionId] : context.questions
    }),
    closeQuestion: assign({
      questions: ({ context, event }) =>
        "questionId" in event ? context.questions.filter((id) => id !== event.questionId) : context.questions
    }),
    answerAll: doing(({ context, enqueue }) => {
      for (const questionId of context.questions)
        enqueue({ type: "answerQuestion", params: { ...sandboxOf({ context }), questionId, optionId: null } })
      enqueue.assign({ questions: [] })
    }),

    adopt: doing(({ event, enqueue }) => {
      assert(event.type === "sandbox.ready")
      enqueue.assign({ sandboxId: event.sandboxId })
      // The snapshot that it should have been made from could not be used: whoever goes on must know.
      if (event.stateLost) enqueue.emit(notice("state.lost", { restoredFrom: null, message: event.message ?? null }))
      enqueue({ type: "claim", params: { name: "sandbox", key: event.sandboxId } })
    }),
    planDestruction: doing(({ context, enqueue }) => {
      if (context.sandboxId !== null) enqueue({ type: "destroySandbox", params: { sandboxId: context.sandboxId } })
    }),
    letGo: doing(({ context, enqueue }) => {
      if (context.sandboxId === null) return
      enqueue({ type: "release", params: { name: "sandbox", key: context.sandboxId } })
      enqueue.assign({ sandboxId: null })
    }),

    capture: doing(({ context, enqueue }) => {
      const captureId = `cap_${context.captures + 1}`
      enqueue.assign({ captures: context.captures + 1, captureId })
      enqueue({ type: "captureSnapshot", params: { boot: context.boot, ...sandboxOf({ context }), captureId } })
    }),
    keepSnapshot: doing(({ context, event, enqueue }) => {
      assert(event.type === "snapshot.saved")
      const { snapshotId } = context
      if (snapshotId !== null && snapshotId !== event.snapshotId) enqueue({ type: "discardSnapshot", params: { snapshotId } })
      enqueue.assign({ snapshotId: event.snapshotId, provider: event.provider, captureFailures: 0 })
      enqueue.emit(notice("snapshot", { snapshotId: event.snapshotId }))
    }),
    discardLastSnapshot: doing(({ context, enqueue }) => {
      if (context.snapshotId === null) return
      enqueue({ type: "discardSnapshot", params: { snapshotId: context.snapshotId } })
      enqueue.assign({ snapshotId: null, provider: null })
    }),
    tellStateLost: emit(({ context }) => notice("state.lost", { restoredFrom: context.snapshotId })),
    meetAgent: doing(({ context, event, enqueue }) => {
      assert(event.type === "agent.ready")
      const { agentSession, remembers } = event
      if (context.agentSession !== null && !remembers) enqueue.emit(notice("memory.lost", { agentSession }))
      enqueue.assign({ agentSession })
    })
  },

  // A guard that reads an event asks for its ids, and is false for an event that carries none.
  guards: {
    hasSandbox: ({ context }) => context.sandboxId !== null,
    hasSnapshot: ({ context }) => context.snapshotId !== null,
    hasPrompt: ({ context }) => context.queue.length > 0,
    hasTurn: ({ context }) => context.turn !== null,
    hasQuestion: ({ context }) => context.questions.length > 0,
    hasFailedToCapture: ({ context }) => context.captureFailures > 0,
    isFirstAttempt: ({ context }) => context.attempts <= 1,
    isLinkLost: ({ context }) => context.linkLost,
    isCaptureAsked: ({ context }) => context.captureAsked === true,
    isWanted: ({ context }) => context.wanted,
    isNewPrompt: ({ context, event }) =>
      event.type === "prompt" &&
      context.queue.length < limits.promptsQueuedMax &&
      [context.turn, ...context.queue].every((prompt) => prompt?.promptId !== event.promptId),
    isQueued: ({ context, event }) => "promptId" in event && context.queue.some(({ promptId }) => promptId === event.promptId),
    isOurs: ({ context, event }) => "sandboxId" in event && context.sandboxId === event.sandboxId,
    isStraySandbox: ({ context, event }) => "sandboxId" in event && context.sandboxId !== event.sandboxId,
    isStraySnapshot: ({ context, event }) => "snapshotId" in event && context.snapshotId !== event.snapshotId,
    isThisBoot: ({ context, event }) => "boot" in event && context.boot === event.boot,
    isFinal: ({ event }) => "final" in event && event.final,
    isThisTurn: ({ context, event }) => "turnId" in event && context.turn?.promptId === event.turnId,
    isOpenQuestion: ({ context, event }) => "questionId" in event && context.questions.includes(event.questionId),
    mayAskMore: ({ context }) => context.questions.length < limits.questionsOpenMax,
    isThisCapture: ({ context, event }) => "captureId" in event && context.captureId === event.captureId,
    mayTryAgain: ({ context }) => context.attempts < limits.provisionAttemptsMax && context.recoveries <= limits.recoveriesMax,
    mayRecover: ({ context }) => context.recoveries <= limits.recoveriesMax,
    mayCaptureAgain: ({ context }) => context.captureFailures < limits.snapshotFailuresMax || context.wanted
  },

  delays: {
    pendingDeadline: limits.pendingMs,
    provisionDeadline: limits.provisionMs,
    retryPause: limits.retryMs,
    turnDeadline: limits.turnMs,
    interruptDeadline: limits.interruptMs,
    questionDeadline: limits.questionMs,
    idleDeadline: ({ context }) => (context.attended ? limits.idleAttendedMs : limits.idleUnattendedMs),
    finishDeadline: limits.finishMs,
    snapshotDeadline: limits.snapshotMs,
    linkDeadline: limits.linkMs,
    stoppingDeadline: limits.stoppingMs,
    pausedDeadline: limits.pausedMs,
    failedDeadline: limits.failedMs
  }
})
