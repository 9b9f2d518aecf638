/** One call on behalf of a session: made with the host's key, passed on without it, and counted when it is over. */
import { Effect, Exit, Redacted, Stream } from "effect"
import { Directory } from "../../actors/ports/directory.ts"
import type { AnswerCut, ModelResponse } from "../../actors/ports/proxy.ts"
import { newId } from "../../runtime/address.ts"
import { steadyMs } from "../../runtime/steady.ts"
import type { Asker } from "./allowance.ts"
import { type CallAnswer, type CallError, makeCalls } from "./call.ts"
import { keyHeader, type Route } from "./dialects.ts"
import { Limits } from "./limits.ts"
import { type Cost, makeMeter } from "./meter.ts"
import { observed, through } from "./observed.ts"
import { makeRedactor, redact } from "./redactor.ts"
import { type Refusal, refusal } from "./refusal.ts"
import { type Asked, answerHeaders, requestHeaders } from "./request.ts"
import type { Upstream } from "./upstreams.ts"

export interface Forwarded {
  readonly asker: Asker
  readonly route: Route
  /** The route's path below an upstream, with its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly asked: Asked
  readonly upstream: Upstream
}

/** The asking end left. */
const leftStatus = 499
const free: Cost = { input: 0, output: 0, cached: 0, estimated: false }

const unanswered: Readonly<Record<CallError["reason"], number>> = { unreached: 502, broken: 502, silent: 504 }
const cutStatus: Readonly<Record<AnswerCut["reason"], number>> = { broken: 502, silent: 504, unread: leftStatus }

/** What an endpoint says that is no answer for an agent. */
const unusable = ({ status, headers }: CallAnswer): Refusal | null => {
  if (status === 401) {
    const message = "the model endpoint refuses the key that the host has for it: its operator must set another"
    return { status: 403, isFinal: true, message }
  }
  if (status >= 300 && status < 400) {
    return { status: 502, message: `the model endpoint redirects (${status}), which is not followed` }
  }
  const encoding = headers["content-encoding"] ?? "identity"
  return encoding === "identity"
    ? null
    : { status: 502, message: `the model endpoint answered in ${encoding}, which it was not asked for` }
}

export const makeForward = Effect.gen(function* () {
  const directory = yield* Directory
  const { heldBytesMax, bytesPerToken } = yield* Limits
  const call = yield* makeCalls

  return Effect.fn("model.forward")(function* ({ asker, route, path, headers, asked, upstream }: Forwarded) {
    const { dialect } = route
    const key = upstream.key === null ? null : Redacted.value(upstream.key)
    const meter = makeMeter(dialect, { bodyBytes: asked.body.length, bytesPerToken })
    const beganAtMs = yield* steadyMs
    let status = leftStatus
    /** The endpoint did no work. */
    let isFree = false

    const count = Effect.fnUntraced(function* (exit: Exit.Exit<unknown, unknown>) {
      const cost = isFree ? free : meter.cost()
      const counted = {
        org: asker.org,
        sessionId: asker.sessionId,
        ...cost,
        key: yield* newId("mdl"),
        model: asked.model,
        dialect,
        // Who leaves after the last word has missed nothing.
        status: status < 300 && Exit.isFailure(exit) && cost.estimated ? leftStatus : status,
        ms: Math.round((yield* steadyMs) - beganAtMs)
      }
      yield* directory
        .addModelCall(counted)
        .pipe(Effect.catch(({ message }) => Effect.logError(`a call of a model was not counted: ${message}`, counted)))
    })
    if (route.isMetered) yield* Effect.addFinalizer(count)

    const refuse = (said: Refusal) => {
      status = said.status
      return Effect.as(Effect.logWarning(`${asker.sessionId}: ${said.message}`), refusal(dialect, said))
    }
    const told = yield* call({
      url: new URL(`${upstream.url}${path}`),
      headers: { ...requestHeaders(dialect, headers), ...(key !== null && keyHeader(dialect, key)) },
      body: asked.body
    }).pipe(Effect.result)
    if (told._tag === "Failure") {
      isFree = told.failure.reason === "unreached"
      return yield* refuse({ status: unanswered[told.failure.reason], message: told.failure.message })
    }
    const answer = told.success
    status = answer.status
    isFree = status >= 300
    const words = unusable(answer)
    if (words !== null) return yield* refuse(words)

    const { take, end } = makeRedactor(key)
    const isStream = /^text\/event-stream\b/i.test(answer.headers["content-type"] ?? "")
    const { hidesUsage } = asked
    return {
      status,
      headers: answerHeaders(answer.headers, (text) => redact(text, key)),
      body: observed(through(answer.body, take, end), { meter, isStream, hidesUsage, heldBytesMax }).pipe(
        Stream.tapError((cut) => {
          status = cutStatus[cut.reason]
          return Effect.logWarning(`${asker.sessionId}: ${cut.message}`)
        })
      )
    } satisfies ModelResponse
  })
})
