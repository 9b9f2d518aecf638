/**
 * A server of the demo's own: its own data, its own database, any free port. It ends with the scope, within 50 s or by SIGKILL.
 * What it logs is kept (the last 200 lines) for when something goes wrong.
 */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Deferred, Effect, Schema } from "effect"
import type { Connection } from "../api.ts"
import { DemoFailed } from "./failure.ts"

const startsWithinMs = 60_000
const stopsWithinMs = 50_000
const linesMax = 200

const Greeting = Schema.Struct({
  url: Schema.String,
  token: Schema.NullOr(Schema.String),
  transport: Schema.String,
  isolation: Schema.String,
  database: Schema.String,
  coordination: Schema.String
})

export interface DemoServer {
  readonly connection: Connection
  readonly greeting: typeof Greeting.Type
  readonly startedInMs: number
  readonly log: () => string
  /** Fails when the server ends by itself. */
  readonly died: Effect.Effect<never, DemoFailed>
}

const program = join(import.meta.dirname, "..", "serve.ts")

/** Of what the person set up for a server of theirs: where sandboxes are and how isolated, and where agents are installed. */
const shared = new Set(["PROLIFERATE_SANDBOX", "PROLIFERATE_E2B_TEMPLATE", "PROLIFERATE_ISOLATION", "PROLIFERATE_AGENTS_DIR"])
const environment = (dataDir: string, settings: Readonly<Record<string, string>>) => {
  const { DATABASE_URL: _, ...rest } = process.env
  const own = Object.entries(rest).filter(([name]) => !name.startsWith("PROLIFERATE_") || shared.has(name))
  return { ...Object.fromEntries(own), ...settings, PROLIFERATE_JSON: "true", PROLIFERATE_PORT: "0", PROLIFERATE_DATA: dataDir }
}

export const startServer = Effect.fnUntraced(function* (dataDir: string, settings: Readonly<Record<string, string>>) {
  const failed = (what: string) => new DemoFailed({ failedAt: "server", what, seen: log() })
  const lines: Array<string> = []
  const log = () => lines.join("\n")
  const keep = (line: string) => {
    lines.push(line)
    if (lines.length > linesMax) lines.shift()
  }
  const beganAt = performance.now()
  const greeted = yield* Deferred.make<string, DemoFailed>()
  const ended = yield* Deferred.make<never, DemoFailed>()

  yield* Effect.acquireRelease(
    Effect.sync(() => {
      // A group of its own: Ctrl-C is for the demo, which then stops the server in order.
      const child = spawn(process.execPath, [program], {
        env: environment(dataDir, settings),
        stdio: ["ignore", "pipe", "pipe"],
        detached: true
      })
      createInterface({ input: child.stderr }).on("line", keep)
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (!Deferred.doneUnsafe(greeted, Effect.succeed(line))) keep(line)
      })
      const end = (how: string) => {
        Deferred.doneUnsafe(greeted, Effect.fail(failed(`the server did not start: ${how}`)))
        Deferred.doneUnsafe(ended, Effect.fail(failed(`the server ended by itself: ${how}`)))
      }
      child.on("error", ({ message }) => end(message))
      child.on("exit", (code, signal) => end(signal === null ? `exit code ${code}` : signal))
      return child
    }),
    (child) =>
      Effect.gen(function* () {
        child.kill("SIGTERM")
        yield* Deferred.await(ended).pipe(
          Effect.ignore,
          Effect.timeout(stopsWithinMs),
          Effect.catch(() => Effect.sync(() => child.kill("SIGKILL")))
        )
      })
  )

  const first = yield* Deferred.await(greeted).pipe(
    Effect.timeoutOrElse({
      duration: startsWithinMs,
      orElse: () => Effect.fail(failed(`the server did not say where it listens within ${startsWithinMs / 1000} s`))
    })
  )
  const greeting = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Greeting))(first).pipe(
    Effect.mapError(() => failed(`the server's first line is not its greeting: ${first.slice(0, 200)}`))
  )
  const server: DemoServer = {
    connection: { url: greeting.url, token: greeting.token, socketPath: null, prefix: "" },
    greeting,
    startedInMs: performance.now() - beganAt,
    log,
    died: Deferred.await(ended)
  }
  return server
})
