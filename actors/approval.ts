/**
 * Binds the machine of an action call to rules, grants, connections and services. No decisions here: see machines/approval.ts.
 * What a hand passes on of arguments is what matched, by which rule or grant; of results, what `displayed` shows of them.
 */
import { Clock, Effect } from "effect"
import type { ApprovalCommands } from "../machines/approval/context.ts"
import { ApprovalEvent, type ApprovalFact, ApprovalRequest } from "../machines/approval/events.ts"
import { approvalMachine, noticeOf, statusOf, whyNot } from "../machines/approval.ts"
import { matchingGrants } from "../machines/grants.ts"
import { type CallContext, matchingRules } from "../machines/policy.ts"
import { type ActorDefinition, type Hand, NotYet } from "../runtime/actor.ts"
import type { Address } from "../runtime/address.ts"
import { execute, readBack } from "./approval/executing.ts"
import { actionOf, gone, later, paramsOf } from "./approval/shared.ts"
import { SealedArguments } from "./arguments.ts"
import { Mail } from "./mail.ts"
import { Pace } from "./pace.ts"
import type { Providers } from "./ports/actions.ts"
import type { Calls } from "./ports/calls.ts"
import { Grants } from "./ports/grants.ts"
import { Rules } from "./ports/rules.ts"
import { CredentialsOf } from "./services/credentials.ts"

type Hands = SealedArguments | Pace | Providers | Calls | Grants | Rules | CredentialsOf | Mail
type ParamsOf<Name extends keyof ApprovalCommands> = Parameters<ApprovalCommands[Name]>[1]
type ApprovalHands = {
  readonly [Name in keyof ApprovalCommands]: Hand<ParamsOf<Name>, Hands> &
    ((...args: any) => Effect.Effect<ApprovalFact | NotYet | void, never, Hands>)
}

/** What stops a session tells only those calls that are there by then; one that comes later finds out by itself. */
const hasSessionEnded = (org: string, home: string) =>
  Effect.map(
    Mail.use((mail) => mail.look({ org, kind: "session", id: home, home })),
    (session) => session === null || session.status === "stopping" || session.status === "stopped"
  )

