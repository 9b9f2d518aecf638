import { appendFileSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { migrate } from "../../adapters/postgres/migrate.ts"
import { connect } from "../../adapters/postgres/pool.ts"
import { describeSchema } from "../../adapters/postgres/schema.ts"
import { scratch } from "../support/embedded.ts"
import { emptyDatabase, migratedDatabase } from "../support/postgres.ts"

const sqlDirectory = join(import.meta.dirname, "../../sql")
const ours = readdirSync(sqlDirectory)
  .filter((file) => /^\d{4}_/.test(file))
  .sort()

const pools = Effect.flatMap(emptyDatabase, (url) => connect(url))

/** A folder of two small migrations, to be spoilt. */
const folder = Effect.tap(scratch, (directory) =>
  Effect.sync(() => {
    writeFileSync(join(directory, "0001_first.sql"), "create table first (n int);\n")
    writeFileSync(join(directory, "0002_second.sql"), "create table second (n int); insert into second values (1);\n")
    writeFileSync(join(directory, "other.sql"), "no migration")
  })
)
const reasonAndMessage = <A, E extends { readonly reason: string; readonly message: string }, R>(
  effect: Effect.Effect<A, E, R>
) => Effect.map(Effect.flip(effect), ({ reason, message }) => [reason, message] as const)

describe("migrations", () => {
  it.live("bring an empty database up to date, once", () =>
    Effect.gen(function* () {
      const { sql } = yield* pools
      assert.deepStrictEqual(yield* migrate(sql), ours)
      assert.deepStrictEqual(yield* migrate(sql), [])
    })
  )

  it.live("are each applied once when eight servers start at once", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const servers = yield* Effect.all(Array.from({ length: 8 }, () => connect(url)))
      const applied = yield* Effect.all(
        servers.map(({ sql }) => migrate(sql)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(applied.flat().sort(), ours)
    })
  )

  it.live("are the same with the line ends of another system", () =>
    Effect.gen(function* () {
      const { sql } = yield* pools
      const directory = yield* folder
      yield* migrate(sql, directory)
      const file = join(directory, "0001_first.sql")
      writeFileSync(file, readFileSync(file, "utf8").replaceAll("\n", "\r\n"))
      assert.deepStrictEqual(yield* migrate(sql, directory), [])
    })
  )

  it.live("refuse a file that was changed after it was applied, by its name", () =>
    Effect.gen(function* () {
      const { sql } = yield* pools
      const directory = yield* folder
      yield* migrate(sql, directory)
      appendFileSync(join(directory, "0001_first.sql"), "-- better\n")
      const [reason, message] = yield* reasonAndMessage(migrate(sql, directory))
      assert.strictEqual(reason, "changed")
      assert.include(message, "sql/0001_first.sql is not what was applied")
    })
  )

  it.live("refuse a database that a newer version wrote", () =>
    Effect.gen(function* () {
      const { sql } = yield* pools
      const directory = yield* folder
      yield* migrate(sql, directory)
      rmSync(join(directory, "0002_second.sql"))
      const [reason, message] = yield* reasonAndMessage(migrate(sql, directory))
      assert.strictEqual(reason, "newer")
      assert.include(message, "written by a newer version of proliferate, which applied 0002_second.sql")
    })
  )

  it.live("leave nothing of a file that fails, keep the ones before it, and go on when it is mended", () =>
    Effect.gen(function* () {
      const { sql } = yield* pools
      const directory = yield* folder
      const file = join(directory, "0002_second.sql")
      const good = readFileSync(file, "utf8")
      writeFileSync(file, `${good}; select broken;`)
      const [reason, message] = yield* reasonAndMessage(migrate(sql, directory))
      assert.strictEqual(reason, "failed")
      assert.include(message, `sql/0002_second.sql: column "broken" does not exist`)
      const [row] = yield* Effect.promise(
        () => sql`select to_regclass('first')::text as first, to_regclass('second')::text as second`
      )
      assert.deepStrictEqual({ ...row }, { first: "first", second: null })
      writeFileSync(file, good)
      assert.deepStrictEqual(yield* migrate(sql, directory), ["0002_second.sql"])
    })
  )

  it.live("refuse a folder with a gap or two files of one number", () =>
    Effect.gen(function* () {
      const { sql } = yield* pools
      const directory = yield* folder
      copyFileSync(join(directory, "0002_second.sql"), join(directory, "0004_fourth.sql"))
      assert.strictEqual((yield* reasonAndMessage(migrate(sql, directory)))[0], "files")
      rmSync(join(directory, "0004_fourth.sql"))
      copyFileSync(join(directory, "0002_second.sql"), join(directory, "0002_again.sql"))
      assert.strictEqual((yield* reasonAndMessage(migrate(sql, directory)))[0], "files")
    })
  )

  it.live(
    "lead to the schema that sql/schema.sql shows, where the server is a PostgreSQL 18 (`npm run schema` writes it)",
    (test) =>
      Effect.gen(function* () {
        const { sql } = yield* connect(yield* migratedDatabase)
        const [server] = yield* Effect.promise(() => sql`select current_setting('server_version_num')::int / 10000 as major`)
        if (server!.major !== 18) return test.skip(`PostgreSQL ${server!.major} words its catalogs otherwise`)
        assert.strictEqual(yield* describeSchema(sql), readFileSync(join(sqlDirectory, "schema.sql"), "utf8"))
      })
  )

  it.live("can be run again from sql/schema.sql, to the same schema", () =>
    Effect.gen(function* () {
      const { sql } = yield* pools
      yield* Effect.promise(() => sql.unsafe(readFileSync(join(sqlDirectory, "schema.sql"), "utf8")))
      const migrated = yield* connect(yield* migratedDatabase)
      assert.strictEqual(yield* describeSchema(sql), yield* describeSchema(migrated.sql))
    })
  )
})
