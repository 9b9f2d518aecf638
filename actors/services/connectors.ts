/** The connectors of an organisation with what they are called with, for the adapter that calls them. */
import { Effect, Layer, Redacted, Schema } from "effect"
import { type Connector, Connectors, type Credential, Secret } from "../ports/actions.ts"
import { ConnectionRecords, type ConnectorRecord } from "../ports/connections.ts"
import { Seals } from "../ports/seals.ts"

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

    return Connectors.of({
      enabled: Effect.fn("Connectors.enabled")(
        function* (org) {
          const all = (yield* records.connectors(org)).filter(({ enabled }) => enabled)
          return yield* Effect.forEach(all, (record) =>
            Effect.map(
              Effect.orElseSucceed(credentialOf(record), () => none),
              (credential): Connector => ({ ...record, credential })
            )
          )
        },
        // An outage is no change of what is connected: calls of a connector wait for the database anyhow.
        Effect.catch((error) => Effect.as(Effect.logWarning("connectors cannot be read", error.message), []))
      )
    })
  })
)
