import { Clock, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Directory } from "../../actors/ports/directory.ts"
import * as memoryDirectory from "../../adapters/memory/directory.ts"
import * as memoryJournal from "../../adapters/memory/journal.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import { revokeBudget } from "../../adapters/memory/records.ts"
import { celledDirectory } from "../../adapters/postgres/cells/records.ts"
import { celledJournal } from "../../adapters/postgres/cells/stores.ts"
import * as postgresDirectory from "../../adapters/postgres/directory.ts"
import * as postgresJournal from "../../adapters/postgres/journal.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { Journal } from "../../runtime/journal.ts"
import { cellsOn } from "../support/cells.ts"
import { migratedDatabase } from "../support/postgres.ts"
import { wireTo } from "../support/wire.ts"
import { JournalWorld, Lender } from "./journal/world.ts"
import { exerciseJournal } from "./journal.ts"

const inMemory = Layer.unwrap(
  Effect.sync(() => {
    const state = emptyJournal()
    let lost: "question" | "answer" | null = null
    const disturb: memoryJournal.Disturb = (operation) =>
      Effect.sync(() => {
        if (operation !== "commit" || lost === null) return null
        const disturbance = lost === "question" ? "questionLost" : "answerLost"
        lost = null
        return disturbance
      })
    const world = JournalWorld.of({
      clear: Effect.sync(() => {
        for (const rows of Object.values(state)) rows.clear()
      }),
      passTime: (ms) => TestClock.adjust(ms),
      lose: (what) =>
        Effect.sync(() => {
          lost = what
        })
    })
    const lender = Lender.of({
      revoke: (org, budgetId) => Effect.map(Clock.currentTimeMillis, (nowMs) => revokeBudget(state, org, budgetId, nowMs)),
      used: (org, budgetId) => Effect.sync(() => state.budgets.get(`${org}/${budgetId}`)?.used ?? null)
    })
    const worlds = Layer.mergeAll(Layer.succeed(JournalWorld, world), Layer.succeed(Lender, lender))
    return Layer.mergeAll(worlds, memoryJournal.layer(state, disturb), memoryDirectory.layer(state))
  })
)

/** The committer's connections go over a wire that can be cut. */
const database = Effect.gen(function* () {
  const url = yield* migratedDatabase
  const wire = yield* wireTo(url)
  const [{ sql }, { committer }] = [yield* connect(url), yield* connect(wire.url)]
  return { pools: Postgres.of({ sql, committer }), wire }
})

type Database = Effect.Success<typeof database>

/** What is lost is lost on the way to the last of them. */
const worldsOf = (databases: ReadonlyArray<Database>) => {
  const tables = "actors, journal, commands, timers, claims, budgets, rooms, projections, proliferate.fake_now"
  const inEach = <A>(ask: (sql: Postgres["Service"]["sql"]) => PromiseLike<A>) =>
    Effect.forEach(databases, ({ pools }) => Effect.promise(() => ask(pools.sql)))
  const last = databases.at(-1)!
  const world = JournalWorld.of({
    clear: Effect.asVoid(
      inEach((sql) => sql.unsafe(`truncate ${tables}; insert into proliferate.fake_now values (1700000000000)`))
    ),
    passTime: (ms) => Effect.asVoid(inEach((sql) => sql`update proliferate.fake_now set now_ms = now_ms + ${ms}`)),
    lose: (what) =>
      Effect.map(
        Effect.promise(() => last.pools.committer`select 1`),
        () => last.wire.cut(what)
      )
  })
  const lender = Lender.of({
    revoke: (org, budgetId) =>
      Effect.map(
        inEach(
          (sql) => sql<Array<{ readonly id: string }>>`
          select id from proliferate.revoke_budget(${org}, ${budgetId}, 'usr_1') as id order by id`
        ),
        (found) => found.flat().map(({ id }) => id)
      ),
    used: (org, budgetId) =>
      Effect.map(
        inEach(
          (sql) => sql<Array<{ readonly used: number }>>`
          select used::float8 from budgets where org = ${org} and id = ${budgetId}`
        ),
        (found) => found.flat()[0]?.used ?? null
      )
  })
  return Layer.mergeAll(Layer.succeed(JournalWorld, world), Layer.succeed(Lender, lender))
}

const inPostgres = Layer.unwrap(
  Effect.map(database, (only) =>
    Layer.mergeAll(worldsOf([only]), postgresJournal.layer, postgresDirectory.layer).pipe(
      Layer.provide(Layer.succeed(Postgres, only.pools))
    )
  )
)

const inTwoCells = Layer.unwrap(
  Effect.map(Effect.all([database, database]), ([home, other]) => {
    const cells = cellsOn(home.pools, other.pools)
    return Layer.mergeAll(
      worldsOf([home, other]),
      Layer.succeed(Journal, celledJournal(cells)),
      Layer.succeed(Directory, celledDirectory(cells))
    )
  })
)

exerciseJournal("memory", inMemory)
exerciseJournal("postgres", inPostgres)
exerciseJournal("two cells", inTwoCells)
