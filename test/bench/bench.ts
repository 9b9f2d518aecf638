/**
 * `npm run bench [-- --json] [--peers] [--rounds N] [--only NAME…]`: figures, each beside what it is measured against in the same run.
 * A table of medians, or with --json a last line `{"rows":[{name, against, ours, theirs, ratio, unit, spread, goal, raw}]}`. These are
 * no tests: exit 0 whatever they say, 1 if one could not be measured. `--only` takes beginnings of the names below. `--peers` adds
 * what others' systems do, each in a process of its own; they are installed into test/bench/peers and reach no user. `--rounds` counts
 * for the rows whose contestants are processes, 5 unless told. Two rows take minutes and are run when they are named: `rows`, and
 * `failover`, how long the sessions of a killed node wait here and on Effect Cluster as it ships, which is installed with the peers.
 * `--model` says what ten thousand to a million sessions need, `--scale` what rate of transitions this machine bears; neither runs
 * the rows.
 *
 * Those that need PostgreSQL have the embedded one on a directory of its own, fsync and synchronous_commit asserted to be on; one
 * pool of 32 connections serves ours and theirs. Rounds alternate; the first warms up and is not counted.
 */
import { parseArgs } from "node:util"
import { Cause, Console, Effect, Exit, Layer, type Scope } from "effect"
import { layer as postgresFeed } from "../../adapters/postgres/feed.ts"
import { layer as postgresJournal } from "../../adapters/postgres/journal.ts"
import { Postgres } from "../../adapters/postgres/pool.ts"
import { Committer } from "../../runtime/committer.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { benchActivation } from "./activation.ts"
import { benchBurst } from "./burst.ts"
import { costs } from "./costs.ts"
import { counterActor } from "./counter.ts"
import { benchDecision } from "./decision.ts"
import { benchAck, benchDurable } from "./durable.ts"
import { benchFailover } from "./failover.ts"
import { benchFairness, type Told } from "./fairness.ts"
import { benchFanOut } from "./fan-out.ts"
import { benchFeedBytes } from "./feed-bytes.ts"
import { benchHelp } from "./help.ts"
import { benchIdle } from "./idle.ts"
import { benchJourney } from "./journey.ts"
import { limits, modelText, needOf, workload } from "./model.ts"
import { benchOutbox } from "./outbox.ts"
import { installPeers } from "./peers/install.ts"
import { benchPolicy } from "./policy.ts"
import { connections, onePool } from "./postgres.ts"
import { benchRecovery } from "./recovery.ts"
import { type Row, table } from "./rows.ts"
import { benchSandbox } from "./sandbox.ts"
import { benchSessions } from "./sessions.ts"
import { benchSnapshot } from "./snapshot.ts"
import { benchStep } from "./step.ts"
import { sweep, sweepText } from "./sweep.ts"
import { benchRows } from "./ten-million.ts"
import { benchTimers } from "./timers.ts"
import { workerActor } from "./worker.ts"

const limitMs = 300_000
const peersLimitMs = 1_800_000
const usage = "usage: npm run bench [-- [--json] [--model] [--scale] [--peers] [--rounds N] [--only NAME…]]"

const refuse = (): never => {
  console.error(usage)
  process.exit(2)
}
const asked = () => {
  try {
    return parseArgs({
      options: {
        model: { type: "boolean" },
        scale: { type: "boolean" },
        json: { type: "boolean" },
        peers: { type: "boolean" },
        rounds: { type: "string" },
        only: { type: "string" }
      },
      allowPositionals: true
    })
  } catch {
    return refuse()
  }
}
const { values, positionals } = asked()
const [isJson, withPeers, rounds] = [values.json === true, values.peers === true, Number(values.rounds ?? 5)]
const only = values.only === undefined ? [] : [values.only, ...positionals]
if (!(Number.isInteger(rounds) && rounds > 0) || (values.only === undefined && positionals.length > 0)) refuse()

const carried = Layer.mergeAll(Committer.layer, localFeeds).pipe(
  Layer.provideMerge(LocalCoordination.layer),
  Layer.provideMerge(Layer.mergeAll(postgresJournal, postgresFeed))
)
const stored = carried.pipe(Layer.provideMerge(onePool))
const runtime = localRouter([counterActor]).pipe(Layer.provideMerge(stored))

const told: Told = new Map()

type Rows = Effect.Effect<ReadonlyArray<Row>, unknown, Scope.Scope>

const durable = (actors: number) =>
  Postgres.use(({ committer }) => benchDurable(committer, connections, actors, "bench")).pipe(Effect.provide(runtime))

