/**
 * `npm run bench [-- --json]`: figures, each beside what it is measured against in the same run. A table, or with --json a last
 * line `{"rows":[{name, against, ours, theirs, ratio, unit, spread, goal}]}`. These are no tests: exit 0 whatever they say.
 *
 * PostgreSQL is the embedded one on a directory of its own, fsync and synchronous_commit asserted to be on; one pool of 32
 * connections serves every row. Rounds alternate; the first warms up and is not counted.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Console, Effect, Layer } from "effect"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { layer as postgresFeed } from "../../adapters/postgres/feed.ts"
import { layer as postgresJournal } from "../../adapters/postgres/journal.ts"
import { migrate } from "../../adapters/postgres/migrate.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { Committer } from "../../runtime/committer.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { counterActor } from "./counter.ts"
import { benchAck, benchDurable } from "./durable.ts"
import { type Row, table } from "./rows.ts"
import { benchStep } from "./step.ts"

const connections = 32
const isJson = process.argv.includes("--json")

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-bench-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** One pool for ours and theirs, with the settings of the committer's connections. */
const onePool = Layer.effect(
  Postgres,
  Effect.gen(function* () {
    const { url } = yield* startEmbedded({ dataDir: yield* scratch })
    const { sql, committer } = yield* connect(url, { sqlMax: 2, committerMax: connections })
    yield* migrate(sql)
    for (const setting of ["fsync", "synchronous_commit"]) {
      const [row] = yield* Effect.promise(() => committer.unsafe(`show ${setting}`))
      if (row?.[setting] !== "on") return yield* Effect.die(new Error(`${setting} is ${row?.[setting]}: no figure would count`))
      yield* Console.error(`${setting} = on`)
    }
    return Postgres.of({ sql: committer, committer })
  })
)

const runtime = localRouter([counterActor]).pipe(
  Layer.provideMerge(Layer.mergeAll(Committer.layer, localFeeds).pipe(Layer.provideMerge(LocalCoordination.layer))),
  Layer.provideMerge(Layer.mergeAll(postgresJournal, postgresFeed)),
  Layer.provideMerge(onePool)
)

const program = Effect.gen(function* () {
  const { committer } = yield* Postgres
  const rows: Array<Row> = [benchStep()]
  rows.push(...(yield* benchAck("bench")))
  for (const actors of [300, 3_000]) rows.push(...(yield* benchDurable(committer, connections, actors, "bench")))
  yield* Console.log(table(rows))
  if (isJson) yield* Console.log(JSON.stringify({ rows }))
})

await Effect.runPromise(program.pipe(Effect.provide(runtime)))
