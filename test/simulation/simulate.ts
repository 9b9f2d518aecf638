/**
 * `npm run simulate -- [--seeds N] [--seed FIRST] [--json] [--trace] [--mutants]`: the named scenarios, then N seeds, spread over
 * the cores. A failing seed is told with the promise it broke, what of its troubles it needs for that, its last lines with these
 * alone, and the command that replays it; exit 1. `--only A,B --sessions N` is such a day. With `--mutants` each mutant is
 * simulated for N seeds at most, and one that lives is a failure.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { fate, mutants } from "./mutants.ts"
import { scenarios } from "./scenarios.ts"
import { live, type Outcome, simulation } from "./seed.ts"
import { shrink } from "./shrink.ts"
import type { Milder } from "./simulation.ts"

interface Share {
  readonly seeds: ReadonlyArray<number>
  readonly milder: Milder
  readonly isShrunk: boolean
}

const options = () => {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      seeds: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      /** Stop after so many. */
      violations: { type: "string", default: "10" },
      json: { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      mutants: { type: "boolean", default: false },
      /** Whether a failing seed is told with what it needs alone. */
      shrink: { type: "boolean", default: true },
      only: { type: "string" },
      sessions: { type: "string", default: "4" }
    }
  })
  const number = (name: "seeds" | "seed" | "violations" | "sessions") => {
    const value = Number(values[name])
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a number, not ${values[name]}`)
    return value
  }
  const only = values.only === undefined ? null : new Set(values.only.split(",").filter((name) => name !== ""))
  const milder: Milder = { only, sessionsMax: number("sessions") }
  return { ...values, seeds: number("seeds"), seed: number("seed"), violations: number("violations"), milder }
}

/** A seed as it was lived, and as it is told: with what it needs to fail, if it did. */
interface Lived {
  readonly outcome: Outcome
  readonly told: Outcome
  readonly needs: Milder
}

const livedThrough = (seed: number, { milder, isShrunk }: Share): Lived => {
  const outcome = live(seed, simulation(seed, milder))
  if (outcome.violation === null || milder.only !== null || !isShrunk) return { outcome, told: outcome, needs: milder }
  const { outcome: told, milder: needs } = shrink(seed, outcome)
  return { outcome, told, needs }
}

const say = (line: string) => process.stdout.write(`${line}\n`)

const playScenarios = () =>
  Object.entries(scenarios).map(([name, scenario]) => {
    try {
      scenario()
      return { name, ok: true }
    } catch (failure) {
      say(`violated: ${name}: ${(failure as Error).message}`)
      return { name, ok: false }
    }
  })

const tell = ({ seed, violation }: Outcome, { only, sessionsMax }: Milder) => {
  if (violation === null) return
  for (const line of violation.lines) say(line)
  say(`violated: ${violation.law}`)
  const needs = only === null ? "" : ` --sessions ${sessionsMax} --only "${[...only].join(",")}"`
  say(`replay: npm run simulate -- --seeds 1 --seed ${seed}${needs}\n`)
}

const simulateAll = (first: number, count: number, violationsMax: number, how: Omit<Share, "seeds">) =>
  new Promise<ReadonlyArray<Outcome>>((resolve, reject) => {
    const outcomes: Array<Outcome> = []
    const shares = Math.min(availableParallelism(), count)
    let working = shares
    const workers = Array.from({ length: shares }, (_, share) => {
      const seeds = Array.from({ length: count }, (_, index) => first + index).filter((seed) => (seed - first) % shares === share)
      return new Worker(new URL(import.meta.url), { workerData: { seeds, ...how } satisfies Share })
    })
    const end = () => {
      for (const worker of workers) worker.terminate()
      resolve(outcomes)
    }
    for (const worker of workers) {
      worker.on("error", reject)
      worker.on("exit", () => --working === 0 && end())
      worker.on("message", ({ outcome, told, needs }: Lived) => {
        outcomes.push(outcome)
        tell(told, needs)
        if (outcomes.filter(({ violation }) => violation !== null).length === violationsMax) end()
      })
    }
    if (shares === 0) end()
  })

/** How many died. */
const killMutants = (seeds: number): number => {
  let dead = 0
  for (const mutant of mutants) {
    const law = fate(mutant, seeds)
    if (law !== null) dead += 1
    say(`${law === null ? "LIVES" : "dies "}  ${mutant.name}${law === null ? "" : `\n       ${law.slice(0, 160)}`}`)
  }
  say(`${dead} of ${mutants.length} mutants died`)
  return dead
}

const main = async (): Promise<number> => {
  const { seeds, seed, violations: violationsMax, json, trace, mutants: isMutating, shrink: isShrunk, milder } = options()
  if (trace) {
    const traced = simulation(seed, milder)
    const outcome = live(seed, traced)
    for (const line of traced.trace) say(line)
    tell(outcome, milder)
    return outcome.violation === null ? 0 : 1
  }
  const startedAtMs = Date.now()
  const played = playScenarios()
  const outcomes = await simulateAll(seed, seeds, violationsMax, { milder, isShrunk })
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0)
  const violations = sum(({ violation }) => (violation === null ? 0 : 1)) + played.filter(({ ok }) => !ok).length
  const mutantsCaught = isMutating ? killMutants(seeds) : 0
  const totals = {
    seeds: outcomes.length,
    steps: sum(({ steps }) => steps),
    violations,
    commits: sum(({ commits }) => commits),
    crashes: sum(({ crashes }) => crashes),
    scenarios: played.map(({ name }) => name),
    mutantsCaught,
    mutants: isMutating ? mutants.length : 0
  }
  if (json) say(JSON.stringify(totals))
  else {
    const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(1)
    const { commits, crashes } = totals
    say(
      `${played.length} scenarios, ${outcomes.length} seeds: ${commits} commits, ${crashes} crashes, ${violations} violations, ${seconds} s`
    )
  }
  return violations === 0 && totals.mutantsCaught === totals.mutants ? 0 : 1
}

if (isMainThread) {
  process.exitCode = await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    return 2
  })
} else {
  const share = workerData as Share
  for (const seed of share.seeds) parentPort!.postMessage(livedThrough(seed, share))
}
