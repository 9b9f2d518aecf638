import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Directory, type SessionRow, sessionWords } from "../../actors/ports/directory.ts"
import { memoryDirectory } from "../../adapters/memory/directory.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import { celledDirectory } from "../../adapters/postgres/cells/records.ts"
import { Cells } from "../../adapters/postgres/cells.ts"
import * as postgresDirectory from "../../adapters/postgres/directory.ts"
import { Postgres } from "../../adapters/postgres/pool.ts"
import { addedCells, passTimeIn, spreadOrganisations, sqlOf } from "../support/cells.ts"
import { testPostgres } from "../support/postgres.ts"
import { exerciseDirectory } from "./directory.ts"
import { exerciseHosts } from "./directory-hosts.ts"
import { DirectoryWorld } from "./session-lists.ts"

const inMemory = Layer.unwrap(
  Effect.sync(() => {
    const state = emptyJournal()
    const world = DirectoryWorld.of({
      project: ({ org, id, ...row }) =>
        Effect.sync(() => state.projections.set(`session/${id}`, { address: { org, kind: "session", id, home: id }, ...row })),
      passTime: (ms) => TestClock.adjust(ms)
    })
    return Layer.merge(Layer.succeed(DirectoryWorld, world), Layer.succeed(Directory, memoryDirectory(state)))
  })
)

const projectInto = (sql: Postgres["Service"]["sql"], row: SessionRow) =>
  Effect.promise(
    () => sql`
    insert into projections
      (org, kind, id, home, title, status, owner, configuration_id, archived, words, rev, created_at, updated_at)
    values (${row.org}, 'session', ${row.id}, ${row.id}, ${row.title}, ${row.status}, ${row.owner}, ${row.configurationId},
      ${row.archived}, ${sessionWords(row).join(" ")}, ${row.rev}, ${row.createdAtMs}, ${row.updatedAtMs})`
  )

const inPostgres = Layer.effect(
  DirectoryWorld,
  Effect.map(Postgres, (pools) =>
    DirectoryWorld.of({
      project: (row) => projectInto(pools.sql, row),
      passTime: (ms) => passTimeIn([pools], ms)
    })
  )
).pipe(Layer.merge(postgresDirectory.layer), Layer.provide(testPostgres))

const inTwoCells = Layer.effect(
  DirectoryWorld,
  Effect.map(Cells, (cells) =>
    DirectoryWorld.of({
      project: (row) => Effect.flatMap(sqlOf(cells, row.org), (sql) => projectInto(sql, row)),
      passTime: (ms) =>
        passTimeIn(
          cells.all.map(({ pools }) => pools),
          ms
        )
    })
  )
).pipe(
  Layer.merge(spreadOrganisations.pipe(Layer.provide(Layer.effect(Directory, Effect.map(Cells, celledDirectory))))),
  Layer.provide(addedCells)
)

for (const [name, world] of [
  ["memory", inMemory],
  ["postgres", inPostgres],
  ["two cells", inTwoCells]
] as const) {
  exerciseDirectory(name, world)
  exerciseHosts(name, world)
}
