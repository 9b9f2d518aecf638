/**
 * The credential that an organisation's calls are made with, opened when one is about to be made. What a service no longer takes is
 * marked `needsReauth`, once, and told as what to do about it. Nobody else opens a seal of a connection.
 */
import { Clock, Context, Effect, Layer, Redacted, Schema, Semaphore } from "effect"
import { steadyMs } from "../../runtime/steady.ts"
import { ActionError, type Credential, Providers, Secret } from "../ports/actions.ts"
import { type Connection, ConnectionRecords } from "../ports/connections.ts"
import type { DirectoryError } from "../ports/directory.ts"
import { Seals } from "../ports/seals.ts"

/** A token that ends sooner is refreshed first: a call may take as long as this. */
const refreshBeforeMs = 60_000
/** What is asked beside it waits; a service that does not answer is not waited for. */
const refreshMs = 15_000
/** Of several servers one refreshes it; what died meanwhile is waited for so long. */
const claimMs = 20_000
const lookEveryMs = 200

/** `absent`: there is no connection. `refused`: there is one, and it is of no use now. `away`: the service does not answer; later. */
export class NoCredential extends Schema.TaggedError<NoCredential>()("NoCredential", {
  reason: Schema.Literals(["absent", "refused", "away"]),
  message: Schema.String
}) {}

const SecretText = Schema.fromJsonString(Secret)
const decodeSecret = Schema.decodeUnknownEffect(SecretText)
export const encodeSecret = (credential: Credential): Redacted.Redacted<string> =>
  Redacted.make(Schema.encodeSync(SecretText)(Redacted.value(credential)))

/** Who may mend it, and how. */
export const connectText = (integration: string) => `an administrator connects it: \`proliferate connections add ${integration}\``

export const expiresAtOf = (credential: Credential): number | null => {
  const secret = Redacted.value(credential)
  return secret.kind === "oauth" ? secret.expiresAtMs : null
}

export class CredentialsOf extends Context.Service<
  CredentialsOf,
  {
    /** Good for a call now. */
    readonly usable: (org: string, integration: string) => Effect.Effect<Credential, NoCredential | DirectoryError>
    /** As it is kept; null: there is no live one, or it needs to be connected again. */
    readonly kept: (connection: Connection) => Effect.Effect<Credential, NoCredential | DirectoryError>
    /** The service did not take it. One that has another by now, connected or refreshed meanwhile, is left as it is. */
    readonly refused: (
      org: string,
      integration: string,
      credential: Credential,
      message: string
    ) => Effect.Effect<void, DirectoryError>
  }
