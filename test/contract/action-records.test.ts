import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryCalls from "../../adapters/memory/calls.ts"
import * as MemoryConnections from "../../adapters/memory/connections.ts"
import * as MemoryDirectory from "../../adapters/memory/directory.ts"
import * as MemoryGrants from "../../adapters/memory/grants.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import * as MemoryNotices from "../../adapters/memory/notices.ts"
import * as MemoryRules from "../../adapters/memory/rules.ts"
import * as PostgresCalls from "../../adapters/postgres/calls.ts"
import * as CelledRecords from "../../adapters/postgres/cells/records.ts"
import { Cells } from "../../adapters/postgres/cells.ts"
import * as PostgresConnections from "../../adapters/postgres/connections.ts"
import * as PostgresDirectory from "../../adapters/postgres/directory.ts"
import * as PostgresGrants from "../../adapters/postgres/grants.ts"
import * as PostgresNotices from "../../adapters/postgres/notices.ts"
import { Postgres } from "../../adapters/postgres/pool.ts"
import * as PostgresRules from "../../adapters/postgres/rules.ts"
import { addedCells, passTimeIn, spreadOrganisations, sqlOf } from "../support/cells.ts"
import { testPostgres } from "../support/postgres.ts"
import { RecordsWorld } from "../support/records-world.ts"
import { exerciseActionRecords } from "./action-records.ts"

const inMemory = Layer.unwrap(
  Effect.sync(() => {
    const state = emptyJournal()
    const world = RecordsWorld.of({
      call: ({ org, id, sessionId, status }) =>
        Effect.sync(() => {
          const address = { org, kind: "approval", id, home: sessionId }
          const dated = { rev: 1, createdAtMs: 1, updatedAtMs: 1 }
          const listed = { title: "a.b", status, owner: null, configurationId: null, archived: false }
          state.projections.set(`approval/${id}`, { address, ...listed, ...dated })
          const stored = {
            ...dated,
            epoch: 1,
            machineVersion: 1,
            status,
            snapshot: `{"context":{"approvalId":"${id}"}}`,
            resident: false,
            noticed: null
          }
          const rest = { quarantine: null, journal: [], seen: new Map(), timers: new Map() }
          state.actors.set(`approval/${id}`, { address, stored, ...rest })
        }),
      passTime: (ms) => TestClock.adjust(ms)
    })
    return Layer.mergeAll(
      Layer.succeed(RecordsWorld, world),
      MemoryDirectory.layer(state),
      MemoryCalls.layer(state),
      MemoryGrants.layer(state),
      MemoryNotices.layer(state).pipe(Layer.provideMerge(MemoryConnections.layer)),
      MemoryRules.layer
    )
  })
)

type Call = Parameters<RecordsWorld["Service"]["call"]>[0]

const callIn = (sql: Postgres["Service"]["sql"], { org, id, sessionId, status }: Call) =>
  Effect.promise(async () => {
    await sql`
      insert into actors (org, kind, id, home, rev, epoch, machine_version, status, snapshot, resident, updated_at)
      values (${org}, 'approval', ${id}, ${sessionId}, 1, 1, 1, ${status}, ${`{"context":{"approvalId":"${id}"}}`}::text::jsonb, false, 1)
      on conflict do nothing`
    await sql`
      insert into projections (org, kind, id, home, title, status, rev, created_at, updated_at)
      values (${org}, 'approval', ${id}, ${sessionId}, 'a.b', 'requested', 1, 1, 1)
      on conflict do nothing`
    await sql`update projections set status = ${status} where org = ${org} and kind = 'approval' and id = ${id}`
  })

const inPostgres = Layer.effect(
  RecordsWorld,
  Effect.map(Postgres, (pools) =>
    RecordsWorld.of({ call: (call) => callIn(pools.sql, call), passTime: (ms) => passTimeIn([pools], ms) })
  )
).pipe(
  Layer.provideMerge(
    Layer.mergeAll(
      PostgresDirectory.layer,
      PostgresCalls.layer,
      PostgresNotices.layer,
      PostgresGrants.layer,
      PostgresConnections.layer,
      PostgresRules.layer
    )
  ),
  Layer.provideMerge(testPostgres)
)

const inTwoCells = Layer.effect(
  RecordsWorld,
  Effect.map(Cells, (cells) =>
    RecordsWorld.of({
      call: (call) => Effect.flatMap(sqlOf(cells, call.org), (sql) => callIn(sql, call)),
      passTime: (ms) =>
        passTimeIn(
          cells.all.map(({ pools }) => pools),
          ms
        )
    })
  )
).pipe(Layer.provideMerge(spreadOrganisations), Layer.provideMerge(CelledRecords.layer), Layer.provideMerge(addedCells))

exerciseActionRecords("memory", inMemory)
exerciseActionRecords("postgres", inPostgres)
exerciseActionRecords("two cells", inTwoCells)
