/**
 * Grants, as people lend and end them and as agents ask for them. An agent never makes one: its request waits for an administrator, who
 * lends what was asked for, or less, or says no.
 */
import { Context, Effect, Layer, Schema } from "effect"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import type { ApprovalRequest } from "../../machines/approval/events.ts"
import { covers, GrantDraft, isNarrower } from "../../machines/grants.ts"
import { Constraint } from "../../machines/policy/constraints.ts"
import { newId } from "../../runtime/address.ts"
import { type AskError, Router } from "../../runtime/router.ts"
import { canonical } from "../canonical.ts"
import { displayed } from "../displayed.ts"
import { Providers } from "../ports/actions.ts"
import { Calls } from "../ports/calls.ts"
import { Directory, type DirectoryError } from "../ports/directory.ts"
import { type GrantRequest, Grants, type LentGrant } from "../ports/grants.ts"
import { redactText } from "../redaction.ts"
import { type Pass, userOf } from "./access.ts"
import { callAddress } from "./actions.ts"
import { ServiceError } from "./error.ts"
import { nearest } from "./nearest.ts"
import { reserved } from "./reserved.ts"
import { Id } from "./words.ts"

const Words = Schema.String.check(Schema.isMaxLength(500))
export const NewGrant = Schema.Struct({
  draft: GrantDraft,
  /** The request of an agent that it answers. */
  requestId: Schema.optionalKey(Id),
  /** The grant that it is narrower than, and ends with. */
  parentId: Schema.optionalKey(Id)
})
export const WantedGrant = Schema.Struct({
  integration: GrantDraft.fields.integration,
  action: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200)),
  constraints: Schema.optionalKey(Schema.Array(Constraint)),
  usesMax: Schema.optionalKey(GrantDraft.fields.usesMax),
  lastsMs: Schema.optionalKey(GrantDraft.fields.lastsMs),
  reason: Words
})
export const Refusal = Schema.Struct({ reason: Words })

/** One that nobody answers is forgotten. */
const requestMs = 24 * 60 * 60_000
export const requestsOpenMax = 5
const requestedLastsMs = 8 * 60 * 60_000
/** What has not been sent yet of those that it let run. */
const notDispatched = ["requested", "approved"]

type Failure = ServiceError | DirectoryError | AskError
const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

export interface Revoked {
  /** It, and what was narrowed from it. */
  readonly ended: ReadonlyArray<string>
  /** Calls that would have run under them, and do not. */
  readonly stopped: number
}

export class GrantsOf extends Context.Service<
  GrantsOf,
  {
    readonly list: (
      pass: Pass<"grants.read">,
      query: { readonly limit: number; readonly before?: string | undefined; readonly ended: boolean }
    ) => Effect.Effect<ReadonlyArray<LentGrant>, DirectoryError>
    /** Once under one key. */
    readonly create: (
      pass: Pass<"grants.create">,
      given: typeof NewGrant.Type,
      key: string | null
    ) => Effect.Effect<LentGrant, Failure>
    readonly revoke: (pass: Pass<"grants.revoke">, id: string) => Effect.Effect<Revoked, Failure>
    readonly requests: (pass: Pass<"grants.read">, open: boolean) => Effect.Effect<ReadonlyArray<GrantRequest>, DirectoryError>
    readonly refuse: (pass: Pass<"grants.create">, id: string, reason: string) => Effect.Effect<GrantRequest, Failure>
    /** By an agent. */
    readonly request: (pass: Pass<"session.act">, wanted: typeof WantedGrant.Type) => Effect.Effect<GrantRequest, Failure>
    /** Live ones that cover calls of this session, and what its agent asked for. */
    readonly ofSession: (
      pass: Pass<"session.calls">
    ) => Effect.Effect<
      { readonly grants: ReadonlyArray<LentGrant>; readonly requests: ReadonlyArray<GrantRequest> },
      DirectoryError
    >
  }
