import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as memoryJournal from "../../adapters/memory/journal.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import * as memoryOversight from "../../adapters/memory/oversight.ts"
import { celledJournal, celledOversight } from "../../adapters/postgres/cells/stores.ts"
import * as postgresJournal from "../../adapters/postgres/journal.ts"
import * as postgresOversight from "../../adapters/postgres/oversight.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { Journal } from "../../runtime/journal.ts"
import { Oversight } from "../../runtime/oversight.ts"
import { cellsOn } from "../support/cells.ts"
import { migratedDatabase } from "../support/postgres.ts"
import { JournalWorld } from "./journal/world.ts"
import { exerciseOversight } from "./oversight.ts"

const lose = () => Effect.die("no story of oversight loses a connection")

const inMemory = Layer.unwrap(
  Effect.sync(() => {
    const state = emptyJournal()
    const notes: memoryOversight.Notes = []
    const clear = Effect.sync(() => {
      for (const rows of Object.values(state)) rows.clear()
      notes.length = 0
    })
    return Layer.mergeAll(
      Layer.succeed(JournalWorld, { clear, passTime: (ms) => TestClock.adjust(ms), lose }),
      memoryJournal.layer(state),
      memoryOversight.layer(state, notes)
    )
  })
)

const tables = "actors, journal, commands, timers, claims, projections, fixes, pauses, proliferate.fake_now"

const worldOf = (databases: ReadonlyArray<Postgres["Service"]>) => {
  const inEach = (ask: (sql: Postgres["Service"]["sql"]) => PromiseLike<unknown>) =>
    Effect.forEach(databases, ({ sql }) => Effect.promise(() => ask(sql)), { discard: true })
  return Layer.succeed(JournalWorld, {
    clear: inEach((sql) => sql.unsafe(`truncate ${tables}; insert into proliferate.fake_now values (1700000000000)`)),
    passTime: (ms) => inEach((sql) => sql`update proliferate.fake_now set now_ms = now_ms + ${ms}`),
    lose
  })
}

const database = Effect.flatMap(migratedDatabase, (url) => connect(url))

const inPostgres = Layer.unwrap(
  Effect.map(database, (pools) =>
    Layer.mergeAll(worldOf([pools]), postgresJournal.layer, postgresOversight.layer).pipe(
      Layer.provide(Layer.succeed(Postgres, pools))
    )
  )
)

const inTwoCells = Layer.unwrap(
  Effect.map(Effect.all([database, database]), ([home, other]) => {
    const cells = cellsOn(home, other)
    return Layer.mergeAll(
      worldOf([home, other]),
      Layer.succeed(Journal, celledJournal(cells)),
      Layer.succeed(Oversight, celledOversight(cells))
    )
  })
)

exerciseOversight("memory", inMemory)
exerciseOversight("postgres", inPostgres)
exerciseOversight("two cells", inTwoCells)
