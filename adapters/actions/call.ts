/**
 * One call at a service: within its time, made again only where it cannot have taken effect or its key is honoured there, and every
 * failure in the words of the port. What a service says for itself is the provider's to read (`Reading`); what is true of any
 * HTTP is decided here: whether it may have taken effect, most of all.
 */
import { Effect } from "effect"
import { ActionError } from "../../actors/ports/actions.ts"
import { redactStart } from "../../actors/redaction.ts"
import { Declined, type Reading, WireFailure } from "./failure.ts"
import * as limits from "./limits.ts"
import { type Answer, makeTrace, makeWire, type Trace, type WireOptions } from "./wire.ts"

type Reason = ActionError["reason"]

export interface Service {
  readonly integration: string
  readonly displayName: string
  readonly read: (answer: Answer) => Reading
}

export interface CallOptions extends WireOptions {
  readonly honoursKeys: boolean
  readonly limitMs: number
  /** Not to be told. */
  readonly secrets: ReadonlyArray<string>
}

const advice: Record<Reason, string> = {
  "needs-reauth": "does not take the credential: connect it again",
  forbidden: "does not allow this to the account that is connected",
  "not-found": "does not have this, or does not show it to the account that is connected",
  invalid: "refused this as it was asked",
  "rate-limited": "asks to be called less often",
  unavailable: "could not be reached or failed",
  unknown: "broke off after the request had left: it may have taken effect",
  unreadable: "answered with something that cannot be read"
}

const reasonOf = (status: number, sent: boolean): Reason => {
  if (status === 401) return "needs-reauth"
  if (status === 429) return "rate-limited"
  if (status >= 500) return sent ? "unknown" : "unavailable"
  if (status < 400) return "unreadable"
  if (sent) return "unknown"
  if (status === 403) return "forbidden"
  if (status === 404 || status === 410) return "not-found"
  return status === 408 || status === 425 ? "unavailable" : "invalid"
}

/** In seconds, or a date. */
const retryAfterOf = ({ headers }: Answer): number | null => {
  const value = headers.get("retry-after")
  if (value === null) return null
  const seconds = Number(value)
  const waitMs = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(value) - Date.now()
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : null
}

export const failureOf = (service: Service, trace: Trace, cause: unknown, secrets: ReadonlyArray<string>): ActionError => {
  if (cause instanceof ActionError) return cause
  const { answer, failure } = trace
  const isAnswered = answer !== null && failure === null
  const said = cause instanceof Declined && cause.reading !== null ? cause.reading : isAnswered ? service.read(answer) : null
  const sent = trace.sent && said?.refused !== true
  const reason =
    said?.reason ??
    (isAnswered
      ? reasonOf(said?.failed === true ? 500 : answer.status, sent)
      : sent
        ? "unknown"
        : failure instanceof WireFailure || cause instanceof WireFailure
          ? "unreadable"
          : "unavailable")
  const words = said?.message ?? failure?.message ?? (cause instanceof Error ? cause.message : String(cause))
  const told = redactStart(words, limits.messageCharactersMax, secrets)
  return new ActionError({
    reason,
    sent,
    retryAfterMs: said?.retryAfterMs ?? (isAnswered ? retryAfterOf(answer) : null),
    integration: service.integration,
    message: `${service.displayName} ${advice[reason]}${told === "" ? "." : `: ${told}`}`
  })
}

/** How long to wait before it is made again; null: it is not. */
const pauseOf = (error: ActionError, tried: number, honoursKeys: boolean): number | null => {
  if (tried >= limits.triesMax || (error.sent && !honoursKeys)) return null
  if (error.retryAfterMs !== null && error.retryAfterMs > limits.retryAfterMsMax) return null
  if (error.reason === "rate-limited") return error.retryAfterMs
  return ["unavailable", "unknown"].includes(error.reason) ? (error.retryAfterMs ?? 200 * 2 ** tried) : null
}

export const makeCall =
  (service: Service) =>
  <A>(options: CallOptions, run: (fetch: typeof globalThis.fetch) => Promise<A>): Effect.Effect<A, ActionError> =>
    Effect.suspend(() => {
      let trace = makeTrace()
      let maySent = false
      const once = Effect.suspend(() => {
        maySent ||= trace.sent
        trace = makeTrace()
        return Effect.tryPromise({
          try: (signal) => run(makeWire(trace, options, signal)),
          catch: (cause) => failureOf(service, trace, cause, options.secrets)
        })
      })
      const again = (tried: number): Effect.Effect<A, ActionError> =>
        Effect.catch(once, (error) => {
          const pauseMs = pauseOf(error, tried, options.honoursKeys)
          return pauseMs === null ? Effect.fail(error) : Effect.andThen(Effect.sleep(pauseMs), again(tried + 1))
        })
      return again(1).pipe(
        // What an earlier try may have done is not undone by a later one that was refused.
        Effect.mapError((error) =>
          maySent && !error.sent ? new ActionError({ ...error, sent: true, reason: "unknown" }) : error
        ),
        Effect.timeoutOrElse({
          duration: options.limitMs,
          orElse: () => {
            const sent = maySent || trace.sent
            const reason = sent ? "unknown" : "unavailable"
            return Effect.fail(
              new ActionError({
                reason,
                sent,
                retryAfterMs: null,
                integration: service.integration,
                message: `${service.displayName} ${advice[reason]}: no answer within ${options.limitMs / 1_000} s`
              })
            )
          }
        })
      )
    })
