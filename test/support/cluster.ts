/**
 * The PostgreSQL of one run of the tests, started before the first file and gone after the last: the embedded one with fsync off
 * on a directory of its own, or the server at `TEST_DATABASE_URL`, whose user must be allowed to make databases. Migrated once,
 * into a template that files copy (test/support/postgres.ts).
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import type { TestProject } from "vitest/node"
import { postgresIn, signal, startOf } from "../../adapters/postgres/embedded/processes.ts"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { migrate } from "../../adapters/postgres/migrate.ts"
import { client, connect } from "../../adapters/postgres/pool.ts"
import { databaseUrl } from "./database-url.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly postgresUrl: string
    readonly postgresTemplate: string
  }
}

/** Not that of the stories, which leave such directories on purpose. */
const clusterPrefix = "proliferate-cluster-"

/** Ends and removes what runs left that were killed: their directories hold the lock of a process that is gone. */
const sweep = () => {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(clusterPrefix))) {
    const directory = join(tmpdir(), name)
    const locks = readdirSync(directory).flatMap((file) => [...file.matchAll(/^server-(\d+)-(\w+)\.lock$/g)])
    if (locks.length === 0 || locks.some(([, pid, start]) => startOf(Number(pid)) === start)) continue
    for (const pid of postgresIn(join(directory, "cluster"))) signal(pid, "SIGQUIT")
    rmSync(directory, { recursive: true, force: true })
  }
}

const ownCluster = Effect.gen(function* () {
  yield* Effect.ignore(Effect.try(sweep))
  const dataDir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), clusterPrefix))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )
  const { url } = yield* startEmbedded({ dataDir, settings: { fsync: "off" } })
  return url
})

/** The server at `TEST_DATABASE_URL`, or one of one's own. */
export const testServer = Effect.suspend(() => {
  const url = process.env["TEST_DATABASE_URL"]
  return url === undefined ? ownCluster : Effect.succeed(url)
})

export const makeTemplate = Effect.fn("makeTemplate")(function* (url: string, name: string) {
  const sql = client(url, { max: 1 })
  yield* Effect.addFinalizer(() =>
    Effect.promise(() => sql.unsafe(`drop database if exists ${name} with (force)`).then(() => sql.end()))
  )
  yield* Effect.promise(() => sql.unsafe(`create database ${name}`))
  yield* Effect.scoped(Effect.flatMap(connect(databaseUrl(url, name)), (pools) => migrate(pools.sql)))
})

export default async (project: TestProject) => {
  const scope = Scope.makeUnsafe()
  const template = `proliferate_template_${process.pid}`
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const start = Effect.gen(function* () {
    const url = yield* testServer
    yield* makeTemplate(url, template)
    return url
  })
  try {
    project.provide("postgresUrl", await Effect.runPromise(Scope.provide(start, scope)))
    project.provide("postgresTemplate", template)
  } catch (cause) {
    await close()
    throw cause
  }
  return close
}
