import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as memoryJournal from "../../adapters/memory/journal.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import * as memoryOversight from "../../adapters/memory/oversight.ts"
import * as postgresJournal from "../../adapters/postgres/journal.ts"
import * as postgresOversight from "../../adapters/postgres/oversight.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
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

const inPostgres = Layer.effectContext(
  Effect.gen(function* () {
    const pools = yield* connect(yield* migratedDatabase)
    const { sql } = pools
    const tables = "actors, journal, commands, timers, claims, projections, fixes, pauses, proliferate.fake_now"
    const world = JournalWorld.of({
      clear: Effect.promise(() => sql.unsafe(`truncate ${tables}; insert into proliferate.fake_now values (1700000000000)`)),
      passTime: (ms) => Effect.promise(() => sql`update proliferate.fake_now set now_ms = now_ms + ${ms}`),
      lose
    })
    return yield* Layer.build(
      Layer.mergeAll(Layer.succeed(JournalWorld, world), postgresJournal.layer, postgresOversight.layer).pipe(
        Layer.provide(Layer.succeed(Postgres, pools))
      )
    )
  })
)

exerciseOversight("memory", inMemory)
exerciseOversight("postgres", inPostgres)
