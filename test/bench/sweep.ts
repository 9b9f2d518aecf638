/**
 * `npm run bench -- --scale`: transitions at a fixed rate, whether or not the last ones were answered, raised by half until one in a
 * hundred waits longer than the bound, twice in a row. What is at its end by then is named: this process, the database's, or neither, the disk.
 */
import { availableParallelism } from "node:os"
import { Clock, Effect } from "effect"
import type { Address } from "../../runtime/address.ts"
import { Router } from "../../runtime/router.ts"
import { quantile } from "./rows.ts"

const actors = 2_000
const stepMs = 5
const measureMs = 3_000
const boundMs = 100
const [firstRate, factor, stepsMax] = [100, 1.5, 16]
/** What runs late is not run at all: a load that nobody answers would otherwise never end. */
const openMax = 20_000

export interface Level {
  readonly rate: number
  readonly answered: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly refused: number
  /** Share of one processor that this process used, and what the machine has left. */
  readonly serverShare: number
}

const addresses: ReadonlyArray<Address> = Array.from({ length: actors }, (_, n) => ({
  org: "org_bench",
  kind: "counter",
  id: `sweep_${n}`,
  home: `sweep_${n}`
}))

const level = Effect.fnUntraced(function* (rate: number, round: number) {
  const router = yield* Router
  const took: Array<number> = []
  let [asked, refused, open] = [0, 0, 0]
  const cpu = process.cpuUsage()
  const startedAt = yield* Clock.currentTimeMillis
  const one = (n: number) =>
    Effect.gen(function* () {
      const askedAt = performance.now()
      const address = addresses[n % actors]!
      const answer = yield* Effect.result(router.ask(address, { id: `${round}:${n}`, event: { type: "next" }, by: null }))
      open -= 1
      if (answer._tag === "Success") took.push(performance.now() - askedAt)
      else refused += 1
    })
  while ((yield* Clock.currentTimeMillis) < startedAt + measureMs) {
    const due = Math.floor((((yield* Clock.currentTimeMillis) - startedAt) * rate) / 1_000)
    for (; asked < due; asked++) {
      if (open >= openMax) refused += 1
      else {
        open += 1
        yield* Effect.forkDetach(one(asked))
      }
    }
    yield* Effect.sleep(stepMs)
  }
  while (open > 0) yield* Effect.sleep(stepMs)
  const used = process.cpuUsage(cpu)
  const tookMs = (yield* Clock.currentTimeMillis) - startedAt
  return {
    rate,
    answered: (took.length * 1_000) / tookMs,
    p50Ms: took.length > 0 ? quantile(took, 0.5) : Number.POSITIVE_INFINITY,
    p99Ms: took.length > 0 ? quantile(took, 0.99) : Number.POSITIVE_INFINITY,
    refused,
    serverShare: (used.user + used.system) / 1_000 / tookMs
  } satisfies Level
})

const isHeld = ({ p99Ms, refused }: Level) => p99Ms <= boundMs && refused === 0

export const sweep = Effect.gen(function* () {
  const router = yield* Router
  const create = (address: Address) => router.ask(address, { id: "create", event: { type: "create" }, by: null })
  yield* Effect.forEach(addresses, create, { concurrency: "unbounded", discard: true })
  yield* level(firstRate, -1)
  const levels: Array<Level> = []
  for (let at = 0, rate = firstRate; at < stepsMax; at++, rate *= factor) {
    const measured = yield* level(Math.round(rate), at)
    levels.push(measured)
    if (levels.length > 1 && levels.slice(-2).every((one) => !isHeld(one))) break
  }
  return levels
})

export const sweepText = (levels: ReadonlyArray<Level>): string => {
  const line = ({ rate, answered, p50Ms, p99Ms, refused, serverShare }: Level) =>
    `${String(rate).padStart(8)}${answered.toFixed(0).padStart(10)}${p50Ms.toFixed(1).padStart(10)}${p99Ms.toFixed(1).padStart(10)}${String(refused).padStart(9)}${`${Math.round(serverShare * 100)}%`.padStart(10)}`
  const last = levels.at(-1)!
  const held = levels.filter(isHeld).at(-1)
  const first =
    last.serverShare > 0.85
      ? "this process, whose one thread decides"
      : `what it waits for: PostgreSQL, its disk, or the ${availableParallelism()} processors of this machine, which it shares with both`
  return [
    `${"asked/s".padStart(8)}${"done/s".padStart(10)}${"p50 ms".padStart(10)}${"p99 ms".padStart(10)}${"refused".padStart(9)}${"server".padStart(10)}`,
    ...levels.map(line),
    held === undefined ? `none keeps p99 under ${boundMs} ms here` : `${held.rate} a second keep p99 under ${boundMs} ms`,
    `what breaks first: ${first}`
  ].join("\n")
}