>()("proliferate/actors/services/CredentialsOf") {
  static readonly layer: Layer.Layer<CredentialsOf, never, ConnectionRecords | Providers | Seals> = Layer.effect(
    CredentialsOf,
    Effect.gen(function* () {
      const records = yield* ConnectionRecords
      const providers = yield* Providers
      const seals = yield* Seals
      /** Of each connection that was refreshed here: two at once would use one refresh token twice. */
      const refreshing = new Map<string, Semaphore.Semaphore>()

      const openSealed = Effect.fnUntraced(function* ({ org, id, integration }: Connection, sealed: Uint8Array) {
        return yield* seals.open({ purpose: "connection", org, id }, sealed).pipe(
          Effect.flatMap((text) => decodeSecret(Redacted.value(text))),
          Effect.map((secret): Credential => Redacted.make(secret)),
          Effect.mapError(
            () =>
              new NoCredential({
                reason: "refused",
                message: `the credential of ${integration} cannot be read any more; ${connectText(integration)}`
              })
          )
        )
      })

      const liveOf = Effect.fnUntraced(function* (org: string, integration: string) {
        const live = yield* records.live(org, integration)
        if (live !== null) return live
        return yield* new NoCredential({
          reason: "absent",
          message: `${integration} is not connected in this organisation; ${connectText(integration)}`
        })
      })

      const refusal = ({ integration, reason }: Connection) =>
        new NoCredential({
          reason: "refused",
          message: `${integration} must be connected again${reason === null ? "" : ` (${reason})`}; ${connectText(integration)}`
        })

      const refused = Effect.fnUntraced(function* (org: string, integration: string, credential: Credential, message: string) {
        const live = yield* records.live(org, integration)
        if (live === null) return
        const now = yield* Effect.option(openSealed(live.connection, live.sealed))
        const isIt = (one: Credential) => Redacted.value(encodeSecret(one)) === Redacted.value(encodeSecret(credential))
        if (now._tag === "Some" && isIt(now.value))
          yield* records.change(org, live.connection.id, { status: "needsReauth", reason: message.slice(0, 500) })
      })

      /** In its turn: who comes second finds it refreshed. */
      const refreshed = Effect.fnUntraced(function* (org: string, integration: string) {
        const beganAtMs = yield* steadyMs
        const looked = Effect.gen(function* () {
          const { connection, sealed } = yield* liveOf(org, integration)
          if (connection.status !== "active") return yield* refusal(connection)
          const credential = yield* openSealed(connection, sealed)
          const expiresAtMs = expiresAtOf(credential)
          const isFresh = expiresAtMs === null || expiresAtMs > (yield* Clock.currentTimeMillis) + refreshBeforeMs
          return { connection, sealed, credential, isFresh }
        })
        let { connection, sealed, credential, isFresh } = yield* looked
        // A refresh token may be good once: two servers that used it at once would end the connection.
        while (!isFresh) {
          const isOurs = yield* records.claimRefresh(org, connection.id, claimMs)
          if (!isOurs && (yield* steadyMs) - beganAtMs > claimMs + refreshMs)
            return yield* new NoCredential({ reason: "away", message: `another server refreshes the token of ${integration}` })
          if (!isOurs)
            yield* Effect.sleep(lookEveryMs)
            // Also when it is ours: whoever had it before may have refreshed it since we looked.
          ;({ connection, sealed, credential, isFresh } = yield* looked)
          if (isOurs) break
        }
        if (isFresh) return credential
        const oauth = (yield* providers.find(org, integration))?.oauth ?? null
        if (oauth === null)
          return yield* refusal({ ...connection, reason: "its token has ended, and there is no way to refresh it" })
        const fresh = yield* oauth.refresh(credential).pipe(
          Effect.timeoutOrElse({
            duration: refreshMs,
            orElse: () =>
              Effect.fail(
                new ActionError({
                  reason: "unavailable",
                  sent: false,
                  retryAfterMs: null,
                  integration,
                  message: `${integration} did not refresh the token within ${refreshMs / 1000} s`
                })
              )
          }),
          Effect.result
        )
        if (fresh._tag === "Failure") {
          const { reason, message } = fresh.failure
          // Another server may have refreshed it with the very token that is of no use now.
          const now = yield* liveOf(org, integration)
          if (Buffer.compare(now.sealed, sealed) !== 0) return yield* openSealed(now.connection, now.sealed)
          if (reason !== "needs-reauth" && reason !== "forbidden" && reason !== "invalid")
            return yield* new NoCredential({ reason: "away", message })
          yield* refused(org, integration, credential, message)
          return yield* refusal({ ...connection, reason: message })
        }
        const kept = seals.seal({ purpose: "connection", org, id: connection.id }, encodeSecret(fresh.success))
        yield* records.change(org, connection.id, { sealed: kept, expiresAtMs: expiresAtOf(fresh.success) })
        return fresh.success
      })

      return CredentialsOf.of({
        usable: Effect.fn("CredentialsOf.usable")(function* (org, integration) {
          const provider = yield* providers.find(org, integration)
          if (provider?.takes.every((kind) => kind === "none")) return Redacted.make({ kind: "none" as const })
          const { connection, sealed } = yield* liveOf(org, integration)
          if (connection.status !== "active") return yield* refusal(connection)
          const { expiresAtMs, id } = connection
          if (expiresAtMs === null || expiresAtMs > (yield* Clock.currentTimeMillis) + refreshBeforeMs)
            return yield* openSealed(connection, sealed)
          const turn = refreshing.get(id) ?? Semaphore.makeUnsafe(1)
          refreshing.set(id, turn)
          return yield* turn.withPermits(1)(refreshed(org, integration))
        }),
        kept: Effect.fnUntraced(function* (connection) {
          const live = yield* liveOf(connection.org, connection.integration)
          return yield* openSealed(live.connection, live.sealed)
        }),
        refused
      })
    })
  )
}
