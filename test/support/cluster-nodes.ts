/** Nodes of a cluster within this process, each with connections of its own, on one database. */
import { Effect, type Exit, Layer, ManagedRuntime } from "effect"
import { clusterRouter } from "../../adapters/cluster/router.ts"
import type { Place } from "../../adapters/cluster/runners.ts"
import * as PostgresCoordination from "../../adapters/postgres/coordination.ts"
import * as PostgresFeed from "../../adapters/postgres/feed.ts"
import * as PostgresJournal from "../../adapters/postgres/journal.ts"
import * as PostgresNodes from "../../adapters/postgres/nodes.ts"
import * as Pool from "../../adapters/postgres/pool.ts"
import type { ActorDefinition } from "../../runtime/actor.ts"
import { Committer } from "../../runtime/committer.ts"
import type { Coordination } from "../../runtime/coordination.ts"
import { type Inspection, Inspector } from "../../runtime/inspection.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import type { Nodes } from "../../runtime/nodes.ts"
import type { Router } from "../../runtime/router.ts"
import { freePort } from "./free-port.ts"

export interface NodeSetup {
  readonly databaseUrl: string
  readonly name: string
  readonly definitions: ReadonlyArray<ActorDefinition>
  readonly key?: Uint8Array
  readonly address?: Place
  readonly listen?: Place
  readonly inspect?: (inspection: Inspection) => void
}

type Services = Router | Nodes | Coordination

const sharedKey = new Uint8Array(32)

export const startNode = async ({ databaseUrl, name, definitions, key = sharedKey, inspect, ...places }: NodeSetup) => {
  const address = places.address ?? { host: "127.0.0.1", port: await freePort() }
  const stores = Layer.mergeAll(PostgresJournal.layer, PostgresFeed.layer, PostgresNodes.layer).pipe(
    Layer.provideMerge(Pool.layer(databaseUrl, { sqlMax: 6, committerMax: 2 }))
  )
  const runtime = ManagedRuntime.make(
    clusterRouter(definitions, { name, address, ...places, sandboxHost: null, key }).pipe(
      Layer.provideMerge(Layer.mergeAll(Committer.layer, localFeeds)),
      Layer.provideMerge(PostgresCoordination.layer),
      Layer.provideMerge(stores),
      Layer.provide(Layer.succeed(Inspector, inspect ?? (() => {})))
    )
  )
  await runtime.runPromise(Effect.void)
  // The layer stands, so nothing of it fails any more.
  const runExit = <A, E>(effect: Effect.Effect<A, E, Services>) => runtime.runPromiseExit(effect) as Promise<Exit.Exit<A, E>>
  return { name, address, runExit, run: runtime.runPromise.bind(runtime), stop: runtime.dispose.bind(runtime) }
}

export type ClusterNode = Awaited<ReturnType<typeof startNode>>
