/** The connectors of an organisation with what they are called with, for the adapter that calls them. */
import { Effect, Layer, Redacted, Schema } from "effect"
import { type Connector, Connectors, type Credential, Secret } from "../ports/actions.ts"
import { ConnectionRecords, type ConnectorRecord } from "../ports/connections.ts"
import { Seals } from "../ports/seals.ts"

/** Organisations whose connectors are remembered for when the database is away. */
const organisationsKnownMax = 1_000

const none: Credential = Redacted.make({ kind: "none" })
const decodeSecret = Schema.decodeUnknownEffect(Schema.fromJsonString(Secret))

export const connectors: Layer.Layer<Connectors, never, ConnectionRecords | Seals> = Layer.effect(
  Connectors,
  Effect.gen(function* () {
    const records = yield* ConnectionRecords
    const seals = yield* Seals

    /** One that is not connected is called without: it says so itself. */
    const credentialOf = Effect.fnUntraced(function* ({ org, slug, auth }: ConnectorRecord) {
      const live = auth.type === "none" ? null : yield* records.live(org, slug)
      if (live === null || live.connection.status !== "active") return none
      const text = yield* seals.open({ purpose: "connection", org, id: live.connection.id }, live.sealed)
      return Redacted.make(yield* decodeSecret(Redacted.value(text)))
    })

    /** As they were read last, the least lately read organisation first. */
    const known = new Map<string, ReadonlyArray<Connector>>()
    const remember = (org: string, connectors: ReadonlyArray<Connector>) => {
      known.delete(org)
      if (connectors.length > 0) known.set(org, connectors)
      for (const oldest of known.keys()) if (known.size > organisationsKnownMax) known.delete(oldest)
    }

    return Connectors.of({
      enabled: Effect.fn("Connectors.enabled")(function* (org: string) {
        return yield* Effect.gen(function* () {
          const all = (yield* records.connectors(org)).filter(({ enabled }) => enabled)
          const connectors = yield* Effect.forEach(all, (record) =>
            credentialOf(record).pipe(
              // What cannot be opened is none; what cannot be read is an outage.
              Effect.catchIf(
                ({ _tag }) => _tag !== "DirectoryError",
                () => Effect.succeed(none)
              ),
              Effect.map((credential): Connector => ({ ...record, credential }))
            )
          )
          remember(org, connectors)
          return connectors
        }).pipe(
          // An outage is no change of what is connected: a call that was decided must not hear that its integration is gone.
          Effect.catch((error) => Effect.as(Effect.logWarning("connectors cannot be read", error.message), known.get(org) ?? []))
        )
      })
    })
  })
)
