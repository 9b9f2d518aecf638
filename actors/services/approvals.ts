/**
 * What people do about calls that wait for them: see all of them, decide one, end one, say what came of one that nobody knows of. A
 * decision is made once, by whoever is first; a later one is told who that was, and one that comes too late that it is over.
 */
import { Context, Effect, Layer, Schema } from "effect"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import { ApprovalEvent } from "../../machines/approval/events.ts"
import { GrantDraft, narrowestFor } from "../../machines/grants.ts"
import { type Address, newId } from "../../runtime/address.ts"
import { type AskError, type Refused, Router } from "../../runtime/router.ts"
import { SealedArguments } from "../arguments.ts"
import { displayed } from "../displayed.ts"
import { type CallQuery, Calls } from "../ports/calls.ts"
import { Directory, type DirectoryError } from "../ports/directory.ts"
import { Rules } from "../ports/rules.ts"
import { type Pass, userOf } from "./access.ts"
import { callAddress } from "./actions.ts"
import { callViewOf, madeAtMs } from "./call-view.ts"
import { decode } from "./decode.ts"
import { ServiceError } from "./error.ts"
import { type InboxRow, titled, waitingStatuses } from "./inbox-row.ts"

const Words = Schema.String.check(Schema.isMaxLength(500))
export const Approval = Schema.Struct({
  /** `always` writes a rule for this exact action, and approves this call. */
  as: Schema.Literals(["once", "grant", "always"]),
  /** With `grant`: as narrow as the call, but for what is given here. */
  grant: Schema.optionalKey(
    Schema.Struct({
      scope: Schema.optionalKey(Schema.Literals(["session", "configuration", "automation", "organisation"])),
      action: Schema.optionalKey(Schema.Literal("*")),
      /** Fields of the arguments that stay pinned to their values; all, if not given. */
      pins: Schema.optionalKey(Schema.Array(Schema.String)),
      constraints: Schema.optionalKey(GrantDraft.fields.constraints),
      usesMax: Schema.optionalKey(GrantDraft.fields.usesMax),
      lastsMs: Schema.optionalKey(GrantDraft.fields.lastsMs)
    })
  )
})
export const Denial = Schema.Struct({ reason: Words })
export const Settlement = Schema.Struct({ as: Schema.Literals(["completed", "failed"]), note: Words })

type Failure = ServiceError | DirectoryError | AskError
const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))
const decodeEvent = decode(ApprovalEvent)

export class Approvals extends Context.Service<
  Approvals,
  {
    /** Newest first; those that wait for a person, where no status is given. */
    readonly inbox: (pass: Pass<"approvals.read">, query: CallQuery) => Effect.Effect<ReadonlyArray<InboxRow>, DirectoryError>
    readonly show: (pass: Pass<"approvals.read">, id: string) => Effect.Effect<InboxRow, Failure>
    readonly approve: (
      pass: Pass<"approvals.decide">,
      id: string,
      approval: typeof Approval.Type,
      key: string | null
    ) => Effect.Effect<InboxRow & { readonly said: string }, Failure>
    readonly deny: (
      pass: Pass<"approvals.decide">,
      id: string,
      reason: string,
      key: string | null
    ) => Effect.Effect<InboxRow, Failure>
    /** What is not dispatched yet never is. */
    readonly revoke: (
      pass: Pass<"approvals.decide">,
      id: string,
      reason: string,
      key: string | null
    ) => Effect.Effect<InboxRow, Failure>
    readonly settle: (
      pass: Pass<"approvals.decide">,
      id: string,
      settlement: typeof Settlement.Type,
      key: string | null
    ) => Effect.Effect<InboxRow, Failure>
    /** What a grant for this call would be, as narrow as it is. */
    readonly draft: (pass: Pass<"approvals.read">, id: string) => Effect.Effect<GrantDraft, Failure>
  }
