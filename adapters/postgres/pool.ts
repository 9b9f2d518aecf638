/**
 * The connections to PostgreSQL, in two pools that reconnect by themselves: `sql` for everything, and `committer` for the one
 * statement of the journal, whose connections pin the plan that was measured best (a plan cached while the tables were empty
 * is 17 times slower, and with three thousand actors it stays cached).
 *
 * A URL names a server by host, or by socket directory as libpq does: `postgres://postgres@%2Frun%2Fpg/db`. A statement is
 * cancelled by the server after 30 s; closing waits 1 s for those under way. No message shows a URL: it may hold a password.
 */
import { Context, Duration, Effect, Layer, Schedule, Schema } from "effect"
import postgres from "postgres"

const connectionsMax = 10
const committersMax = 4
const connectTimeoutS = 10
const statementTimeoutMs = 30_000
const closeTimeoutS = 1
const urlExample = "postgres://user:password@host:5432/database"
/** Pauses between tries to connect double up to this: a server that is started again is found soon. */
const reconnectPauseMaxS = 0.25
const committerSettings = { enable_seqscan: "off", enable_mergejoin: "off", jit: "off", plan_cache_mode: "force_generic_plan" }

/** `unreachable`: no server answers. `refused`: one answers and will not have us. */
export class DatabaseError extends Schema.TaggedError<DatabaseError>()("DatabaseError", {
  reason: Schema.Literals(["unreachable", "refused"]),
  message: Schema.String
}) {}

export class Postgres extends Context.Service<Postgres, { readonly sql: postgres.Sql; readonly committer: postgres.Sql }>()(
  "proliferate/adapters/postgres/Postgres"
) {}

/** The URL of a server that listens on a socket in `directory` only. */
export const socketUrl = (directory: string, database: string): string =>
  `postgres://postgres@${encodeURIComponent(directory)}/${encodeURIComponent(database)}`

interface ClientOptions {
  readonly max: number
  readonly connection?: Readonly<Record<string, string | number>>
}

/** A client of `url`, not yet connected. */
export const client = (url: string, options: ClientOptions): postgres.Sql => {
  const parsed = new URL(url)
  if (!/^postgres(ql)?:$/.test(parsed.protocol)) throw new TypeError("another protocol")
  const directory = decodeURIComponent(parsed.hostname)
  return postgres(url, {
    ...(directory.startsWith("/") ? { host: directory, port: Number(parsed.port || 5432), ssl: false } : {}),
    connect_timeout: connectTimeoutS,
    backoff: (retries: number) => Math.min(0.02 * 2 ** retries, reconnectPauseMaxS),
    onnotice: () => {},
    // Its question after every connect is awaited by nobody: a server that dies meanwhile would end this process. So no arrays:
    // parameters and results that are lists go as JSON.
    fetch_types: false,
    ...options,
    connection: {
      application_name: "proliferate",
      statement_timeout: statementTimeoutMs,
      // A user named as our schema is would otherwise have the tables made in it.
      search_path: "public",
      ...options.connection
    }
  })
}

const asDatabaseError = (sql: postgres.Sql) => (cause: unknown) => {
  const { code, message } = cause as { readonly code?: string; readonly message: string }
  const { host, port, database, path } = sql.options
  const where = `${path || `${host.join(",")}:${port.join(",")}`}, database ${database}`
  // 57P03: it starts up or shuts down; 53300: too many clients. Those pass.
  return cause instanceof postgres.PostgresError && code !== "57P03" && code !== "53300"
    ? new DatabaseError({ reason: "refused", message: `PostgreSQL at ${where} refuses the connection: ${message}` })
    : new DatabaseError({
        reason: "unreachable",
        message: `no PostgreSQL answers at ${where} (${code ?? message}): start it, or correct DATABASE_URL`
      })
}

interface Sizes {
  readonly sqlMax?: number
  readonly committerMax?: number
}

/** Both pools, whether or not a server is there by now. */
export const open = (url: string, { sqlMax = connectionsMax, committerMax = committersMax }: Sizes = {}) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => ({
        sql: client(url, { max: sqlMax }),
        committer: client(url, { max: committerMax, connection: committerSettings })
      }),
      catch: () => new DatabaseError({ reason: "refused", message: `DATABASE_URL is not a URL such as ${urlExample}` })
    }),
    // A connection that died in the middle of a statement counts as busy until the time is up.
    (pools) => Effect.promise(() => Promise.all(Object.values(pools).map((pool) => pool.end({ timeout: closeTimeoutS }))))
  ).pipe(Effect.map(Postgres.of))

/** The same, after the server has answered once. */
export const connect = Effect.fn("Postgres.connect")(function* (url: string, sizes?: Sizes) {
  const pools = yield* open(url, sizes)
  const { sql } = pools
  yield* Effect.tryPromise({ try: () => sql`select 1`, catch: asDatabaseError(sql) }).pipe(
    Effect.retry({
      while: ({ reason }) => reason === "unreachable",
      schedule: Schedule.spaced("250 millis").pipe(Schedule.upTo({ duration: Duration.seconds(connectTimeoutS) }))
    })
  )
  return pools
})

/** The server at `url`. */
export const layer = (url: string, options?: Parameters<typeof connect>[1]): Layer.Layer<Postgres, DatabaseError> =>
  Layer.effect(Postgres, connect(url, options))