const commands: ApprovalHands = {
  weigh: (
    { approvalId, argumentsHash, weighing, risk, configurationId, automationId, alone, ...named },
    _key,
    { org, home }: Address
  ) =>
    Effect.gen(function* () {
      const failed = (reason: string, message: string) => ({ type: "weighing.failed" as const, weighing, reason, message })
      if (yield* hasSessionEnded(org, home)) return { type: "session.ended" as const }
      const { provider, action } = yield* actionOf(org, named)
      if (action === null) return failed("integration", gone(named, provider))
      const params = yield* SealedArguments.use((sealed) => sealed.open({ org, approvalId, argumentsHash }))
      const { drifted } = action
      const call: CallContext = { org, sessionId: home, configurationId, automationId, ...named, risk, params, drifted }
      const { rules } = yield* Rules.use((all) => all.book(org))
      const candidates = alone ? [] : yield* Grants.use((all) => all.candidates(org, named.integration, named.action))
      const nowMs = yield* Clock.currentTimeMillis
      const grants = matchingGrants(candidates, call, nowMs)
      return { type: "weighed" as const, weighing, rules: matchingRules(rules, call), grants, nowMs }
    }).pipe(
      Effect.catchTags({
        ArgumentsLost: ({ message }) =>
          Effect.succeed({ type: "weighing.failed" as const, weighing, reason: "arguments", message }),
        DirectoryError: later,
        Unavailable: later
      })
    ),

  clear: (
    { approvalId, argumentsHash, attempt, risk, configurationId, automationId, grantId, ...named },
    _key,
    { org, home }: Address
  ) =>
    Effect.gen(function* () {
      const blocked = (reason: "connection" | "session" | "arguments" | "integration", message: string) => ({
        type: "blocked" as const,
        attempt,
        reason,
        message
      })
      const sealed = yield* SealedArguments
      // At once: a person has decided, and an agent waits.
      const [hasEnded, { provider, action }, params, credential, { rules }, own] = yield* Effect.all(
        [
          hasSessionEnded(org, home),
          actionOf(org, named),
          sealed.open({ org, approvalId, argumentsHash }),
          Effect.result(CredentialsOf.use((all) => all.usable(org, named.integration))),
          Rules.use((all) => all.book(org)),
          grantId === null ? Effect.succeed(null) : Grants.use((all) => all.find(org, grantId))
        ],
        { concurrency: "unbounded" }
      )
      if (hasEnded) return blocked("session", "its session has ended")
      if (provider === null || action === null) return blocked("integration", gone(named, provider))
      if (action.risk !== risk)
        return blocked("integration", `it was asked for as a ${risk}, and is a ${action.risk} now: ask for it again`)
      const fits = yield* Effect.result(paramsOf(action, params))
      if (fits._tag === "Failure")
        return blocked("arguments", `${named.integration}.${named.action} takes other arguments now: ${fits.failure.message}`)

      if (credential._tag === "Failure") {
        const error = credential.failure
        if (error._tag === "DirectoryError" || error.reason === "away") return new NotYet(error.message)
        return blocked("connection", error.message)
      }
      const waitMs = yield* Pace.use((pace) => pace.take(org, named.integration))
      if (waitMs > 0) return new NotYet(`${named.integration} takes no more calls for ${Math.ceil(waitMs / 1000)} s`)

      const { drifted } = action
      const call: CallContext = { org, sessionId: home, configurationId, automationId, ...named, risk, params, drifted }
      const nowMs = yield* Clock.currentTimeMillis
      const grants = own === null ? [] : matchingGrants([own], call, nowMs, own.id)
      return { type: "cleared" as const, attempt, rules: matchingRules(rules, call), grants, nowMs }
    }).pipe(
      Effect.catchTags({
        ArgumentsLost: ({ message }) =>
          Effect.succeed({ type: "blocked" as const, attempt, reason: "arguments" as const, message }),
        DirectoryError: later,
        Unavailable: later
      })
    ),

  execute,
  readBack,

  wipe: ({ approvalId }, _key, { org }: Address) =>
    SealedArguments.use((sealed) => sealed.wipe(org, approvalId)).pipe(Effect.catchTag("DirectoryError", later)),

  tellSession: ({ approvalId, text }, _key, { org, home }: Address) =>
    Effect.gen(function* () {
      const mail = yield* Mail
      const session = { org, kind: "session", id: home, home }
      const promptId = `out_${approvalId.slice(approvalId.indexOf("_") + 1)}`
      const event = { type: "prompt", promptId, text, by: null }
      const asked = yield* Effect.result(mail.ask(session, { id: `prompt:${promptId}`, event, by: null }))
      if (asked._tag === "Success") return
      const { _tag, message } = asked.failure
      if (_tag === "Unavailable") return new NotYet(message)
      // Too many prompts wait; one that has ended takes none any more.
      const view = yield* Effect.option(mail.look(session))
      const status = view._tag === "Some" ? view.value?.status : null
      if (_tag === "Refused" && status !== undefined && status !== "stopping" && status !== "stopped") return new NotYet(message)
    })
}

/** What a call is told when a hand crashed for the last time. */
const buried = (name: string, params: any, message: string): ApprovalFact | null => {
  switch (name as keyof ApprovalCommands) {
    case "weigh":
      return { type: "weighing.failed", weighing: params.weighing, reason: "crashed", message }
    case "clear":
      return { type: "blocked", attempt: params.attempt, reason: "crashed", message }
    case "execute":
      return { type: "call.unknown", attempt: params.attempt, message }
    case "readBack":
      return { type: "readback.unclear", attempt: params.attempt, message }
    default:
      return null
  }
}

export const approvalActor: ActorDefinition<Hands> = {
  kind: "approval",
  machine: approvalMachine,
  version: 1,
  upgrades: {},
  event: ApprovalEvent,
  requests: new Set(ApprovalRequest.members.map(({ fields }) => fields.type.schema.literal)),
  whyNot,
  commands,
  standing: () => [],
  activities: {},
  project: (snapshot) => {
    const { integration, action, configurationId } = snapshot.context
    return { title: `${integration}.${action}`, owner: null, configurationId, status: statusOf(snapshot), archived: false }
  },
  announce: noticeOf,
  crashed: ({ name }) => {
    throw new Error(`an approval has nothing standing beside it, and no ${name}`)
  },
  buried
}