>()("proliferate/actors/services/Approvals") {
  static readonly layer: Layer.Layer<Approvals, never, Calls | Directory | Router | Rules | SealedArguments> = Layer.effect(
    Approvals,
    Effect.gen(function* () {
      const calls = yield* Calls
      const directory = yield* Directory
      const router = yield* Router
      const rules = yield* Rules
      const sealed = yield* SealedArguments

      const lookAt = Effect.fnUntraced(function* ({ organisation: org }: Pass, id: string) {
        const sessionId = yield* calls.sessionOf(org, id)
        const absent = fail(
          "not-found",
          `there is no call ${id} in your organisation; \`proliferate inbox\` shows those that wait`
        )
        if (sessionId === null) return yield* absent
        const address = callAddress(org, sessionId, id)
        const view = yield* router.look(address)
        if (view === null) return yield* absent
        return { address, view, context: view.context as unknown as ApprovalContext }
      })

      const shown = Effect.fnUntraced(function* (pass: Pass, id: string) {
        const { view } = yield* lookAt(pass, id)
        const [row] = yield* titled(directory, pass.organisation, [callViewOf({ ...view, createdAtMs: madeAtMs(id) })])
        return row!
      })

      const nameOf = Effect.fnUntraced(function* (org: string, by: string | null) {
        if (by === null) return "the policy"
        const users = yield* directory.users(org)
        return users.find(({ id }) => id === by)?.name ?? by
      })

      /** Why it cannot be done any more, to whoever comes late. */
      const tooLate = Effect.fnUntraced(function* (pass: Pass, id: string, refused: Refused) {
        const { view, context } = yield* lookAt(pass, id)
        const { status } = view
        if (status === "expired") return yield* fail("expired", `call ${id} expired before anyone decided; the agent was told so`)
        if (status === "revoked" && context.reason === "sessionEnded")
          return yield* fail("expired", `call ${id} ended with its session; nothing was executed`)
        if (status === "requested" || status === "pending") return yield* refused
        const { decidedBy } = context
        const who =
          decidedBy === "grant"
            ? `grant ${context.grantId}`
            : decidedBy === null
              ? "nobody"
              : yield* nameOf(pass.organisation, context.by)
        return yield* fail("refused", `call ${id} is decided: it is ${status}, decided by ${who}; ${refused.message}`)
      })

      /** A session that has stopped tells its calls; whoever decides in that moment must not be faster. */
      const endedWithSession = Effect.fnUntraced(function* (address: Address) {
        const session = yield* directory.session(address.org, address.home)
        if (session !== null && session.status !== "stopping" && session.status !== "stopped") return
        yield* router.ask(address, { id: `ended:${address.home}`, event: { type: "session.ended" }, by: null })
      })

      const ask = Effect.fnUntraced(function* (
        pass: Pass,
        id: string,
        key: string | null,
        event: { readonly type: string; readonly [field: string]: unknown }
      ) {
        const { address } = yield* lookAt(pass, id)
        yield* endedWithSession(address)
        const by = userOf(pass)!
        const messageId = `${event.type}:${by}:${key ?? (yield* newId("req"))}`
        const answer = yield* router
          .ask(address, { id: messageId, event: yield* decodeEvent({ ...event, by }), by })
          .pipe(Effect.catchTag("Refused", (refused) => tooLate(pass, id, refused)))
        return { ...answer, address }
      })

      const draftOf = Effect.fnUntraced(function* (pass: Pass, id: string) {
        const { context, address } = yield* lookAt(pass, id)
        const { sessionId, configurationId, automationId, integration, action, risk, argumentsHash } = context
        if (risk === "danger") return yield* fail("refused", "a dangerous call is approved once, each time: no grant covers it")
        const { org } = address
        const params = yield* sealed
          .open({ org, approvalId: id, argumentsHash })
          .pipe(Effect.catchTag("ArgumentsLost", ({ message }) => fail("expired", `call ${id}: ${message}`)))
        // What is hidden from people is pinned to nothing that they would have to read.
        const visible = displayed(params).value as Readonly<Record<string, unknown>>
        const pins = Object.keys(params).filter((name) => JSON.stringify(visible[name]) === JSON.stringify(params[name]))
        const call = { org, sessionId, configurationId, automationId, integration, action, risk, params }
        return { draft: narrowestFor(call, pins), call, pinnable: new Set(pins) }
      })

      const widened = Effect.fnUntraced(function* (pass: Pass, id: string, given: NonNullable<(typeof Approval.Type)["grant"]>) {
        const { draft, call, pinnable } = yield* draftOf(pass, id)
        const { pins, scope = "session", constraints, ...changes } = given
        const scopeId = {
          session: call.sessionId,
          configuration: call.configurationId,
          automation: call.automationId,
          organisation: call.org
        }[scope]
        if (scopeId === null) return yield* fail("invalid", `grant.scope: this call belongs to no ${scope}`)
        const unknown = pins?.find((name) => !Object.hasOwn(call.params, name))
        if (unknown !== undefined) return yield* fail("invalid", `grant.pins: the call has no argument ${unknown}`)
        const hidden = pins?.find((name) => !pinnable.has(name))
        if (hidden !== undefined)
          return yield* fail(
            "invalid",
            `grant.pins: ${hidden} is hidden from people, or too long to be shown, and a grant is read by them`
          )
        const pinned = pins === undefined ? draft.constraints : narrowestFor(call, pins).constraints
        return {
          ...draft,
          ...changes,
          scope: { type: scope, id: scopeId },
          constraints: constraints ?? (given.action === "*" && pins === undefined ? [] : pinned)
        } as GrantDraft
      })

      return Approvals.of({
        inbox: (pass, query) =>
          calls
            .list(pass.organisation, { ...query, statuses: query.statuses ?? waitingStatuses })
            .pipe(Effect.flatMap((rows) => titled(directory, pass.organisation, rows.map(callViewOf)))),
        show: (pass, id) => shown(pass, id),
        draft: (pass, id) => Effect.map(draftOf(pass, id), ({ draft }) => draft),

        approve: Effect.fn("Approvals.approve")(function* (pass, id, { as, grant }, key) {
          if (as !== "grant" && grant !== undefined) return yield* fail("invalid", `grant: it is lent with as "grant" alone`)
          const { context, address } = yield* lookAt(pass, id)
          const { integration, action, risk } = context
          if (as === "always" && risk === "danger")
            return yield* fail(
              "refused",
              `${integration}.${action} is dangerous: it is asked about each time, whatever anybody says once`
            )
          const lent =
            as === "grant"
              ? { id: yield* newId("grt"), draft: yield* widened(pass, id, grant ?? {}), requestId: null }
              : undefined
          yield* ask(pass, id, key, { type: "approve", as: as === "always" ? "once" : as, ...(lent && { grant: lent }) })
          const row = yield* shown(pass, id)
          const said = yield* Effect.gen(function* () {
            if (as === "once") return "approved, this once"
            if (lent !== undefined) {
              const uses =
                lent.draft.usesMax === null ? "without a limit of uses" : `for ${lent.draft.usesMax} uses, this one counted`
              // Of a repeat, the grant of the first time.
              return `approved, and lent as grant ${row.grantId ?? lent.id} ${uses}`
            }
            const rule = yield* rules.set({
              ...{ org: address.org, id: yield* newId("rul"), integration, action, mode: "allow" as const, pins: [] },
              ...{ scope: { type: "organisation" as const }, createdBy: userOf(pass) }
            })
            return `approved, and from now on ${integration}.${action} runs without asking, in all of the organisation: rule ${rule.id}`
          })
          return { ...row, said }
        }),
        deny: Effect.fn("Approvals.deny")(function* (pass, id, reason, key) {
          yield* ask(pass, id, key, { type: "deny", reason })
          return yield* shown(pass, id)
        }),
        revoke: Effect.fn("Approvals.revoke")(function* (pass, id, reason, key) {
          yield* ask(pass, id, key, { type: "revoke", reason })
          return yield* shown(pass, id)
        }),
        settle: Effect.fn("Approvals.settle")(function* (pass, id, { as, note }, key) {
          yield* ask(pass, id, key, { type: "settle", as, note })
          return yield* shown(pass, id)
        })
      })
    })
  )
}
