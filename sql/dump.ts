/** `npm run schema`: writes sql/schema.sql from a fresh embedded database, so that a change of the schema shows in a review. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { layerEmbedded } from "../adapters/postgres/embedded.ts"
import { migrate } from "../adapters/postgres/migrate.ts"
import { Postgres } from "../adapters/postgres/pool.ts"
import { describeSchema } from "../adapters/postgres/schema.ts"

const file = join(import.meta.dirname, "schema.sql")

const freshDatabase = Layer.unwrap(
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-schema-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    ),
    layerEmbedded
  )
)

Effect.gen(function* () {
  const { sql } = yield* Postgres
  const applied = yield* migrate(sql)
  writeFileSync(file, yield* describeSchema(sql))
  yield* Effect.logInfo(`${file} is what ${applied.length} migrations lead to`)
}).pipe(Effect.provide(freshDatabase), NodeRuntime.runMain)
