/** Databases for tests, each a copy of the migrated template (20 ms), alone with whoever asked for it and dropped after it. */
import { Effect, Layer } from "effect"
import { inject } from "vitest"
import { client, connect, Postgres } from "../../adapters/postgres/pool.ts"
import { databaseUrl } from "./database-url.ts"

let made = 0

const onServer = (statement: string) =>
  Effect.acquireUseRelease(
    // A database that goes waits for a checkpoint, which takes as long as the disk has others to serve.
    Effect.sync(() => client(inject("postgresUrl"), { max: 1, connection: { statement_timeout: 0 } })),
    (sql) => Effect.promise(() => sql.unsafe(statement)),
    (sql) => Effect.promise(() => sql.end())
  )

const databaseFrom = (template: string) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const name = `proliferate_test_${process.pid}_${++made}`
      return Effect.as(onServer(`create database ${name} template ${template}`), name)
    }),
    (name) => onServer(`drop database if exists ${name} with (force)`)
  ).pipe(Effect.map((name) => databaseUrl(inject("postgresUrl"), name)))

/** The URL of a migrated database of one's own, for as long as the scope is open. */
export const migratedDatabase = Effect.suspend(() => databaseFrom(inject("postgresTemplate")))

/** The same, without any table. */
export const emptyDatabase = databaseFrom("template0")

/** Pools on a migrated database of one's own. */
export const testPostgres = Layer.effect(
  Postgres,
  Effect.flatMap(migratedDatabase, (url) => connect(url))
)
