/**
 * The turns of a daemon: one at a time, each id started once, each ended once.
 *
 *   U1  A turn that was started ends with `turn.finished`, whatever becomes of its agent; its questions are closed before.
 *   U2  A known turn id is not started again, whether its turn goes on or has ended.
 */
import * as acp from "@agentclientprotocol/sdk"
import { Effect, FiberSet } from "effect"
import { Limits } from "./limits.ts"
import type { Narrator } from "./narrator.ts"
import { makeQuestions } from "./questions.ts"
import { busy, type Refusal, unknown } from "./refusal.ts"
import { clean, cutEnd } from "./text.ts"
import { type Hear, makeTurnEar, tellUsage } from "./updates.ts"

/** An agent that is ready for turns. */
export interface Partner {
  readonly agent: acp.ClientContext
  readonly agentSession: string
  readonly narrator: Narrator
  readonly permissions: "allow" | "ask"
}

interface Turn {
  readonly turnId: string
  readonly partner: Partner
  readonly hear: Hear
}

export interface Turns {
  readonly openTurnId: () => string | null
  readonly start: (turnId: string, blocks: ReadonlyArray<acp.ContentBlock>, partner: Partner) => Effect.Effect<void, Refusal>
  readonly isKnown: (turnId: string) => boolean
  readonly cancel: (turnId: string) => Effect.Effect<void, Refusal>
  readonly hear: Hear
  readonly permit: (request: acp.RequestPermissionRequest) => Promise<acp.RequestPermissionResponse>
  readonly answer: (questionId: string, optionId: string | null) => Effect.Effect<void, Refusal>
  /** Ends the open turn, if there is one. */
  readonly end: (stopReason: string, message?: string) => void
}

export const makeTurns = Effect.gen(function* () {
  const limits = yield* Limits
  const questions = yield* makeQuestions
  const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
  const known = new Set<string>()
  let open: Turn | null = null

  const end = (stopReason: string, message?: string) => {
    if (open === null) return
    questions.closeAll()
    const { turnId, partner } = open
    open = null
    partner.narrator.tell("turn.finished", {
      turnId,
      stopReason,
      ...(message !== undefined && { message: cutEnd(clean(message), 2_000) })
    })
  }

  const prompt = ({ turnId, partner: { agent, agentSession, narrator } }: Turn, blocks: ReadonlyArray<acp.ContentBlock>) =>
    Effect.tryPromise(() => agent.request("session/prompt", { sessionId: agentSession, prompt: [...blocks] })).pipe(
      Effect.match({
        onSuccess: (answer: acp.PromptResponse & { readonly usage?: unknown }) => {
          if (open?.turnId !== turnId) return
          if (typeof answer?.usage === "object" && answer.usage !== null) {
            tellUsage(turnId, answer.usage as Record<string, unknown>, narrator, limits)
          }
          if (typeof answer?.stopReason === "string") end(cutEnd(clean(answer.stopReason), 64))
          else end("failed", "the agent gave no reason why it stopped")
        },
        onFailure: ({ cause }) => {
          // Any other failure is the connection's, whose end is told with its reason by whoever watches the process.
          if (open?.turnId === turnId && cause instanceof acp.RequestError) end("failed", cause.message)
        }
      })
    )

  const turns: Turns = {
    openTurnId: () => open?.turnId ?? null,
    isKnown: (turnId) => known.has(turnId),
    start: Effect.fnUntraced(function* (turnId, blocks, partner) {
      if (known.has(turnId)) return
      if (open !== null) return yield* busy(`turn ${open.turnId} goes on`)
      known.add(turnId)
      if (known.size > limits.turnsMax) known.delete(known.values().next().value!)
      open = { turnId, partner, hear: makeTurnEar(turnId, partner.narrator, limits) }
      partner.narrator.tell("turn.started", { turnId })
      fork(prompt(open, blocks))
    }),
    cancel: Effect.fnUntraced(function* (turnId) {
      if (!known.has(turnId)) return yield* unknown(`there is no turn ${cutEnd(turnId, 128)}`)
      if (open?.turnId !== turnId) return
      const { agent, agentSession } = open.partner
      // Sent before its questions are closed: an agent that is not told why would take that for an answer, and go on.
      agent.notify("session/cancel", { sessionId: agentSession }).catch(() => {})
      questions.closeAll()
    }),
    hear: (params) => open === null || open.hear(params),
    permit: async (request) => {
      if (open === null) return { outcome: { outcome: "cancelled" } }
      const { turnId, partner, hear } = open
      // Some agents tell of the call here for the first time.
      hear({ sessionId: request.sessionId, update: { ...request.toolCall, sessionUpdate: "tool_call_update" } })
      const optionId =
        partner.permissions === "allow" ? allowing(request.options) : await questions.ask(turnId, partner.narrator, request)
      return { outcome: optionId === null ? { outcome: "cancelled" } : { outcome: "selected", optionId } }
    },
    answer: questions.answer,
    end
  }
  return turns
})

/** Ids are the agent's own; kinds are the protocol's. */
const allowing = (options: ReadonlyArray<acp.PermissionOption>): string | null =>
  (options.find(({ kind }) => kind === "allow_once") ?? options.find(({ kind }) => kind === "allow_always"))?.optionId ?? null
