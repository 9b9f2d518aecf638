import { Clock, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as memoryDirectory from "../../adapters/memory/directory.ts"
import * as memoryJournal from "../../adapters/memory/journal.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import { revokeBudget } from "../../adapters/memory/records.ts"
import * as postgresDirectory from "../../adapters/postgres/directory.ts"
import * as postgresJournal from "../../adapters/postgres/journal.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
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
const inPostgres = Layer.effectContext(
  Effect.gen(function* () {
    const url = yield* migratedDatabase
    const wire = yield* wireTo(url)
    const [{ sql }, { committer }] = [yield* connect(url), yield* connect(wire.url)]
    const tables = "actors, journal, commands, timers, claims, budgets, rooms, projections, proliferate.fake_now"
    const world = JournalWorld.of({
      clear: Effect.promise(() => sql.unsafe(`truncate ${tables}; insert into proliferate.fake_now values (1700000000000)`)),
      passTime: (ms) => Effect.promise(() => sql`update proliferate.fake_now set now_ms = now_ms + ${ms}`),
      lose: (what) =>
        Effect.map(
          Effect.promise(() => committer`select 1`),
          () => wire.cut(what)
        )
    })
    const lender = Lender.of({
      revoke: (org, budgetId) =>
        Effect.promise(async () => {
          const rows = await sql<Array<{ readonly id: string }>>`
            select id from proliferate.revoke_budget(${org}, ${budgetId}, 'usr_1') as id order by id`
          return rows.map(({ id }) => id)
        }),
      used: (org, budgetId) =>
        Effect.promise(async () => {
          const [row] = await sql`select used::float8 from budgets where org = ${org} and id = ${budgetId}`
          return row?.["used"] ?? null
        })
    })
    const worlds = Layer.mergeAll(Layer.succeed(JournalWorld, world), Layer.succeed(Lender, lender))
    return yield* Layer.build(
      Layer.mergeAll(worlds, postgresJournal.layer, postgresDirectory.layer).pipe(
        Layer.provide(Layer.succeed(Postgres, { sql, committer }))
      )
    )
  })
)

exerciseJournal("memory", inMemory)
exerciseJournal("postgres", inPostgres)
