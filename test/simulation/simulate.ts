/**
 * `npm run simulate -- [--seeds N] [--seed FIRST] [--json] [--trace] [--mutants]`: the named scenarios, then N seeds, spread over
 * the cores. A failing seed is told with the promise it broke, its last lines, and the command that replays it; exit 1.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { fate, mutants } from "./mutants.ts"
import { scenarios } from "./scenarios.ts"
import { live, type Outcome, simulation } from "./seed.ts"

interface Share {
  readonly seeds: ReadonlyArray<number>
}

const options = () => {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      /** Stop after so many. */
      violations: { type: "string", default: "10" },
      json: { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      mutants: { type: "boolean", default: false }
    }
  })
  const number = (name: "seeds" | "seed" | "violations") => {
    const value = Number(values[name])
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a number, not ${values[name]}`)
    return value
  }
  return { ...values, seeds: number("seeds"), seed: number("seed"), violations: number("violations") }
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

const tell = ({ seed, violation }: Outcome) => {
  if (violation === null) return
  for (const line of violation.lines) say(line)
  say(`violated: ${violation.law}`)
  say(`replay: npm run simulate -- --seeds 1 --seed ${seed}\n`)
}

const simulateAll = (first: number, count: number, violationsMax: number) =>
  new Promise<ReadonlyArray<Outcome>>((resolve, reject) => {
    const outcomes: Array<Outcome> = []
    const shares = Math.min(availableParallelism(), count)
    let working = shares
    const workers = Array.from({ length: shares }, (_, share) => {
      const seeds = Array.from({ length: count }, (_, index) => first + index).filter((seed) => (seed - first) % shares === share)
      return new Worker(new URL(import.meta.url), { workerData: { seeds } satisfies Share })
    })
    const end = () => {
      for (const worker of workers) worker.terminate()
      resolve(outcomes)
    }
    for (const worker of workers) {
      worker.on("error", reject)
      worker.on("exit", () => --working === 0 && end())
      worker.on("message", (outcome: Outcome) => {
        outcomes.push(outcome)
        tell(outcome)
        if (outcomes.filter(({ violation }) => violation !== null).length === violationsMax) end()
      })
    }
    if (shares === 0) end()
  })

const killMutants = (seeds: number): number => {
  let alive = 0
  for (const mutant of mutants) {
    const law = fate(mutant, seeds)
    if (law === null) alive += 1
    say(`${law === null ? "LIVES" : "dies "}  ${mutant.name}${law === null ? "" : `\n       ${law.slice(0, 160)}`}`)
  }
  say(`${mutants.length - alive} of ${mutants.length} mutants died`)
  return alive
}

const main = async (): Promise<number> => {
  const { seeds, seed, violations: violationsMax, json, trace, mutants: isMutating } = options()
  if (isMutating) return Math.min(killMutants(seeds), 1)
  if (trace) {
    const traced = simulation(seed)
    const outcome = live(seed, traced)
    for (const line of traced.trace) say(line)
    tell(outcome)
    return outcome.violation === null ? 0 : 1
  }
  const startedAtMs = Date.now()
  const played = playScenarios()
  const outcomes = await simulateAll(seed, seeds, violationsMax)
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0)
  const violations = sum(({ violation }) => (violation === null ? 0 : 1)) + played.filter(({ ok }) => !ok).length
  const totals = {
    seeds: outcomes.length,
    steps: sum(({ steps }) => steps),
    violations,
    commits: sum(({ commits }) => commits),
    crashes: sum(({ crashes }) => crashes),
    scenarios: played
  }
  if (json) say(JSON.stringify(totals))
  else {
    const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(1)
    const { commits, crashes } = totals
    say(
      `${played.length} scenarios, ${outcomes.length} seeds: ${commits} commits, ${crashes} crashes, ${violations} violations, ${seconds} s`
    )
  }
  return violations === 0 ? 0 : 1
}

if (isMainThread) {
  process.exitCode = await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    return 2
  })
} else for (const seed of (workerData as Share).seeds) parentPort!.postMessage(live(seed))
