/** Which databases a server works on: one, or a home and cells, each with whole organisations; and all that lies in them. */
import { join, resolve } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import type { Calls } from "../actors/ports/calls.ts"
import type { ConnectionRecords } from "../actors/ports/connections.ts"
import type { Directory } from "../actors/ports/directory.ts"
import type { Grants } from "../actors/ports/grants.ts"
import type { Notices } from "../actors/ports/notices.ts"
import type { Rules } from "../actors/ports/rules.ts"
import * as ArchiveFiles from "../adapters/archive/files.ts"
import type { CellError } from "../adapters/postgres/cells/cell.ts"
import * as CelledRecords from "../adapters/postgres/cells/records.ts"
import * as CelledRetention from "../adapters/postgres/cells/retention.ts"
import * as CelledStores from "../adapters/postgres/cells/stores.ts"
import * as PostgresCells from "../adapters/postgres/cells.ts"
import * as PostgresDirectory from "../adapters/postgres/directory.ts"
import type { EmbeddedError } from "../adapters/postgres/embedded/error.ts"
import { layerEmbedded } from "../adapters/postgres/embedded.ts"
import * as PostgresFeed from "../adapters/postgres/feed.ts"
import * as PostgresJournal from "../adapters/postgres/journal.ts"
import { type MigrationError, migrated } from "../adapters/postgres/migrate.ts"
import * as PostgresOversight from "../adapters/postgres/oversight.ts"
import * as Pool from "../adapters/postgres/pool.ts"
import * as PostgresOldRows from "../adapters/postgres/retention.ts"
import type { FeedStore } from "../runtime/feed.ts"
import { Journal, type JournalError } from "../runtime/journal.ts"
import type { Oversight } from "../runtime/oversight.ts"
import { Parts } from "../runtime/parts.ts"
import { Retention } from "../runtime/retention.ts"
import { actionTables } from "./actions.ts"
import type { Settings } from "./settings.ts"
import { resumeAll } from "./shutdown.ts"

type Tables =
  | Pool.Postgres
  | Journal
  | FeedStore
  | Directory
  | Oversight
  | Calls
  | ConnectionRecords
  | Grants
  | Notices
  | Rules
  | Retention

type TablesError = EmbeddedError | Pool.DatabaseError | MigrationError | JournalError | CellError

/** Everything that is stored in tables. `shared` is where the archive is by default. */
export const tablesOf = (
  { databaseUrl, dataDir, kept }: Settings,
  cells: ReadonlyMap<string, string>,
  shared: string
): Layer.Layer<Tables, TablesError> => {
  const { archive, ...days } = kept
  const files = ArchiveFiles.layer(resolve(archive ?? join(shared, "archive")))
  const home = migrated.pipe(
    Layer.provideMerge(databaseUrl === null ? layerEmbedded(join(dataDir, "postgres")) : Pool.layer(Redacted.value(databaseUrl)))
  )
  const celled = Layer.mergeAll(
    CelledRecords.layer,
    CelledStores.layer,
    CelledRetention.layer(days).pipe(Layer.provide(files))
  ).pipe(Layer.provide(PostgresCells.layer(cells)))
  // On its own database this host is the only one: whatever a dead one had claimed is free.
  const reclaimed = databaseUrl === null ? Layer.effectDiscard(Journal.use(({ reclaim }) => reclaim)) : Layer.empty
  const tables = Layer.mergeAll(
    PostgresJournal.layer,
    PostgresFeed.layer,
    PostgresDirectory.layer,
    PostgresOversight.layer,
    actionTables
  )
  const retention = Retention.layer(days).pipe(Layer.provide([PostgresOldRows.layer, files]))
  const plain = Layer.mergeAll(reclaimed, retention).pipe(Layer.provideMerge(tables))
  // Once there are cells, whoever is not told of them must know at least whose rows are not here.
  const hasCells = databaseUrl === null || cells.size > 0 ? Effect.succeed(cells.size > 0) : PostgresCells.isHome
  return Layer.unwrap(
    Effect.map(hasCells, (has): Layer.Layer<Exclude<Tables, Pool.Postgres>, TablesError, Pool.Postgres> => (has ? celled : plain))
  ).pipe(Layer.provideMerge(home))
}

/** A cell that could not be used at the start may hold sessions that the last shutdown paused. */
export const resumeWhenCellsCome = Effect.gen(function* () {
  const division = yield* Parts
  const late = division?.all.filter(({ trouble }) => trouble() !== null) ?? []
  yield* Effect.forEach(late, ({ ready }) => Effect.andThen(ready, Effect.ignore(resumeAll)), {
    concurrency: "unbounded",
    discard: true
  })
})
