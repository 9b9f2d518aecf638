/**
 * What people do about connections: connect a service by a secret, look whether it still works, disconnect it. A secret comes in, is
 * looked at by the service itself, sealed, and never goes out again: what is answered is who it is there and what it may do. Without a
 * secret in hand they connect by their browser: by-browser.ts.
 */
import { Clock, Context, Effect, Layer, Redacted, Schema } from "effect"
import { Providers, Secret } from "../ports/actions.ts"
import { type Connection, ConnectionRecords } from "../ports/connections.ts"
import type { DirectoryError } from "../ports/directory.ts"
import type { Seals } from "../ports/seals.ts"
import { type Pass, reaches, userOf } from "./access.ts"
import { checkMs, connecting } from "./connecting.ts"
import { CredentialsOf, type NoCredential } from "./credentials.ts"
import { ServiceError } from "./error.ts"
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
const settingsMax = 20

type Failure = ServiceError | DirectoryError
const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

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
  }
>()("proliferate/actors/services/Connections") {
  static readonly layer: Layer.Layer<Connections, never, ConnectionRecords | Providers | Seals | CredentialsOf> = Layer.effect(
    Connections,
    Effect.gen(function* () {
      const records = yield* ConnectionRecords
      const providers = yield* Providers
      const credentials = yield* CredentialsOf
      const { providerOf, checked, settable, connect } = yield* connecting

      const found = Effect.fnUntraced(function* ({ organisation }: Pass, id: string) {
        const connection = yield* records.find(organisation, id)
        return connection ?? (yield* fail("not-found", `there is no connection ${id} in your organisation`))
      })

      const asService = ({ reason, message }: NoCredential) =>
        new ServiceError({ reason: reason === "away" ? "provider" : "reference", message })

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
            settings = {}
          } = yield* checked(provider, credential).pipe(
            Effect.tapError(({ reason, message }) =>
              reason === "reference"
                ? Effect.asVoid(
                    records.change(org, id, { status: "needsReauth", reason: message.slice(0, 500), checkedAtMs: nowMs })
                  )
                : Effect.void
            )
          )
          const change = { status: "active", reason: null, account, scopes, settings, checkedAtMs: nowMs } as const
          return (yield* records.change(org, id, change)) ?? (yield* found(pass, id))
        }),

        set: Effect.fn("Connections.set")(function* (pass, id, given) {
          const connection = yield* found(pass, id)
          yield* settable(connection.integration, given)
          const kept = Object.values({ ...connection.settings, ...given }).filter((value) => value !== null)
          if (kept.length > settingsMax) return yield* fail("limit", `a connection has at most ${settingsMax} settings`)
          const changed = yield* records.change(connection.org, id, { settings: given })
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
        })
      })
    })
  )
}
