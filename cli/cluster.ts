/** One process that hosts all sessions, or one of several on a database that they share. */
import { Effect, Layer, Redacted, Schema } from "effect"
import { actorKinds } from "../actors/kinds.ts"
import { Sandboxes } from "../actors/ports/sandboxes.ts"
import { clusterRouter } from "../adapters/cluster/router.ts"
import type { Place } from "../adapters/cluster/runners.ts"
import { clusterSandboxes, OwnSandboxes } from "../adapters/cluster/sandboxes.ts"
import * as PostgresNodes from "../adapters/postgres/nodes.ts"
import { LocalSandboxes } from "../adapters/sandbox/local/local.ts"
import { localRouter } from "../runtime/local-router.ts"
import type { Settings } from "./settings.ts"

export class ClusterError extends Schema.TaggedError<ClusterError>()("ClusterError", { message: Schema.String }) {}

const placeOf = Effect.fnUntraced(function* (variable: string, text: string) {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/i.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port < 1 || port > 65_535) {
    const message = `${variable} must be a host and a port that others can reach, such as 127.0.0.1:8788, and is ${JSON.stringify(text)}`
    return yield* new ClusterError({ message })
  }
  return { host: (bracketed ?? plain)!, port } satisfies Place
})

const refuse = (message: string) => Effect.fail(new ClusterError({ message }))

/** Where this process stands among others; null: it is alone. */
export const nodeOf = Effect.fnUntraced(function* ({ cluster, databaseUrl, shared, node, coordination, redisUrl }: Settings) {
  if (cluster === "off") return null
  if (databaseUrl === null)
    return yield* refuse(
      "CLUSTER=on needs a database that all nodes share: set DATABASE_URL to that of a PostgreSQL, the same for each. The embedded one belongs to one server."
    )
  if (shared === null)
    return yield* refuse(
      "CLUSTER=on needs a directory that all nodes see: set PROLIFERATE_SHARED, the same for each. In it are the key of their tokens, credentials, attachments and snapshots."
    )
  if (coordination === "process" && redisUrl === null)
    return yield* refuse("PROLIFERATE_COORDINATION=process is for one server alone: leave it unset, or set REDIS_URL.")
  const address = yield* placeOf("PROLIFERATE_NODE_ADDRESS", node.address)
  const listen = node.listen === null ? address : yield* placeOf("PROLIFERATE_NODE_LISTEN", node.listen)
  return { name: node.name ?? node.address, address, listen }
})

export type ClusterNode = NonNullable<Effect.Success<ReturnType<typeof nodeOf>>>

/** The router, upon the sandboxes of this host: those of others are asked for at their nodes. */
export const hosted = <E, R>(
  node: ClusterNode | null,
  key: Redacted.Redacted<Uint8Array>,
  sandboxes: Layer.Layer<Sandboxes, E, R>,
  host: string | null
) => {
  if (node === null) return { sandboxes, router: localRouter(actorKinds) }
  const own = Layer.effect(OwnSandboxes, Sandboxes).pipe(Layer.provide(sandboxes))
  const bytes = Redacted.value(key)
  const everywhere =
    host === null
      ? Layer.effect(Sandboxes, OwnSandboxes)
      : clusterSandboxes({ host, hostOf: LocalSandboxes.hostOf, key: bytes }).pipe(Layer.provide(PostgresNodes.layer))
  const router = clusterRouter(actorKinds, { ...node, key: bytes, sandboxHost: host }).pipe(Layer.provide(PostgresNodes.layer))
  return { sandboxes: everywhere.pipe(Layer.provideMerge(own)), router }
}
