/**
 * What people do about connections: connect a service, look whether it still works, disconnect it. A secret comes in, is looked at
 * by the service itself, sealed, and never goes out again: what is answered is who it is there and what it may do.
 */
import { randomBytes } from "node:crypto"
import { Clock, Context, Effect, Layer, Redacted, Schema } from "effect"
import { newId } from "../../runtime/address.ts"
import { type Account, type ActionError, type Credential, type Provider, Providers, Secret } from "../ports/actions.ts"
import { type Connection, ConnectionRecords } from "../ports/connections.ts"
import type { DirectoryError } from "../ports/directory.ts"
import { channelSetting, chatIntegration, teamSetting } from "../ports/notices.ts"
import { Seals } from "../ports/seals.ts"
import { type Pass, reaches, userOf } from "./access.ts"
import { CredentialsOf, encodeSecret, expiresAtOf, type NoCredential } from "./credentials.ts"
import { ServiceError } from "./error.ts"
import { nearest } from "./nearest.ts"
import { Id } from "./words.ts"

export const NewConnection = Schema.Struct({
  integration: Id,
  secret: Secret,
  /** Not secret, such as `approvals`: the channel that Slack shows pending calls in. */
  settings: Schema.optionalKey(Schema.Record(Id, Schema.String.check(Schema.isMaxLength(200))))
})
/** Null takes a setting away. */
export const Settings = Schema.Struct({
  settings: Schema.Record(Id, Schema.NullOr(Schema.String.check(Schema.isMaxLength(200))))
})
export const Beginning = Schema.Struct({ integration: Id, redirectUri: Schema.String.check(Schema.isMaxLength(500)) })
export const Finish = Schema.Struct({
  code: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(4_000))),
  state: Schema.String.check(Schema.isMaxLength(2_000)),
  error: Schema.optionalKey(Schema.String)
})

/** A service that does not say who it is within this is not connected. */
const checkMs = 15_000
const settingsMax = 20
/** A person is sent to the service and comes back. */
const stateMs = 5 * 60_000

type Failure = ServiceError | DirectoryError
const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

const statePattern =
  /^([A-Za-z0-9_-]{1,128})\.([A-Za-z0-9_:-]{1,128})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_:-]{1,128})\.([A-Za-z0-9_-]{1,1000})$/

export class Connections extends Context.Service<
  Connections,
  {
    readonly add: (pass: Pass<"connections.add">, given: typeof NewConnection.Type) => Effect.Effect<Connection, Failure>
    readonly list: (pass: Pass<"connections.read">) => Effect.Effect<ReadonlyArray<Connection>, DirectoryError>
    /** Asks the service, and keeps what it says. */
    readonly check: (pass: Pass<"connections.check">, id: string) => Effect.Effect<Connection, Failure>
    /** Changes what is not secret of it. What the service itself says stays as it is. */
    readonly set: (
      pass: Pass<"connections.add">,
      id: string,
      settings: (typeof Settings.Type)["settings"]
    ) => Effect.Effect<Connection, Failure>
    readonly revoke: (pass: Pass<"connections.revoke">, id: string) => Effect.Effect<Connection, Failure>
    /** Where a person is sent to let us in; good for 5 min, once. */
    readonly begin: (
      pass: Pass<"connections.add">,
      given: typeof Beginning.Type
    ) => Effect.Effect<{ readonly url: string }, Failure>
    /** The person comes back. Whoever it is: the state says for whom it was begun. */
    readonly finish: (given: typeof Finish.Type) => Effect.Effect<Connection, Failure>
  }
