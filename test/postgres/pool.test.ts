import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Scope } from "effect"
import { connect } from "../../adapters/postgres/pool.ts"
import { databaseUrl } from "../support/database-url.ts"
import { eventually } from "../support/embedded.ts"
import { emptyDatabase } from "../support/postgres.ts"

describe("the pools", () => {
  it.live("pin the committer's plan and no other's, and bound every statement", () =>
    Effect.gen(function* () {
      const { sql, committer } = yield* connect(yield* emptyDatabase)
      const names = [
        "application_name",
        "enable_mergejoin",
        "enable_seqscan",
        "jit",
        "plan_cache_mode",
        "search_path",
        "statement_timeout"
      ]
      const settingsOf = (pool: typeof sql) =>
        Effect.promise(async () =>
          (await pool`select setting from pg_settings where name in ${pool(names)} order by name`).map(({ setting }) => setting)
        )
      assert.deepStrictEqual(yield* settingsOf(committer), [
        "proliferate",
        "off",
        "off",
        "off",
        "force_generic_plan",
        "public",
        "30000"
      ])
      const [application, mergejoin, seqscan, , planCacheMode] = yield* settingsOf(sql)
      assert.deepStrictEqual([application, mergejoin, seqscan, planCacheMode], ["proliferate", "on", "on", "auto"])
    })
  )

  it.live("are whole again after the server has cut every connection", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const { sql, committer } = yield* connect(url)
      const other = yield* connect(url)
      yield* Effect.promise(() => Promise.all([sql`select 1`, committer`select 1`]))
      yield* Effect.promise(
        () =>
          other.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`
      )
      for (const pool of [sql, committer]) {
        yield* eventually("it answers again", () => pool`select 1`.then(() => true).catch(() => false))
      }
    })
  )

  it.live("close within a second or so, whatever is under way", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { sql } = yield* Scope.provide(connect(yield* emptyDatabase), scope)
      const slow = sql`select pg_sleep(20)`.catch(({ code }) => code)
      yield* Effect.promise(() => sql`select 1`)
      const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
      assert.isBelow(Duration.toMillis(took), 4_000)
      assert.strictEqual(yield* Effect.promise(() => slow), "CONNECTION_DESTROYED")
    })
  )

  it.live("tell at once of a server that refuses them, and of what is no URL", () =>
    Effect.gen(function* () {
      const absent = yield* Effect.flip(connect(databaseUrl(yield* emptyDatabase, "nowhere")))
      assert.strictEqual(absent.reason, "refused")
      assert.include(absent.message, `database "nowhere" does not exist`)
      for (const url of ["", "localhost:5432/work", "https://ada:secret@example.org/work"]) {
        const { reason, message } = yield* Effect.flip(connect(url))
        assert.strictEqual(reason, "refused")
        assert.include(message, "DATABASE_URL is not a URL such as postgres://")
        assert.notInclude(message, "secret")
      }
    })
  )
})
