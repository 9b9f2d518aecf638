/** The rules that people set, what they would do to a call, and what they would have done to those that were made. */
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { type Grant, matchingGrants } from "../../machines/grants.ts"
import { type CallContext, type Decided, decide, matchingRules, Rule } from "../../machines/policy.ts"
import type { SessionContext } from "../../machines/session/context.ts"
import { newId } from "../../runtime/address.ts"
import { Router, type Unavailable } from "../../runtime/router.ts"
import { Providers } from "../ports/actions.ts"
import type { DirectoryError } from "../ports/directory.ts"
import { Grants } from "../ports/grants.ts"
import { type RuleBook, Rules } from "../ports/rules.ts"
import { type Pass, userOf } from "./access.ts"
import { ServiceError } from "./error.ts"
import { nearest } from "./nearest.ts"
import { Id } from "./words.ts"

const { integration, action, mode, scope, pins } = Rule.fields
export const NewRule = Schema.Struct({
  integration,
  action,
  mode,
  scope: Schema.optionalKey(scope),
  pins: Schema.optionalKey(pins),
  /** Refused where somebody changed the rules since. */
  ifRevision: Schema.optionalKey(Schema.Int)
})
export const Hypothetical = Schema.Struct({
  integration,
  action,
  params: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  /** As if it were asked for there. */
  sessionId: Schema.optionalKey(Id),
  automationId: Schema.optionalKey(Id)
})

const everywhere: Rule["scope"] = { type: "organisation" }

type Failure = ServiceError | DirectoryError
const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

export class Policies extends Context.Service<
  Policies,
  {
    readonly show: (pass: Pass<"rules.read">) => Effect.Effect<RuleBook, DirectoryError>
    readonly set: (pass: Pass<"rules.set">, rule: typeof NewRule.Type) => Effect.Effect<Rule, Failure>
    /** The revision after it. */
    readonly remove: (pass: Pass<"rules.set">, id: string) => Effect.Effect<number, Failure>
    /** What would become of a call, and why; nothing is called. */
    readonly explain: (
      pass: Pass<"rules.read">,
      call: typeof Hypothetical.Type
    ) => Effect.Effect<Decided & { readonly risk: string }, Failure | Unavailable>
  }
>()("proliferate/actors/services/Policies") {
  static readonly layer: Layer.Layer<Policies, never, Rules | Grants | Providers | Router> = Layer.effect(
    Policies,
    Effect.gen(function* () {
      const rules = yield* Rules
      const grants = yield* Grants
      const providers = yield* Providers
      const router = yield* Router

      const actionOf = Effect.fnUntraced(function* (org: string, integration: string, name: string) {
        const provider = yield* providers.find(org, integration)
        if (provider === null) {
          const names = (yield* providers.of(org)).map((one) => one.integration)
          return yield* fail("invalid", `integration: there is no ${integration}; ${nearest(integration, names)}`)
        }
        const found = provider.actions.find((one) => one.name === name)
        if (found !== undefined || name === "*") return found ?? null
        const names = provider.actions.map((one) => one.name)
        return yield* fail("invalid", `action: ${integration} has no ${name}; ${nearest(name, names)}`)
      })

      return Policies.of({
        show: ({ organisation }) => rules.book(organisation),

        set: Effect.fn("Policies.set")(function* (pass, { ifRevision, scope = everywhere, pins = [], ...rule }) {
          const org = pass.organisation
          const found = yield* actionOf(org, rule.integration, rule.action)
          if (rule.mode === "allow" && found === null)
            return yield* fail("invalid", "action: allow is said of one exact action, never of all")
          if (rule.mode === "allow" && found?.risk === "danger")
            return yield* fail(
              "invalid",
              `mode: ${rule.integration}.${rule.action} is dangerous: ask is as far as it goes, each time`
            )
          return yield* rules.set({ ...rule, org, id: yield* newId("rul"), scope, pins, createdBy: userOf(pass) }, ifRevision)
        }),

        remove: Effect.fn("Policies.remove")(function* (pass, id) {
          const revision = yield* rules.remove(pass.organisation, id)
          return revision ?? (yield* fail("not-found", `there is no rule ${id}; \`proliferate policy show\` lists them`))
        }),

        explain: Effect.fn("Policies.explain")(function* (pass, { integration, action, params = {}, sessionId, automationId }) {
          const org = pass.organisation
          const found = yield* actionOf(org, integration, action)
          if (found === null) return yield* fail("invalid", "action: name one, `*` is called by nobody")
          const view =
            sessionId === undefined ? null : yield* router.look({ org, kind: "session", id: sessionId, home: sessionId })
          if (sessionId !== undefined && view === null)
            return yield* fail("reference", `sessionId: there is no session ${sessionId}`)
          const call: CallContext = {
            ...{
              org,
              sessionId: sessionId ?? "",
              automationId: automationId ?? null,
              integration,
              action,
              risk: found.risk,
              params,
              drifted: found.drifted
            },
            configurationId: (view?.context as unknown as SessionContext | undefined)?.configurationId ?? null
          }
          const { rules: all } = yield* rules.book(org)
          const candidates: ReadonlyArray<Grant> = yield* grants.candidates(org, integration, action)
          const nowMs = yield* Clock.currentTimeMillis
          const decided = decide({
            risk: found.risk,
            rules: matchingRules(all, call),
            grants: matchingGrants(candidates, call, nowMs),
            nowMs
          })
          return { ...decided, risk: found.risk }
        })
      })
    })
  )
}
