/**
 * `npm run simulate -- [--seeds N] [--seed FIRST] [--json] [--trace] [--postgres] [--mutants]`: the named scenarios, then N seeds,
 * spread over the cores. A failing seed is told with the promise it broke, what of its troubles it needs for that, its last lines
 * with these alone, and the command that replays it; exit 1. `--only A,B --sessions N` is such a day. `--scenario NAME`: that one
 * and no seeds. With `--postgres` all of it is stored in a real PostgreSQL. With `--mutants` the program is broken on purpose,
 * once for each of a list, and one that lives is a failure.
 */
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { crewMax, together } from "./crew.ts"
import { mutants } from "./mutant-list.ts"
import { killMutants } from "./mutants.ts"
import { scenarios } from "./scenarios.ts"
import { live, type Outcome, simulation } from "./seed.ts"
import type { Milder } from "./simulation.ts"
import type { How, Work } from "./work.ts"

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
      postgres: { type: "boolean", default: false },
      mutants: { type: "boolean", default: false },
      scenario: { type: "string" },
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

type Options = ReturnType<typeof options>

const say = (line: string) => process.stdout.write(`${line}\n`)

const tell = ({ seed, violation }: Outcome, { only, sessionsMax }: Milder) => {
  if (violation === null) return
  for (const line of violation.lines) say(line)
  say(`violated: ${violation.law}`)
  const needs = only === null ? "" : ` --sessions ${sessionsMax} --only "${[...only].join(",")}"`
  say(`replay: npm run simulate -- --seeds 1 --seed ${seed}${needs}\n`)
}

const workOf = ({ scenario, seed, seeds }: Options): ReadonlyArray<Work> => {
  if (scenario !== undefined && scenarios[scenario] === undefined) throw new Error(`there is no scenario ${scenario}`)
  if (scenario !== undefined) return [{ scenario }]
  const named = Object.keys(scenarios).map((name) => ({ scenario: name }))
  return [...named, ...Array.from({ length: seeds }, (_, index) => ({ seed: seed + index }))]
}

const simulateAll = async (given: Options, databases: How["databases"]) => {
  const totals = { seeds: 0, steps: 0, violations: 0, commits: 0, folded: 0, crashes: 0, scenarios: [] as Array<string> }
  const how = { milder: given.milder, isShrunk: given.shrink, databases }
  await together(workOf(given), how, (done) => {
    if ("scenario" in done) {
      totals.scenarios.push(done.scenario)
      if (done.violation !== null) say(`violated: ${done.scenario}: ${done.violation}`)
      if (done.violation !== null) totals.violations += 1
    } else {
      const { steps, commits, folded, crashes, violation } = done.outcome
      totals.seeds += 1
      totals.steps += steps
      totals.commits += commits
      totals.folded += folded
      totals.crashes += crashes
      if (violation !== null) totals.violations += 1
      tell(done.told, done.needs)
    }
    return totals.violations >= given.violations
  })
  totals.scenarios = Object.keys(scenarios).filter((name) => totals.scenarios.includes(name))
  return totals
}

const main = async (): Promise<number> => {
  const given = options()
  const { seed, json, trace, postgres, milder } = given
  if (trace) {
    const traced = simulation(seed, milder)
    const outcome = live(seed, traced)
    for (const line of traced.trace) say(line)
    tell(outcome, milder)
    return outcome.violation === null ? 0 : 1
  }
  const startedAtMs = Date.now()
  const totals = given.mutants
    ? { seeds: 0, steps: 0, violations: 0, commits: 0, folded: 0, crashes: 0, scenarios: [] }
    : postgres
      ? await withDatabases((urls) => simulateAll(given, urls))
      : await simulateAll(given, null)
  const mutantsCaught = given.mutants ? await killMutants(say) : 0
  const all = { ...totals, mutantsCaught, mutants: given.mutants ? mutants.length : 0 }
  const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(1)
  const { commits, folded, crashes, violations } = totals
  if (json) say(JSON.stringify(all))
  else if (given.mutants) say(`${mutantsCaught} of ${mutants.length} mutants were caught, ${seconds} s`)
  else
    say(
      `${totals.scenarios.length} scenarios, ${totals.seeds} seeds${postgres ? " on PostgreSQL" : ""}: ${commits} commits and ${folded} steps folded into them, ${crashes} crashes, ${violations} violations, ${seconds} s`
    )
  return violations === 0 && all.mutantsCaught === all.mutants ? 0 : 1
}

/** Only whoever simulates on PostgreSQL needs its adapter. */
const withDatabases = async <A>(use: (urls: ReadonlyArray<string>) => Promise<A>): Promise<A> => {
  const { databases } = await import("./databases.ts")
  return Effect.runPromise(Effect.scoped(Effect.flatMap(databases(crewMax), (urls) => Effect.promise(() => use(urls)))))
}

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  return 2
})
