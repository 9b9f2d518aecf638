/** Databases to simulate on: on the server at `TEST_DATABASE_URL`, or on one that is started for it and gone after it. */
import { Effect } from "effect"
import { client } from "../../adapters/postgres/pool.ts"
import { makeTemplate, testServer } from "../support/cluster.ts"
import { databaseUrl } from "../support/database-url.ts"

const databaseFrom = (url: string, template: string, name: string) => {
  const onServer = (statement: string) =>
    Effect.acquireUseRelease(
      Effect.sync(() => client(url, { max: 1 })),
      (sql) => Effect.promise(() => sql.unsafe(statement)),
      (sql) => Effect.promise(() => sql.end())
    )
  return Effect.acquireRelease(Effect.as(onServer(`create database ${name} template ${template}`), databaseUrl(url, name)), () =>
    onServer(`drop database if exists ${name} with (force)`)
  )
}

export const databases = Effect.fnUntraced(function* (count: number) {
  const url = yield* testServer
  const template = `proliferate_simulated_${process.pid}`
  yield* makeTemplate(url, template)
  return yield* Effect.forEach(Array.from({ length: count }), (_, index) => databaseFrom(url, template, `${template}_${index}`))
})
