/**
 * The hands that reach a service: making the call of one attempt, and finding out whether an attempt took effect.
 *
 *   H1  Nothing is sent without a row in `dispatches`, which one run of one attempt ever wins. Whoever does not win it sends nothing,
 *       reads excepted: a read is made as often as it takes. What was asked for as a read and is one is a read: an action that has
 *       become one since it was asked for may have been sent when it was none.
 *   H2  Looking back at an attempt that never won its row takes the row itself: then that attempt can send nothing any more.
 *   H3  So does a run that cannot send it: that it was not sent is said by whoever has the row alone.
 */
import { Clock, Duration, Effect, Redacted, type Schema } from "effect"
import type { ApprovalCommands } from "../../machines/approval/context.ts"
import type { ApprovalFact } from "../../machines/approval/events.ts"
import { NotYet } from "../../runtime/actor.ts"
import type { Address } from "../../runtime/address.ts"
import { SealedArguments } from "../arguments.ts"
import { displayed } from "../displayed.ts"
import { Pace } from "../pace.ts"
import { ActionError, type Credential, type Providers } from "../ports/actions.ts"
import { Calls } from "../ports/calls.ts"
import { CredentialsOf } from "../services/credentials.ts"
import { actionOf, gone, later, paramsOf } from "./shared.ts"

type Needs = SealedArguments | Pace | Providers | Calls | CredentialsOf
type CallHand<Name extends keyof ApprovalCommands> = (
  params: Parameters<ApprovalCommands[Name]>[1],
  key: string,
  address: Address
) => Effect.Effect<ApprovalFact | NotYet, never, Needs>

/** All that a service may take, tries included; a little more than it grants itself. */
const providerMs = 31_000
/** Between the row in `dispatches` and the sending: a process that slept longer does not send any more. */
const sendWithinMs = 5_000

/** Under this the attempt is dispatched, once. */
const dispatchOf = ({ approvalId, attempt }: { readonly approvalId: string; readonly attempt: number }) =>
  `${approvalId}:${attempt}`

const silent = (integration: string, isRead: boolean) =>
  new ActionError({
    reason: isRead ? "unavailable" : "unknown",
    sent: !isRead,
    retryAfterMs: null,
    integration,
    message: `${integration} did not answer within ${providerMs / 1_000} s`
  })

/** Whatever it answers with, the credential that it was asked with is not in it. */
const shown = (result: unknown, credential: Credential) => {
  const { kind: _, ...secrets } = Redacted.value(credential)
  return displayed(
    result,
    Object.values(secrets).filter((secret) => typeof secret === "string")
  ).value as Schema.Json
}