>()("proliferate/actors/services/GrantsOf") {
  static readonly layer: Layer.Layer<GrantsOf, never, Grants | Calls | Providers | Router | Directory> = Layer.effect(
    GrantsOf,
    Effect.gen(function* () {
      const grants = yield* Grants
      const calls = yield* Calls
      const providers = yield* Providers
      const router = yield* Router
      const directory = yield* Directory

      const known = Effect.fnUntraced(function* (org: string, integration: string, action: string) {
        const provider = yield* providers.find(org, integration)
        if (provider === null) {
          const names = (yield* providers.of(org)).map((one) => one.integration)
          return yield* fail("invalid", `integration: there is no ${integration}; ${nearest(integration, names)}`)
        }
        if (action === "*") return
        const found = provider.actions.find(({ name }) => name === action)
        if (found === undefined) {
          const names = provider.actions.map(({ name }) => name)
          return yield* fail("invalid", `action: ${integration} has no ${action}; ${nearest(action, names)}`)
        }
        if (found.risk === "danger")
          return yield* fail(
            "invalid",
            `action: ${integration}.${action} is dangerous, and no grant covers it; each call is asked about`
          )
      })

      const scoped = Effect.fnUntraced(function* (org: string, { scope }: GrantDraft) {
        if (scope.type === "organisation" && scope.id !== org)
          return yield* fail("invalid", `scope.id: of the organisation it is ${org}`)
        if (scope.type === "session" && (yield* directory.session(org, scope.id)) === null)
          return yield* fail("reference", `scope.id: there is no session ${scope.id} in your organisation`)
        if (scope.type === "configuration" && (yield* directory.configuration(org, scope.id)) === null)
          return yield* fail("reference", `scope.id: there is no configuration ${scope.id} in your organisation`)
      })

      const create = Effect.fn("GrantsOf.create")(function* (
        pass: Pass<"grants.create">,
        given: { readonly draft: GrantDraft; readonly requestId?: string | null; readonly parentId?: string | null },
        key: string | null
      ) {
        const { draft, requestId = null, parentId = null } = given
        const org = pass.organisation
        const by = userOf(pass)!
        const own = yield* newId("grt")
        const id = key === null ? own : yield* reserved(directory, { org, key: `grants.create:${by}:${key}`, id: own }, given)
        const earlier = id === own ? null : yield* grants.find(org, id)
        if (earlier !== null) return earlier
        yield* known(org, draft.integration, draft.action)
        yield* scoped(org, draft)
        const parent = parentId === null ? null : yield* grants.find(org, parentId)
        if (parentId !== null && parent === null) return yield* fail("reference", `parentId: there is no grant ${parentId}`)
        if (parent !== null) {
          const child = {
            ...draft,
            id,
            used: 0,
            expiresAtMs: 0,
            createdBy: by,
            requestId,
            parentId,
            revokedAtMs: null,
            revision: 1
          }
          if (!isNarrower({ ...child, expiresAtMs: parent.expiresAtMs }, parent))
            return yield* fail("invalid", `draft: it must be narrower than ${parent.id}, which it is lent from`)
        }
        const lent = yield* grants.lend({ org, id, draft, createdBy: by, requestId, parentId }).pipe(
          // The same request was faster, under the same key.
          Effect.catchIf(
            ({ reason }) => reason === "conflict" && key !== null,
            (taken) => Effect.flatMap(grants.find(org, id), (same) => (same === null ? Effect.fail(taken) : Effect.succeed(same)))
          )
        )
        if (lent !== null) return lent
        const request = requestId === null ? null : yield* grants.request(org, requestId)
        if (requestId === null || request?.status === "open")
          return yield* fail("refused", `grant ${parentId} has ended, and nothing is lent from it any more`)
        return yield* fail(
          "refused",
          `request ${requestId} is not open any more; \`proliferate grants list --requests\` shows those that are`
        )
      })

      return GrantsOf.of({
        list: ({ organisation }, query) => grants.list(organisation, query),
        create: (pass, given, key) => create(pass, given, key),

        revoke: Effect.fn("GrantsOf.revoke")(function* (pass, id) {
          const org = pass.organisation
          const by = userOf(pass)!
          if ((yield* grants.find(org, id)) === null)
            return yield* fail("not-found", `there is no grant ${id} in your organisation`)
          const ended = yield* grants.revoke(org, id, by)
          // Whatever is not told here is refused by its own commit: it makes sure of its grant when it is dispatched.
          const under = new Set(ended)
          const revoked: ApprovalRequest = { type: "revoke", by, reason: `its grant ${id} was revoked` }
          const waiting = yield* calls.list(org, { statuses: notDispatched, limit: 1_000 })
          const stopped = yield* Effect.forEach(
            waiting.filter(({ context }) => under.has((context as unknown as ApprovalContext).grantId ?? "")),
            (row) =>
              router.ask(callAddress(org, row.sessionId, row.id), { id: `revoke:${id}`, event: revoked, by }).pipe(
                Effect.as(1),
                Effect.catch(() => Effect.succeed(0))
              ),
            { concurrency: 8 }
          )
          return { ended, stopped: stopped.reduce<number>((sum, one) => sum + one, 0) }
        }),

        requests: ({ organisation }, open) => grants.requests(organisation, { limit: 200, open }),
        refuse: Effect.fn("GrantsOf.refuse")(function* (pass, id, reason) {
          const answered = yield* grants.answer(pass.organisation, id, { status: "denied", by: userOf(pass)!, answer: reason })
          if (answered !== null) return answered
          const request = yield* grants.request(pass.organisation, id)
          return yield* request === null
            ? fail("not-found", `there is no request ${id} in your organisation`)
            : fail("refused", `request ${id} is ${request.status}${request.by === null ? "" : `, by ${request.by}`}`)
        }),

        request: Effect.fn("GrantsOf.request")(function* (
          pass,
          { integration, action, constraints = [], usesMax = 1, lastsMs = requestedLastsMs, reason }
        ) {
          const org = pass.organisation
          if (action === "*")
            return yield* fail("invalid", "action: name one; what is lent for every action, an administrator lends")
          yield* known(org, integration, action)
          if (JSON.stringify(displayed(constraints).value) !== JSON.stringify(constraints))
            return yield* fail(
              "invalid",
              "constraints: one holds what looks like a secret, or is too long to be shown, and people read what they lend"
            )
          const draft: GrantDraft = {
            scope: { type: "session", id: pass.session.id },
            integration,
            action,
            // In one order, so that the same is known for the same.
            constraints: [...constraints].sort((one, other) => (canonical(one) < canonical(other) ? -1 : 1)),
            usesMax,
            lastsMs
          }
          const id = yield* newId("grq")
          const asked = yield* grants.ask(
            { id, org, sessionId: pass.session.id, draft, reason: redactText(reason) },
            requestsOpenMax,
            requestMs
          )
          return (
            asked ??
            (yield* fail("limit", `${requestsOpenMax} requests of this session are open already; wait for one to be answered`))
          )
        }),

        ofSession: Effect.fn("GrantsOf.ofSession")(function* ({ organisation, session }) {
          const live = yield* grants.list(organisation, { limit: 1_000, ended: false })
          const call = { org: organisation, sessionId: session.id, configurationId: session.configurationId, automationId: null }
          const own = live.filter((grant) =>
            covers(
              { ...grant, constraints: [] },
              { ...call, integration: grant.integration, action: grant.action, risk: "write", params: {} }
            )
          )
          return {
            grants: own,
            requests: yield* grants.requests(organisation, { limit: 100, sessionId: session.id, open: false })
          }
        })
      })
    })
  )
}