>()("proliferate/actors/services/Connections") {
  static readonly layer: Layer.Layer<Connections, never, ConnectionRecords | Providers | Seals | CredentialsOf> = Layer.effect(
    Connections,
    Effect.gen(function* () {
      const records = yield* ConnectionRecords
      const providers = yield* Providers
      const seals = yield* Seals
      const credentials = yield* CredentialsOf

      const providerOf = Effect.fnUntraced(function* (org: string, integration: string) {
        const found = yield* providers.find(org, integration)
        if (found !== null) return found
        const known = (yield* providers.of(org)).map((provider) => provider.integration)
        return yield* fail("invalid", `integration: there is no ${integration}; ${nearest(integration, known)}`)
      })

      const checked = (
        { integration, displayName, check }: Provider,
        credential: Credential
      ): Effect.Effect<Account, ServiceError> =>
        check(credential).pipe(
          Effect.timeoutOrElse({
            duration: checkMs,
            orElse: () =>
              fail("provider", `${displayName} did not answer within ${checkMs / 1000} s; nothing was changed, try again`)
          }),
          Effect.catchTag("ActionError", ({ reason, message }: ActionError) =>
            reason === "unavailable" || reason === "rate-limited" || reason === "unreadable"
              ? fail("provider", message)
              : fail("reference", `${integration}: ${message}`)
          )
        )

      const settable = Effect.fnUntraced(function* (integration: string, settings: Readonly<Record<string, string | null>>) {
        if (Object.hasOwn(settings, teamSetting))
          return yield* fail("invalid", `settings.${teamSetting}: that is what the service says, and nobody else`)
        const channel = settings[channelSetting] ?? null
        if (channel === null) return
        if (integration !== chatIntegration)
          return yield* fail("invalid", `settings.${channelSetting}: approvals are shown in ${chatIntegration} alone`)
        if (!/^[CG][A-Z0-9]{2,20}$/.test(channel))
          return yield* fail("invalid", `settings.${channelSetting}: the id of a channel is needed, like C0123456789`)
      })

      const connect = Effect.fnUntraced(function* (
        org: string,
        provider: Provider,
        credential: Credential,
        settings: Readonly<Record<string, string>>,
        createdBy: string | null
      ) {
        const { account, scopes, settings: own = {} } = yield* checked(provider, credential)
        yield* settable(provider.integration, settings)
        const earlier = (yield* records.live(org, provider.integration))?.connection
        // Who connects the same again need not say everything again.
        const isSame = earlier !== undefined && earlier.settings[teamSetting] === own[teamSetting]
        const id = yield* newId("con")
        return yield* records.connect({
          id,
          org,
          integration: provider.integration,
          kind: Redacted.value(credential).kind,
          account,
          scopes,
          settings: { ...(isSame && earlier.settings), ...settings, ...own },
          expiresAtMs: expiresAtOf(credential),
          createdBy,
          checkedAtMs: yield* Clock.currentTimeMillis,
          sealed: seals.seal({ purpose: "connection", org, id }, encodeSecret(credential))
        })
      })

      const found = Effect.fnUntraced(function* ({ organisation }: Pass, id: string) {
        const connection = yield* records.find(organisation, id)
        return connection ?? (yield* fail("not-found", `there is no connection ${id} in your organisation`))
      })

      const asService = ({ reason, message }: NoCredential) =>
        new ServiceError({ reason: reason === "away" ? "provider" : "reference", message })

      const purposeOf = (integration: string, user: string, uri: string) => `oauth/${integration}/${user}/${uri}`

      return Connections.of({
        add: Effect.fn("Connections.add")(function* (pass, { integration, secret, settings = {} }) {
          const provider = yield* providerOf(pass.organisation, integration)
          if (!provider.takes.includes(secret.kind))
            return yield* fail(
              "invalid",
              `secret.kind: ${integration} is connected by ${provider.takes.join(" or ")}, not by ${secret.kind}`
            )
          return yield* connect(pass.organisation, provider, Redacted.make(secret), settings, userOf(pass))
        }),

        list: ({ organisation }) => records.list(organisation),

        check: Effect.fn("Connections.check")(function* (pass, id) {
          const connection = yield* found(pass, id)
          const { org, integration } = connection
          if (connection.status === "revoked")
            return yield* fail("refused", `connection ${id} is revoked; connect ${integration} again`)
          const provider = yield* providerOf(org, integration)
          const credential = yield* (
            connection.status === "active" ? credentials.usable(org, integration) : credentials.kept(connection)
          ).pipe(Effect.catchTag("NoCredential", (error) => Effect.fail(asService(error))))
          const nowMs = yield* Clock.currentTimeMillis
          const {
            account,
            scopes,
            settings: own
          } = yield* checked(provider, credential).pipe(
            Effect.tapError(({ reason, message }) =>
              reason === "reference"
                ? Effect.asVoid(
                    records.change(org, id, { status: "needsReauth", reason: message.slice(0, 500), checkedAtMs: nowMs })
                  )
                : Effect.void
            )
          )
          const settings = { ...connection.settings, ...own }
          const change = { status: "active", reason: null, account, scopes, settings, checkedAtMs: nowMs } as const
          return (yield* records.change(org, id, change)) ?? (yield* found(pass, id))
        }),

        set: Effect.fn("Connections.set")(function* (pass, id, given) {
          const connection = yield* found(pass, id)
          yield* settable(connection.integration, given)
          const kept = Object.entries({ ...connection.settings, ...given }).flatMap(([name, value]) =>
            value === null ? [] : [[name, value] as const]
          )
          if (kept.length > settingsMax) return yield* fail("limit", `a connection has at most ${settingsMax} settings`)
          const changed = yield* records.change(connection.org, id, { settings: Object.fromEntries(kept) })
          return changed ?? (yield* fail("refused", `connection ${id} is revoked; connect ${connection.integration} again`))
        }),

        revoke: Effect.fn("Connections.revoke")(function* (pass, id) {
          const connection = yield* found(pass, id)
          const { principal } = pass
          const isOwn = principal.kind === "user" && connection.createdBy === principal.user.id
          if (principal.kind === "user" && !isOwn && !reaches(principal.user.role, "admin"))
            return yield* fail("forbidden", "a connection that another made is revoked by an administrator")
          if (connection.status === "revoked") return connection
          const provider = yield* providers.find(connection.org, connection.integration)
          const credential = yield* Effect.option(credentials.kept(connection))
          yield* records.revoke(connection.org, id)
          // Gone here whatever the service says of it.
          if (provider !== null && credential._tag === "Some")
            yield* provider.revoke(credential.value).pipe(Effect.timeout(checkMs), Effect.ignore)
          return yield* found(pass, id)
        }),

        begin: Effect.fn("Connections.begin")(function* (pass, { integration, redirectUri }) {
          const { oauth, displayName } = yield* providerOf(pass.organisation, integration)
          if (oauth === null)
            return yield* fail(
              "reference",
              `this server has no client of ${displayName}'s OAuth; connect it with a token, or set one up`
            )
          const user = userOf(pass) ?? "system"
          const nonce = randomBytes(32).toString("base64url")
          const uri = Buffer.from(redirectUri).toString("base64url")
          yield* records.giveNonce(pass.organisation, purposeOf(integration, user, uri), nonce, stateMs)
          return { url: oauth.authorize({ state: `${integration}.${pass.organisation}.${nonce}.${user}.${uri}`, redirectUri }) }
        }),

        finish: Effect.fn("Connections.finish")(function* ({ code, state, error }) {
          const [, integration, org, nonce, user, uri] = statePattern.exec(state) ?? []
          const over = fail("expired", "this link is used, or older than 5 min: begin again with `proliferate connections add`")
          if (nonce === undefined) return yield* over
          if (!(yield* records.takeNonce(org!, purposeOf(integration!, user!, uri!), nonce))) return yield* over
          if (error !== undefined || code === undefined)
            return yield* fail("reference", `${integration} was not connected: ${(error ?? "no code came back").slice(0, 200)}`)
          const provider = yield* providerOf(org!, integration!)
          if (provider.oauth === null) return yield* over
          const credential = yield* provider.oauth
            .exchange({ code, redirectUri: Buffer.from(uri!, "base64url").toString() })
            .pipe(Effect.catchTag("ActionError", ({ message }) => fail("provider", message)))
          return yield* connect(org!, provider, credential, {}, user!)
        })
      })
    })
  )
}