export const execute: CallHand<"execute"> = ({ approvalId, argumentsHash, risk, attempt, ...named }, _key, { org }: Address) => {
  const takes = Calls.use((calls) => calls.dispatch(org, dispatchOf({ approvalId, attempt })))
  const failed = (reason: string, message: string) => ({ type: "call.failed" as const, attempt, sent: false, reason, message })
  const unknown = (message: string) => ({ type: "call.unknown" as const, attempt, message })
  /** This run cannot send it (H3). */
  const unsent = (reason: string, message: string) =>
    Effect.map(takes, (won) =>
      won ? failed(reason, message) : unknown(`another run of it may have sent it, and now it cannot be: ${message}`)
    )

  return Effect.gen(function* () {
    const sealed = yield* SealedArguments
    const [{ provider, action }, args, usable] = yield* Effect.all(
      [
        actionOf(org, named),
        sealed.open({ org, approvalId, argumentsHash }),
        Effect.result(CredentialsOf.use((all) => all.usable(org, named.integration)))
      ],
      { concurrency: "unbounded" }
    )
    if (provider === null || action === null) return yield* unsent("integration", gone(named, provider))
    const fits = yield* Effect.result(paramsOf(action, args))
    if (fits._tag === "Failure") return yield* unsent("arguments", fits.failure.message)
    if (usable._tag === "Failure") {
      const error = usable.failure
      return error._tag === "DirectoryError" || error.reason === "away"
        ? new NotYet(error.message)
        : yield* unsent("connection", error.message)
    }

    const isRead = risk === "read" && action.risk === "read"
    const beganAtMs = yield* Clock.currentTimeMillis
    const won = isRead || (yield* takes)
    if (!won) return unknown("another run of it may have sent it")
    if ((yield* Clock.currentTimeMillis) - beganAtMs > sendWithinMs) return unknown("the server stood still before it was sent")

    const call = { action: action.name, params: fits.success, key: approvalId, credential: usable.success }
    const answered = yield* provider.execute(call).pipe(
      Effect.timeoutOrElse({
        duration: Duration.millis(providerMs),
        orElse: () => Effect.fail(silent(named.integration, isRead))
      }),
      Effect.result
    )
    if (answered._tag === "Success")
      return { type: "call.completed" as const, attempt, result: shown(answered.success, usable.success) }
    const { reason, sent, message, retryAfterMs } = answered.failure
    if (reason === "needs-reauth")
      yield* Effect.ignore(CredentialsOf.use((all) => all.refused(org, named.integration, usable.success, message)))
    if (reason === "rate-limited") yield* Pace.use((pace) => pace.hold(org, named.integration, retryAfterMs ?? 1_000))
    return sent && !isRead ? unknown(message) : failed(reason, message)
  }).pipe(
    Effect.catchTag("ArgumentsLost", ({ message }) => unsent("arguments", message)),
    Effect.catchTag("DirectoryError", later)
  )
}

export const readBack: CallHand<"readBack"> = ({ approvalId, argumentsHash, risk, attempt, ...named }, _key, { org }: Address) =>
  Effect.gen(function* () {
    const unclear = (message: string) => ({ type: "readback.unclear" as const, attempt, message })
    const calls = yield* Calls
    const key = dispatchOf({ approvalId, attempt })
    const { provider, action } = yield* actionOf(org, named)
    // A read has no effect to look for.
    if ((risk === "read" && action?.risk === "read") || (yield* calls.dispatch(org, key)))
      return { type: "readback.absent" as const, attempt }
    if (provider === null || action === null) return unclear(gone(named, provider))
    if (!action.readsBack)
      return unclear(`${provider.displayName} cannot be asked whether it took effect: look there, and settle it`)

    const args = yield* SealedArguments.use((sealed) => sealed.open({ org, approvalId, argumentsHash }))
    const fits = yield* Effect.result(paramsOf(action, args))
    if (fits._tag === "Failure") return unclear(fits.failure.message)
    const usable = yield* Effect.result(CredentialsOf.use((all) => all.usable(org, named.integration)))
    if (usable._tag === "Failure") {
      const error = usable.failure
      return error._tag === "DirectoryError" || error.reason === "away" ? new NotYet(error.message) : unclear(error.message)
    }
    const sentAtMs = (yield* calls.dispatchedAtMs(org, key)) ?? 0
    const call = { action: action.name, params: fits.success, key: approvalId, credential: usable.success, sentAtMs }
    const looked = yield* provider.readBack(call).pipe(
      Effect.timeoutOrElse({
        duration: Duration.millis(providerMs),
        orElse: () => Effect.fail(silent(named.integration, true))
      }),
      Effect.result
    )
    if (looked._tag === "Failure") {
      const { reason, message } = looked.failure
      return reason === "unavailable" || reason === "rate-limited" ? new NotYet(message) : unclear(message)
    }
    switch (looked.success._tag) {
      case "Found":
        return { type: "readback.found" as const, attempt, result: shown(looked.success.result, usable.success) }
      case "Absent":
        return { type: "readback.absent" as const, attempt }
      case "Unclear":
        return unclear(looked.success.message)
    }
  }).pipe(
    Effect.catchTags({
      ArgumentsLost: ({ message }) => Effect.succeed({ type: "readback.unclear" as const, attempt, message }),
      DirectoryError: later
    })
  )