const benches: Readonly<Record<string, Rows>> = {
  step: Effect.sync(() => [benchStep()]),
  ack: benchAck("bench").pipe(Effect.provide(runtime)),
  "durable transitions 300": durable(300),
  "durable transitions 3000": durable(3_000),
  "burst of one session": benchBurst.pipe(Effect.provide(runtime)),
  fairness: benchFairness(told, localRouter([workerActor((id) => told.get(id)?.())]).pipe(Layer.provide(carried))).pipe(
    Effect.provide(onePool)
  ),
  decision: benchDecision.pipe(Effect.provide(stored)),
  "cold activation": benchActivation.pipe(Effect.provide(stored)),
  "idle session, 10000": benchIdle(10_000),
  "idle session, 100000": benchIdle(100_000),
  "feed storage": benchFeedBytes.pipe(Effect.provide(stored)),
  "fan-out to 1": benchFanOut(1),
  "fan-out to 1000": benchFanOut(1_000),
  journey: benchJourney,
  sandbox: benchSandbox,
  snapshot: benchSnapshot,
  outbox: benchOutbox(rounds, withPeers),
  timers: benchTimers,
  policy: benchPolicy(withPeers),
  recovery: benchRecovery,
  "CLI --help": Effect.promise(benchHelp),
  ...(withPeers && {
    "sessions, 1 at once": benchSessions(1, rounds),
    "sessions, 300 at once": benchSessions(300, rounds),
    "sessions, 3000 at once": benchSessions(3_000, rounds)
  })
}

/** Those that take minutes are run when they are named; failing over needs a library of the peers. */
const long: Readonly<Record<string, Rows>> = { rows: benchRows, failover: benchFailover(rounds) }
const ofPeers = new Set(["failover"])

/** Not against anything: what so many sessions need, and how much this machine bears. */
const [isModel, isScale] = [values.model === true, values.scale === true]
const residentBytes = Effect.map(benchIdle(10_000), (rows) => rows[0]!.ours)
const model = Effect.gen(function* () {
  const measured = yield* costs.pipe(Effect.provide(runtime))
  const bytes = yield* residentBytes
  const needs = [10_000, 100_000, 1_000_000].map((sessions) => needOf(sessions, measured, bytes))
  yield* Console.log(modelText(measured, bytes, needs))
  return { model: { costs: measured, residentBytes: bytes, workload, limits, needs } }
})
const scale = Effect.gen(function* () {
  const levels = yield* sweep.pipe(Effect.provide(runtime))
  yield* Console.log(sweepText(levels))
  return { scale: levels }
})
if (isModel || isScale) {
  const parts = [...(isModel ? [model] : []), ...(isScale ? [scale] : [])]
  const found = await Effect.runPromise(Effect.forEach(parts, (part) => Effect.scoped(part as typeof model)))
  if (isJson) console.log(JSON.stringify(Object.assign({}, ...found)))
  process.exit(0)
}

const chosen = [...Object.entries(benches), ...(only.length > 0 ? Object.entries(long) : [])].filter(
  ([name]) => only.length === 0 || only.some((word) => name.startsWith(word))
)
if (chosen.length === 0) {
  console.error(`no row is called ${only.join(", ")}; there are: ${Object.keys({ ...benches, ...long }).join(", ")}`)
  process.exit(2)
}

if (withPeers || chosen.some(([name]) => ofPeers.has(name))) {
  try {
    installPeers()
  } catch (cause) {
    console.error((cause as Error).message)
    process.exit(1)
  }
}

/** Ctrl-C leaves no server, sandbox or directory behind. */
const ended = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => ended.abort())

const rows: Array<Row> = []
const failures: Array<string> = []
for (const [name, bench] of chosen) {
  const startedAt = performance.now()
  const exit = await Effect.runPromiseExit(
    Effect.timeout(Effect.scoped(bench), withPeers || name in long ? peersLimitMs : limitMs),
    {
      signal: ended.signal
    }
  )
  if (ended.signal.aborted) process.exit(130)
  if (Exit.isSuccess(exit)) rows.push(...exit.value)
  else failures.push(`${name} was not measured: ${Cause.pretty(exit.cause)}`)
  await Effect.runPromise(Console.error(`${name}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`))
}
await Effect.runPromise(Console.log(table(rows)))
for (const failure of failures) console.error(failure)
if (isJson) console.log(JSON.stringify({ rows }))
// A supervisor whose runtime is gone may still wait for its journal, to set its last actor aside.
process.exit(failures.length > 0 ? 1 : 0)
