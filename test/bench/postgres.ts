/** The PostgreSQL of the benchmarks: the embedded one on a directory of its own, with fsync and synchronous_commit asserted to be on. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Console, Effect, Layer } from "effect"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { migrate } from "../../adapters/postgres/migrate.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"

export const connections = 32

export const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-bench-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** One pool for ours and theirs, with the settings of the committer's connections. */
export const onePool = Layer.effect(
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
