/** A process that archives and drops what is old, for tests that kill it: `passing.ts <url> <directory>`. It ends when nothing is left. */
import { Effect, Layer } from "effect"
import * as ArchiveFiles from "../../adapters/archive/files.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import * as PostgresOldRows from "../../adapters/postgres/retention.ts"
import { Retention } from "../../runtime/retention.ts"

const [url, directory] = process.argv.slice(2) as [string, string]
const ports = Layer.mergeAll(ArchiveFiles.layer(directory), PostgresOldRows.layer).pipe(
  Layer.provide(Layer.effect(Postgres, connect(url)))
)
const retention = Retention.layer({ journal: 7, feed: 7, commands: 7 }).pipe(Layer.provide(ports))
process.stdout.write("passes\n")
// One that was killed holds the lock until its server notices.
const pass = Retention.use(({ pass: once }) => once(60_000)).pipe(Effect.repeat({ until: ({ finished }) => finished }))
await Effect.runPromise(Effect.provide(pass, retention))
