/** The runtime as a server composes it: journal and feed in PostgreSQL with the pools of production, one process. */
import { Layer } from "effect"
import { layer as postgresFeed } from "../../../adapters/postgres/feed.ts"
import { layer as postgresJournal } from "../../../adapters/postgres/journal.ts"
import { layer as postgresAt } from "../../../adapters/postgres/pool.ts"
import type { ActorDefinition } from "../../../runtime/actor.ts"
import { Committer } from "../../../runtime/committer.ts"
import * as LocalCoordination from "../../../runtime/local-coordination.ts"
import { localFeeds } from "../../../runtime/local-feeds.ts"
import { localRouter } from "../../../runtime/local-router.ts"

export const runtimeOn = (url: string, ...definitions: ReadonlyArray<ActorDefinition>) => {
  const stored = Layer.mergeAll(Committer.layer, localFeeds).pipe(
    Layer.provideMerge(LocalCoordination.layer),
    Layer.provideMerge(Layer.mergeAll(postgresJournal, postgresFeed)),
    Layer.provideMerge(postgresAt(url))
  )
  return localRouter(definitions).pipe(Layer.provideMerge(stored))
}
