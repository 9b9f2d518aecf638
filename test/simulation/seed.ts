/** One seed lived through, and what came of it. */
import { Violation } from "./laws.ts"
import { asDrawn, type Milder, Simulation } from "./simulation.ts"
import { storm } from "./storm.ts"

const linesTold = 40

export interface Outcome {
  readonly seed: number
  readonly steps: number
  readonly commits: number
  readonly folded: number
  readonly crashes: number
  /** The promise that was broken, with the last lines of the trace; null: none. */
  readonly violation: { readonly law: string; readonly lines: ReadonlyArray<string> } | null
}

export const simulation = (seed: number, milder: Milder = asDrawn): Simulation => new Simulation(seed, milder)

export const live = (seed: number, given = simulation(seed)): Outcome => {
  let violation: Outcome["violation"] = null
  try {
    storm(given)
  } catch (failure) {
    // Anything but a broken promise is a fault of the program or of the simulation: as bad, and told whole.
    const law = failure instanceof Violation ? failure.message : ((failure as Error).stack ?? String(failure))
    violation = { law, lines: given.trace.slice(-linesTold) }
  }
  const { steps, crashes } = given.counts
  return { seed, steps, crashes, commits: given.laws.commits, folded: given.laws.folded, violation }
}
