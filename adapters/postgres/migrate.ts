/**
 * Brings a database to the state that this version needs: `sql/NNNN_name.sql`, each once, in order, in a transaction of its own
 * that holds one advisory lock, so that servers which start at once take turns. A file that was changed after it was applied, and
 * a database that a newer version wrote, are refused before anything is touched. Forward only.
 */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer, Schema } from "effect"
import type postgres from "postgres"
import { Postgres } from "./pool.ts"

/** From here as from the bundle, which lies as deep. */
const sqlDirectory = join(import.meta.dirname, "../../sql")
const serverVersionMin = 15
/** "proliferate", by number: any will do that no one else takes. */
const advisoryLock = 7_066_354
/** Another server's migration may take as long as ours. */
const lockTimeout = "10min"
const migrationTimeout = "10min"

/**
 * `changed`: a file is not what was applied. `newer`: the database knows migrations that we do not. `too-old`: the server is.
 * `files`: the folder has gaps. `failed`: a statement did; nothing of its file stands.
 */
export class MigrationError extends Schema.TaggedError<MigrationError>()("MigrationError", {
  reason: Schema.Literals(["changed", "newer", "too-old", "files", "failed"]),
  message: Schema.String
}) {}

interface Migration {
  readonly number: number
  readonly file: string
  readonly text: string
  readonly checksum: string
}

const refuse = (reason: MigrationError["reason"], message: string): never => {
  throw new MigrationError({ reason, message })
}

const readMigrations = (directory: string): ReadonlyArray<Migration> => {
  const files = readdirSync(directory).filter((name) => /^\d{4}_\w+\.sql$/.test(name))
  return files.sort().map((file, index) => {
    const number = Number(file.slice(0, 4))
    if (number !== index + 1) refuse("files", `${file} stands where migration ${index + 1} is expected in ${directory}`)
    // A checkout may change line ends.
    const text = readFileSync(join(directory, file), "utf8").replaceAll("\r\n", "\n")
    return { number, file, text, checksum: createHash("sha256").update(text).digest("hex") }
  })
}

const requireServer = async (sql: postgres.Sql): Promise<void> => {
  const [row] = await sql`select current_setting('server_version_num')::int / 10000 as major`
  if (row!.major < serverVersionMin) {
    refuse(
      "too-old",
      `PostgreSQL ${serverVersionMin} or newer is needed, this is ${row!.major}: upgrade it, or change DATABASE_URL`
    )
  }
}

/** The first migration that is not applied, after a look at those that are. */
const nextOf = (migrations: ReadonlyArray<Migration>, applied: ReadonlyArray<postgres.Row>): Migration | undefined => {
  for (const { number, file, checksum } of applied) {
    const known = migrations[number - 1]
    if (known === undefined) {
      refuse(
        "newer",
        `this database was written by a newer version of proliferate, which applied ${file}: install that or a later one`
      )
    } else if (known.checksum !== checksum) {
      refuse(
        "changed",
        `sql/${known.file} is not what was applied to this database: restore the file and add a new migration instead`
      )
    }
  }
  return migrations[applied.length]
}

/** Applies one migration; null when none is left. */
const applyNext = (sql: postgres.Sql, migrations: ReadonlyArray<Migration>): Promise<string | null> =>
  sql.begin(async (tx) => {
    await tx`select set_config('lock_timeout', ${lockTimeout}, true), set_config('statement_timeout', ${migrationTimeout}, true)`
    await tx`select pg_advisory_xact_lock(${advisoryLock})`
    await tx`create table if not exists proliferate_migrations (
      number int4 primary key, file text not null, checksum text not null, applied_at timestamptz not null default now()
    )`
    const migration = nextOf(migrations, await tx`select number, file, checksum from proliferate_migrations order by number`)
    if (migration === undefined) return null
    const { number, file, text, checksum } = migration
    await tx.unsafe(text).catch((cause) => refuse("failed", `sql/${file}: ${(cause as Error).message}`))
    await tx`insert into proliferate_migrations (number, file, checksum) values (${number}, ${file}, ${checksum})`
    return file
  })

/** Answers with the files that it applied. */
export const migrate = (sql: postgres.Sql, directory = sqlDirectory): Effect.Effect<ReadonlyArray<string>, MigrationError> =>
  Effect.tryPromise({
    try: async () => {
      const migrations = readMigrations(directory)
      await requireServer(sql)
      const applied: Array<string> = []
      for (let file = await applyNext(sql, migrations); file !== null; file = await applyNext(sql, migrations)) applied.push(file)
      return applied
    },
    catch: (cause) =>
      cause instanceof MigrationError
        ? cause
        : new MigrationError({
            reason: "failed",
            message: `the database could not be brought up to date: ${(cause as Error).message}`
          })
  })

/** A database that is up to date before anything else uses it. */
export const migrated: Layer.Layer<never, MigrationError, Postgres> = Layer.effectDiscard(
  Effect.flatMap(Postgres, ({ sql }) => migrate(sql))
)
