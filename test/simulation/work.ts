/** What a simulation is asked to live through: a scenario by its name, or a seed. */
import { scenarios } from "./scenarios.ts"
import { live, type Outcome, simulation } from "./seed.ts"
import { shrink } from "./shrink.ts"
import type { Milder } from "./simulation.ts"

export type Work = { readonly scenario: string } | { readonly seed: number }

export interface How {
  readonly milder: Milder
  /** Whether a failing seed is told with what it needs alone. */
  readonly isShrunk: boolean
  /** A PostgreSQL to live on, one for each who works; null: in memory. */
  readonly databases: ReadonlyArray<string> | null
}

export type Done =
  | { readonly scenario: string; readonly violation: string | null; readonly ms: number }
  /** A seed as it was lived, and as it is told: with what it needs to fail, if it did. */
  | { readonly seed: number; readonly outcome: Outcome; readonly told: Outcome; readonly needs: Milder }

export const doWork = (work: Work, { milder, isShrunk }: How): Done => {
  if ("scenario" in work) {
    const { scenario } = work
    const startedAtMs = performance.now()
    const over = (violation: string | null) => ({ scenario, violation, ms: performance.now() - startedAtMs })
    try {
      scenarios[scenario]!()
      return over(null)
    } catch (failure) {
      return over((failure as Error).message)
    }
  }
  const { seed } = work
  const outcome = live(seed, simulation(seed, milder))
  if (outcome.violation === null || milder.only !== null || !isShrunk) return { seed, outcome, told: outcome, needs: milder }
  const { outcome: told, milder: needs } = shrink(seed, outcome)
  return { seed, outcome, told, needs }
}
