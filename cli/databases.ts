/** Which databases a server works on: one, or a home and cells, each with whole organisations; and all that lies in them. */
import { join, resolve } from "node:path"
import { Effect, Layer, Redacted, Schema } from "effect"
import type { Calls } from "../actors/ports/calls.ts"
import type { ConnectionRecords } from "../actors/ports/connections.ts"
import { type Directory, homeCell } from "../actors/ports/directory.ts"
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

export class DatabasesError extends Schema.TaggedError<DatabasesError>()("DatabasesError", { message: Schema.String }) {}

const cellName = /^[a-z][a-z0-9-]{0,30}$/
const cellExample = "eu=postgres://user:password@host:5432/database"

/** Cells by name with their URLs. No message shows a URL: it may hold a password. */
export const cellsOf = Effect.fnUntraced(function* ({
  databaseCells,
  databaseUrl
}: Pick<Settings, "databaseCells" | "databaseUrl">) {
  const cells = new Map<string, string>()
  if (databaseCells === null) return cells
  const refuse = (message: string) => Effect.fail(new DatabasesError({ message: `DATABASE_CELLS: ${message}` }))
  if (databaseUrl === null)
    return yield* refuse("cells stand beside a home that is not the embedded PostgreSQL: set DATABASE_URL")
  const entries = Redacted.value(databaseCells)
    .split(",")
    .map((entry) => entry.trim())
  for (const [index, entry] of entries.entries()) {
    const [, name, given] = /^([^=:/]*)=(.*)$/.exec(entry) ?? []
    const where = `entry ${index + 1} of ${entries.length}`
    if (name === undefined || given === undefined)
      return yield* refuse(`${where} is not NAME=URL, such as ${cellExample}; a comma in a password is written %2C`)
    if (!cellName.test(name) || name === homeCell)
      return yield* refuse(
        `${where}: a cell is named by 1 to 31 small letters, digits and hyphens, a letter first, and "${homeCell}" is that of DATABASE_URL`
      )
    if (cells.has(name)) return yield* refuse(`there are two cells named ${name}`)
    const url = URL.parse(given)
    if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
      return yield* refuse(`that of the cell ${name} is not a URL such as ${cellExample}; a comma in a password is written %2C`)
    cells.set(name, given)
  }
  return cells
})

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
  if (cells.size > 0) {
    const celled = Layer.mergeAll(CelledRecords.layer, CelledStores.layer, CelledRetention.layer(days).pipe(Layer.provide(files)))
    return celled.pipe(Layer.provide(PostgresCells.layer(cells)), Layer.provideMerge(home))
  }
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
  return Layer.mergeAll(reclaimed, retention).pipe(Layer.provideMerge(tables), Layer.provideMerge(home))
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
