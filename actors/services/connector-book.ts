/** MCP servers whose tools agents may use: described by administrators, looked at before they are kept. */
import { Context, Effect, Layer, Schema } from "effect"
import { Risk } from "../../machines/policy.ts"
import { newId } from "../../runtime/address.ts"
import { Providers } from "../ports/actions.ts"
import { ConnectionRecords, type ConnectorRecord } from "../ports/connections.ts"
import type { DirectoryError } from "../ports/directory.ts"
import { type Pass, userOf } from "./access.ts"
import { ServiceError } from "./error.ts"
import { Name } from "./words.ts"

const Slug = Schema.String.check(
  Schema.isPattern(/^[a-z][a-z0-9-]{0,39}$/, { message: "1 to 40 letters, digits or -, beginning with a letter" })
)
const Url = Schema.String.check(
  Schema.isMaxLength(2_000),
  Schema.makeFilter((text) =>
    URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? undefined : "must be an http(s) URL"
  )
)
export const NewConnector = Schema.Struct({
  slug: Slug,
  name: Schema.optionalKey(Name),
  url: Url,
  auth: Schema.optionalKey(
    Schema.Union([
      Schema.Struct({ type: Schema.tag("none") }),
      Schema.Struct({ type: Schema.tag("bearer") }),
      Schema.Struct({ type: Schema.tag("header"), name: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9-]{1,200}$/)) })
    ])
  ),
  defaultRisk: Schema.optionalKey(Schema.NullOr(Risk)),
  overrides: Schema.optionalKey(Schema.Record(Schema.String, Risk))
})
export const ConnectorChanges = Schema.Struct({
  enabled: Schema.optionalKey(Schema.Boolean),
  defaultRisk: Schema.optionalKey(Schema.NullOr(Risk)),
  overrides: Schema.optionalKey(Schema.Record(Schema.String, Risk)),
  /** Takes the schemas that its tools have now for those that were agreed to. */
  accept: Schema.optionalKey(Schema.Boolean)
})

export const connectorsMax = 20

export interface Diagnosis {
  readonly slug: string
  /** Null: it answers. */
  readonly trouble: string | null
  readonly tools: ReadonlyArray<{
    readonly name: string
    readonly risk: Risk
    readonly drifted: boolean
    readonly description: string
  }>
}

type Failure = ServiceError | DirectoryError
const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

export class ConnectorBook extends Context.Service<
  ConnectorBook,
  {
    readonly list: (pass: Pass<"connectors.read">) => Effect.Effect<ReadonlyArray<ConnectorRecord>, DirectoryError>
    readonly add: (pass: Pass<"connectors.change">, given: typeof NewConnector.Type) => Effect.Effect<ConnectorRecord, Failure>
    readonly change: (
      pass: Pass<"connectors.change">,
      slug: string,
      changes: typeof ConnectorChanges.Type
    ) => Effect.Effect<ConnectorRecord, Failure>
    readonly remove: (pass: Pass<"connectors.change">, slug: string) => Effect.Effect<void, Failure>
    /** Asks it for its tools now. */
    readonly validate: (pass: Pass<"connectors.read">, slug: string) => Effect.Effect<Diagnosis, Failure>
  }
>()("proliferate/actors/services/ConnectorBook") {
  static readonly layer: Layer.Layer<ConnectorBook, never, ConnectionRecords | Providers> = Layer.effect(
    ConnectorBook,
    Effect.gen(function* () {
      const records = yield* ConnectionRecords
      const providers = yield* Providers

      const found = Effect.fnUntraced(function* ({ organisation }: Pass, slug: string) {
        const all = yield* records.connectors(organisation)
        const one = all.find((connector) => connector.slug === slug)
        return (
          one ??
          (yield* fail("not-found", `there is no connector ${slug}; \`proliferate connectors list\` shows those that there are`))
        )
      })

      return ConnectorBook.of({
        list: ({ organisation }) => records.connectors(organisation),

        add: Effect.fn("ConnectorBook.add")(function* (pass, given) {
          const { slug, name = slug, url, auth = { type: "none" as const }, defaultRisk = null, overrides = {} } = given
          const org = pass.organisation
          const all = yield* records.connectors(org)
          if (all.length >= connectorsMax) return yield* fail("limit", `an organisation has at most ${connectorsMax} connectors`)
          const known = yield* providers.of(org)
          if (known.some(({ integration }) => integration === slug))
            return yield* fail("conflict", `slug: ${slug} is an integration already; choose another`)
          return yield* records.addConnector({
            ...{ org, id: yield* newId("ctr"), slug, name, url, auth, enabled: true, createdBy: userOf(pass) },
            ...{ riskPolicy: { defaultRisk, overrides }, pins: {} }
          })
        }),

        change: Effect.fn("ConnectorBook.change")(function* (pass, slug, { enabled, defaultRisk, overrides, accept = false }) {
          const { riskPolicy } = yield* found(pass, slug)
          const provider = accept ? yield* providers.find(pass.organisation, slug) : null
          if (accept && (provider === null || provider.trouble !== null))
            return yield* fail("provider", `${slug} does not say what its tools are: ${provider?.trouble ?? "it is not enabled"}`)
          const changed = yield* records.changeConnector(pass.organisation, slug, {
            ...(enabled !== undefined && { enabled }),
            ...((defaultRisk !== undefined || overrides !== undefined) && {
              riskPolicy: {
                // Null is a word of its own: none is usual.
                defaultRisk: defaultRisk === undefined ? riskPolicy.defaultRisk : defaultRisk,
                overrides: overrides ?? riskPolicy.overrides
              }
            }),
            ...(provider !== null && {
              pins: Object.fromEntries(provider.actions.map(({ name, schemaHash }) => [name, schemaHash]))
            })
          })
          return changed ?? (yield* found(pass, slug))
        }),

        remove: Effect.fn("ConnectorBook.remove")(function* (pass, slug) {
          yield* found(pass, slug)
          yield* records.removeConnector(pass.organisation, slug)
        }),

        validate: Effect.fn("ConnectorBook.validate")(function* (pass, slug) {
          const { enabled } = yield* found(pass, slug)
          const provider = yield* providers.find(pass.organisation, slug)
          if (provider === null)
            return { slug, trouble: enabled ? "it is not looked at by this server" : "it is not enabled", tools: [] }
          const tools = provider.actions.map(({ name, risk, drifted, description }) => ({ name, risk, drifted, description }))
          return { slug, trouble: provider.trouble, tools }
        })
      })
    })
  )
}
