/** What a session may do at services as the rules and grants of now have it, and how each action is called. Asks no service but for its list. */
import { Clock, Context, Effect, Layer } from "effect"
import { covers, type Grant } from "../../machines/grants.ts"
import { type CallContext, decide, matchingRules, type Rule } from "../../machines/policy.ts"
import type { SessionContext } from "../../machines/session/context.ts"
import { Router, type Unavailable } from "../../runtime/router.ts"
import { type Action, type Provider, Providers } from "../ports/actions.ts"
import { type Connection, ConnectionRecords } from "../ports/connections.ts"
import type { DirectoryError } from "../ports/directory.ts"
import { Grants } from "../ports/grants.ts"
import { Rules } from "../ports/rules.ts"
import type { Pass } from "./access.ts"
import { connectText } from "./credentials.ts"
import { ServiceError } from "./error.ts"
import { guideOf } from "./guide.ts"
import type { ListedAction, ListedIntegration } from "./listed.ts"
import { nearest } from "./nearest.ts"

type Failure = DirectoryError | Unavailable

/** Of the connection that its actions would be called with. */
const troubleOf = ({ integration, takes, trouble }: Provider, connection: Connection | undefined): string | null => {
  if (trouble !== null) return trouble
  if (takes.every((kind) => kind === "none")) return null
  if (connection === undefined) return `it is not connected; ${connectText(integration)}`
  if (connection.status === "active") return null
  return `it must be connected again${connection.reason === null ? "" : ` (${connection.reason})`}; ${connectText(integration)}`
}

export class Catalogue extends Context.Service<
  Catalogue,
  {
    /** Connected ones first. */
    readonly list: (pass: Pass<"session.calls">) => Effect.Effect<ReadonlyArray<ListedIntegration>, Failure>
    readonly guide: (pass: Pass<"session.calls">, integration: string) => Effect.Effect<string, Failure | ServiceError>
    /** The same for whoever writes it down for an agent. */
    readonly of: (org: string, sessionId: string) => Effect.Effect<ReadonlyArray<ListedIntegration>, Failure>
  }
>()("proliferate/actors/services/Catalogue") {
  static readonly layer: Layer.Layer<Catalogue, never, Providers | ConnectionRecords | Grants | Rules | Router> = Layer.effect(
    Catalogue,
    Effect.gen(function* () {
      const providers = yield* Providers
      const connections = yield* ConnectionRecords
      const grants = yield* Grants
      const rules = yield* Rules
      const router = yield* Router

      const listed = (
        action: Action,
        call: CallContext,
        all: ReadonlyArray<Rule>,
        live: ReadonlyArray<Grant>,
        nowMs: number
      ): ListedAction => {
        const decided = decide({ risk: action.risk, rules: matchingRules(all, call), grants: [], nowMs })
        const ofAction = (rule: Rule) =>
          rule.integration === call.integration && (rule.action === action.name || rule.action === "*") && rule.pins.length > 0
        const covering = live.filter((grant) => covers({ ...grant, constraints: [] }, call))
        return {
          name: action.name,
          title: action.title,
          description: action.description,
          risk: action.risk,
          verdict: decided.verdict,
          because: decided.path.at(-1)!.because,
          depends: all.some(ofAction),
          granted: covering.map(({ id, usesMax, used, expiresAtMs }) => ({
            grantId: id,
            usesLeft: usesMax === null ? null : usesMax - used,
            expiresAtMs
          })),
          params: action.inputSchema,
          example: action.example
        }
      }

      const of = Effect.fnUntraced(function* (org: string, sessionId: string) {
        const view = yield* router.look({ org, kind: "session", id: sessionId, home: sessionId })
        const context = view?.context as unknown as SessionContext | undefined
        const all = yield* providers.of(org)
        const live = (yield* connections.list(org)).filter(({ status }) => status !== "revoked")
        const book = yield* rules.book(org)
        const lent = yield* grants.list(org, { limit: 1_000, ended: false })
        const nowMs = yield* Clock.currentTimeMillis
        const rows = all.map((provider): ListedIntegration => {
          const { integration, displayName } = provider
          const trouble = troubleOf(
            provider,
            live.find((one) => one.integration === integration)
          )
          const call = {
            org,
            sessionId,
            configurationId: context?.configurationId ?? null,
            automationId: null,
            integration,
            params: {}
          }
          const actions = provider.actions.map((action) =>
            listed(action, { ...call, action: action.name, risk: action.risk, drifted: action.drifted }, book.rules, lent, nowMs)
          )
          return { integration, displayName, usable: trouble === null, trouble, actions }
        })
        return rows.sort((a, b) => Number(b.usable) - Number(a.usable) || (a.integration < b.integration ? -1 : 1))
      })

      return Catalogue.of({
        of,
        list: ({ organisation, session }) => of(organisation, session.id),
        guide: Effect.fn("Catalogue.guide")(function* ({ organisation, session }, integration) {
          const provider = yield* providers.find(organisation, integration)
          const all = yield* of(organisation, session.id)
          const found = all.find((one) => one.integration === integration)
          if (provider !== null && found !== undefined) return guideOf(found, provider.guide)
          const known = nearest(
            integration,
            all.map((one) => one.integration)
          )
          return yield* new ServiceError({ reason: "not-found", message: `there is no integration ${integration}; ${known}` })
        })
      })
    })
  )
}
