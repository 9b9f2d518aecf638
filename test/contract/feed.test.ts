import { Effect, Layer } from "effect"
import * as memoryFeed from "../../adapters/memory/feed.ts"
import { celledFeed } from "../../adapters/postgres/cells/stores.ts"
import * as postgresFeed from "../../adapters/postgres/feed.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { FeedStore } from "../../runtime/feed.ts"
import { cellsOn } from "../support/cells.ts"
import { migratedDatabase } from "../support/postgres.ts"
import { wireTo } from "../support/wire.ts"
import { exerciseFeed, FeedWorld } from "./feed.ts"

const inMemory = Layer.unwrap(
  Effect.sync(() => {
    let lost: "question" | "answer" | null = null
    const disturb: memoryFeed.DisturbFeed = (operation) =>
      Effect.sync(() => {
        if (operation !== "append" || lost === null) return null
        const disturbance = lost === "question" ? "questionLost" : "answerLost"
        lost = null
        return disturbance
      })
    const lose = (what: "question" | "answer") =>
      Effect.sync(() => {
        lost = what
      })
    return Layer.merge(Layer.succeed(FeedWorld, { lose }), memoryFeed.layer(new Map(), disturb))
  })
)

const database = Effect.gen(function* () {
  const wire = yield* wireTo(yield* migratedDatabase)
  const pools = yield* connect(wire.url)
  const lose = (what: "question" | "answer") =>
    Effect.map(
      Effect.promise(() => pools.sql`select 1`),
      () => wire.cut(what)
    )
  return { pools, lose }
})

const inPostgres = Layer.unwrap(
  Effect.map(database, ({ pools, lose }) =>
    Layer.merge(Layer.succeed(FeedWorld, { lose }), Layer.provide(postgresFeed.layer, Layer.succeed(Postgres, pools)))
  )
)

const inTwoCells = Layer.unwrap(
  Effect.map(Effect.all([database, database]), ([home, { pools, lose }]) =>
    Layer.merge(Layer.succeed(FeedWorld, { lose }), Layer.succeed(FeedStore, celledFeed(cellsOn(home.pools, pools))))
  )
)

exerciseFeed("memory", inMemory)
exerciseFeed("postgres", inPostgres)
exerciseFeed("two cells", inTwoCells)
