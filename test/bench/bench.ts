/**
 * `npm run bench [-- --json] [--only NAME…]`: figures, each beside what it is measured against in the same run. A table, or with
 * --json a last line `{"rows":[{name, against, ours, theirs, ratio, unit, spread, goal}]}`. These are no tests: exit 0 whatever they
 * say, 1 if one could not be measured. `--only` takes beginnings of the names below.
 *
 * Those that need PostgreSQL have the embedded one on a directory of its own, fsync and synchronous_commit asserted to be on; one
 * pool of 32 connections serves ours and theirs. Rounds alternate; the first warms up and is not counted.
 */
import { Cause, Console, Effect, Exit, Layer, type Scope } from "effect"
import { layer as postgresFeed } from "../../adapters/postgres/feed.ts"
import { layer as postgresJournal } from "../../adapters/postgres/journal.ts"
import { Postgres } from "../../adapters/postgres/pool.ts"
import { Committer } from "../../runtime/committer.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { benchActivation } from "./activation.ts"
import { counterActor } from "./counter.ts"
import { benchAck, benchDurable } from "./durable.ts"
import { benchFairness } from "./fairness.ts"
import { benchFanOut } from "./fan-out.ts"
import { benchFeedBytes } from "./feed-bytes.ts"
import { benchHelp } from "./help.ts"
import { benchIdle } from "./idle.ts"
import { benchJourney } from "./journey.ts"
import { connections, onePool } from "./postgres.ts"
import { type Row, table } from "./rows.ts"
import { benchSandbox } from "./sandbox.ts"
import { benchSnapshot } from "./snapshot.ts"
import { benchStep } from "./step.ts"

const limitMs = 180_000

const isJson = process.argv.includes("--json")
const words = process.argv.slice(2).filter((word) => word !== "--json")
const only = words[0] === "--only" ? words.slice(1) : []
if (words.length > 0 && (words[0] !== "--only" || only.length === 0)) {
  console.error("usage: npm run bench [-- [--json] [--only NAME…]]")
  process.exit(2)
}

const stored = Layer.mergeAll(Committer.layer, localFeeds).pipe(
  Layer.provideMerge(LocalCoordination.layer),
  Layer.provideMerge(Layer.mergeAll(postgresJournal, postgresFeed)),
  Layer.provideMerge(onePool)
)
const runtime = localRouter([counterActor]).pipe(Layer.provideMerge(stored))

type Rows = Effect.Effect<ReadonlyArray<Row>, unknown, Scope.Scope>

const durable = (actors: number) =>
  Postgres.use(({ committer }) => benchDurable(committer, connections, actors, "bench")).pipe(Effect.provide(runtime))

const benches: Readonly<Record<string, Rows>> = {
  step: Effect.sync(() => [benchStep()]),
  ack: benchAck("bench").pipe(Effect.provide(runtime)),
  "durable transitions 300": durable(300),
  "durable transitions 3000": durable(3_000),
  fairness: benchFairness.pipe(Effect.provide(runtime)),
  "cold activation": benchActivation.pipe(Effect.provide(stored)),
  "idle session, 10000": benchIdle(10_000),
  "idle session, 100000": benchIdle(100_000),
  "feed storage": benchFeedBytes.pipe(Effect.provide(stored)),
  "fan-out to 1": benchFanOut(1),
  "fan-out to 1000": benchFanOut(1_000),
  journey: benchJourney,
  sandbox: benchSandbox,
  snapshot: benchSnapshot,
  "CLI --help": Effect.promise(benchHelp)
}

const chosen = Object.entries(benches).filter(([name]) => only.length === 0 || only.some((word) => name.startsWith(word)))
if (chosen.length === 0) {
  console.error(`no row is called ${only.join(", ")}; there are: ${Object.keys(benches).join(", ")}`)
  process.exit(2)
}

/** Ctrl-C leaves no server, sandbox or directory behind. */
const ended = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => ended.abort())

const rows: Array<Row> = []
const failures: Array<string> = []
for (const [name, bench] of chosen) {
  const startedAt = performance.now()
  const exit = await Effect.runPromiseExit(Effect.timeout(Effect.scoped(bench), limitMs), { signal: ended.signal })
  if (ended.signal.aborted) process.exit(130)
  if (Exit.isSuccess(exit)) rows.push(...exit.value)
  else failures.push(`${name} was not measured: ${Cause.pretty(exit.cause)}`)
  await Effect.runPromise(Console.error(`${name}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`))
}
await Effect.runPromise(Console.log(table(rows)))
for (const failure of failures) console.error(failure)
if (isJson) console.log(JSON.stringify({ rows }))
process.exitCode = failures.length > 0 ? 1 : 0
