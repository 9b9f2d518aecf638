/**
 * `proliferate tokens create --local`: an owner's token for whoever can read the server's data, without asking the server, whether
 * it runs or not. Where the embedded PostgreSQL runs it is asked; where it does not it runs for this one question.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Logger, Redacted, References } from "effect"
import { People } from "../actors/services/people.ts"
import { layer as directoryLayer } from "../adapters/postgres/directory.ts"
import { findPlace } from "../adapters/postgres/embedded/place.ts"
import { startEmbedded } from "../adapters/postgres/embedded.ts"
import { connect, Postgres } from "../adapters/postgres/pool.ts"
import { asJson, asText, exits, Failed } from "./failure.ts"
import { settings } from "./settings.ts"

const withinMs = 60_000

const { values } = parseArgs({
  options: { name: { type: "string", default: "local" }, email: { type: "string" }, json: { type: "boolean", default: false } }
})

const pools = { sqlMax: 1, committerMax: 1 }

const open = Effect.gen(function* () {
  const { dataDir, databaseUrl } = yield* settings
  if (databaseUrl !== null) return yield* connect(Redacted.value(databaseUrl), pools)
  const databaseDir = join(dataDir, "postgres")
  if (!existsSync(join(databaseDir, "cluster")))
    return yield* new Failed({
      exit: "failure",
      what: `there is no server's data in ${dataDir}`,
      todo: "Run it where the server runs, or say where with PROLIFERATE_DATA or DATABASE_URL; a server makes its data on its first start."
    })
  const place = yield* findPlace(databaseDir)
  const url = yield* startEmbedded({ dataDir: databaseDir }).pipe(
    Effect.map((embedded) => embedded.url),
    // Its server is there: that one's database is ours.
    Effect.catch((error) => (error.reason === "in-use" ? Effect.succeed(place.url) : Effect.fail(error)))
  )
  return yield* connect(url, pools)
})

const issue = People.use((people) => people.issueLocally({ name: values.name, email: values.email ?? null })).pipe(
  Effect.provide(People.layer.pipe(Layer.provide(directoryLayer), Layer.provide(Layer.effect(Postgres, open))))
)

issue.pipe(
  Effect.timeoutOrElse({
    duration: withinMs,
    orElse: () =>
      Effect.fail(
        new Failed({ exit: "unavailable", what: `the database did not answer within ${withinMs / 1000} s`, todo: "Try again." })
      )
  }),
  Effect.flatMap(({ user, ...token }) =>
    Console.log(
      values.json
        ? JSON.stringify({ ...token, user })
        : `${token.secret}\n  for ${user.name} <${user.email}>, ${user.role}; shown this once`
    )
  ),
  Effect.as(exits.ok as number),
  Effect.catch((error) => {
    const failed =
      error instanceof Failed
        ? error
        : new Failed({
            exit: error._tag === "DatabaseError" && error.reason === "unreachable" ? "unavailable" : "failure",
            what: error.message,
            todo: "Start the server once if it never ran; PROLIFERATE_DATA and DATABASE_URL say where its data is."
          })
    return Effect.as(Console.error(values.json ? asJson(failed) : asText(failed)), exits[failed.exit] as number)
  }),
  Effect.provideService(Logger.LogToStderr, true),
  Effect.provideService(References.MinimumLogLevel, "Error"),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(exit._tag === "Success" ? Number(exit.value) : exits.failure)
  })
)
