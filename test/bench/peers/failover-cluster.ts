/**
 * A runner of Effect Cluster as it ships: `NodeClusterSocket.layer` with nothing set but its address, which starts the storage of
 * runners and of messages in SQL and the health check by pings, on PostgreSQL by @effect/sql-pg. The event of a session is a persisted
 * message of an entity: acknowledged when it and its reply are stored.
 */
import { NodeClusterSocket } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, ManagedRuntime, Option, Redacted, Schema } from "effect"
import { ClusterSchema, Entity, RunnerAddress } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { input } from "../contest/answering.ts"
import { type FailoverNode, failingOver } from "../contest/failover.ts"

const { url, name, port } = input<FailoverNode>()

const Session = Entity.make("Session", [
  Rpc.make("next", { payload: { message: Schema.String }, success: Schema.String }).annotate(ClusterSchema.Persisted, true)
])

const runtime = ManagedRuntime.make(
  Session.toLayer(Effect.succeed(Session.of({ next: () => Effect.succeed(name) }))).pipe(
    Layer.provideMerge(
      NodeClusterSocket.layer({ shardingConfig: { runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", port)) } })
    ),
    Layer.provide(PgClient.layer({ url: Redacted.make(url) }))
  )
)
const clientOf = await runtime.runPromise(Session.client)

await failingOver(async (id, message) => {
  while (true) {
    const by = await runtime.runPromise(Effect.option(clientOf(id).next({ message: `${name} ${message}` })))
    if (Option.isSome(by)) return by.value === name
  }
})
await runtime.dispose()
process.exit(0)
