/**
 * Questions of an agent to a person. Each is closed once: by an answer, by the end or the cancelling of its turn, or after
 * 5 minutes; the agent always hears which.
 */
import { randomBytes } from "node:crypto"
import type * as acp from "@agentclientprotocol/sdk"
import { Effect, type Fiber, FiberSet } from "effect"
import { Limits } from "./limits.ts"
import type { Narrator } from "./narrator.ts"
import { badInput, Refusal, unknown } from "./refusal.ts"
import { clean, cutEnd } from "./text.ts"

interface Question {
  readonly turnId: string
  readonly narrator: Narrator
  /** Ours → the agent's. */
  readonly options: ReadonlyMap<string, string>
  readonly settle: (optionId: string | null) => void
  readonly deadline: Fiber.Fiber<void>
}

export interface Questions {
  /** Answers with the agent's option id, or null. */
  readonly ask: (turnId: string, narrator: Narrator, request: acp.RequestPermissionRequest) => Promise<string | null>
  readonly answer: (questionId: string, optionId: string | null) => Effect.Effect<void, Refusal>
  readonly closeAll: () => void
}

export const makeQuestions = Effect.gen(function* () {
  const limits = yield* Limits
  const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
  const open = new Map<string, Question>()
  const closed = new Map<string, string | null>()

  const close = (questionId: string, optionId: string | null) => {
    const question = open.get(questionId)
    if (question === undefined) return
    open.delete(questionId)
    question.deadline.interruptUnsafe()
    closed.set(questionId, optionId)
    if (closed.size > limits.turnsMax) closed.delete(closed.keys().next().value!)
    question.narrator.tell("question.closed", { turnId: question.turnId, questionId, optionId })
    question.settle(optionId === null ? null : question.options.get(optionId)!)
  }

  const questions: Questions = {
    ask: (turnId, narrator, request) =>
      new Promise((settle) => {
        if (open.size >= limits.questionsMax) return settle(null)
        const questionId = `que_${randomBytes(9).toString("hex")}`
        const named = request.options.slice(0, 16).map((option, index) => ({
          ...option,
          // A person answers with an id that fits a URL; the agent's own need not.
          ours: /^[A-Za-z0-9_.:-]{1,128}$/.test(option.optionId) ? option.optionId : `option-${index + 1}`
        }))
        const deadline = fork(
          Effect.delay(
            Effect.sync(() => close(questionId, null)),
            limits.questionMs
          )
        )
        const options = new Map(named.map(({ ours, optionId }) => [ours, optionId]))
        open.set(questionId, { turnId, narrator, settle, options, deadline })
        narrator.tell("question", {
          turnId,
          questionId,
          toolCallId: cutEnd(clean(request.toolCall.toolCallId), 128),
          title: cutEnd(clean(request.toolCall.title ?? "May I go on?"), 500),
          options: named.map(({ ours, name, kind }) => ({ optionId: ours, name: cutEnd(clean(name), 200), kind }))
        })
      }),
    answer: Effect.fnUntraced(function* (questionId, optionId) {
      const question = open.get(questionId)
      if (question === undefined) {
        if (!closed.has(questionId)) return yield* unknown(`there is no question ${cutEnd(questionId, 128)}`)
        if (closed.get(questionId) === optionId) return
        return yield* new Refusal({
          status: 409,
          reason: "closed",
          message: `question ${questionId} is closed already`,
          final: true
        })
      }
      if (optionId !== null && !question.options.has(optionId)) {
        return yield* badInput(`${cutEnd(optionId, 128)} is none of the options: ${[...question.options.keys()].join(", ")}`)
      }
      close(questionId, optionId)
    }),
    closeAll: () => {
      for (const questionId of [...open.keys()]) close(questionId, null)
    }
  }
  return questions
})
