/** A process that owns an embedded PostgreSQL: prints one line of JSON about it, or about its refusal, and runs until it is told to end. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, References } from "effect"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"

const say = (line: object) => Effect.sync(() => console.log(JSON.stringify(line)))

startEmbedded({ dataDir: process.argv[2] ?? "" }).pipe(
  Effect.flatMap(({ url, pid, isAdopted }) => say({ url, pid, isAdopted })),
  Effect.andThen(Effect.never),
  Effect.tapError(({ reason, message }) => say({ reason, message })),
  Effect.scoped,
  Effect.provideService(References.MinimumLogLevel, "None"),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
