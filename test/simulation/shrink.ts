/**
 * What a failing seed needs to fail: its troubles are taken away one by one, then sessions, and stay away if the same promise still
 * breaks. What is left is no smallest case, only a smaller one: each part of it was needed when it was tried. At most a minute.
 */
import { live, type Outcome, simulation } from "./seed.ts"
import type { Milder } from "./simulation.ts"

const shrinkMs = 60_000

const promiseOf = ({ violation }: Outcome): string | undefined => violation?.law.split(":")[0]

export interface Shrunk {
  readonly milder: Milder
  readonly outcome: Outcome
}

export const shrink = (seed: number, failed: Outcome): Shrunk => {
  const giveUpAtMs = performance.now() + shrinkMs
  const drawn = simulation(seed)
  live(seed, drawn)
  const sessions = [...drawn.journal.actors.values()].filter(({ address }) => address.kind === "session")
  let kept: Shrunk = {
    milder: { only: new Set([...drawn.weather.faults, ...drawn.misfortunes]), sessionsMax: sessions.length },
    outcome: failed
  }
  const attempt = (milder: Milder): void => {
    if (performance.now() > giveUpAtMs) return
    const outcome = live(seed, simulation(seed, milder))
    if (promiseOf(outcome) === promiseOf(failed)) kept = { milder, outcome }
  }
  for (const trouble of kept.milder.only!)
    attempt({ ...kept.milder, only: new Set([...kept.milder.only!].filter((name) => name !== trouble)) })
  for (let sessionsMax = 1; sessionsMax < kept.milder.sessionsMax; sessionsMax++) attempt({ ...kept.milder, sessionsMax })
  return kept
}
