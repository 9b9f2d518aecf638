/**
 * How often something may happen for each organisation: so many times at once, and then one at a time, in the order in which it was
 * asked for. Nothing is refused; what comes too soon waits.
 */
export class Pace {
  readonly #atOnceMax: number
  readonly #everyMs: number
  readonly #nowMs: () => number
  /** When it would have had all of them again, by organisation; last asked last. */
  readonly #restedAtMs = new Map<string, number>()

  constructor(atOnceMax: number, everyMs: number, nowMs: () => number) {
    this.#atOnceMax = atOnceMax
    this.#everyMs = everyMs
    this.#nowMs = nowMs
  }

  /** Takes the next turn, and says in how many milliseconds it is. */
  next(org: string): number {
    const nowMs = this.#nowMs()
    for (const [other, restedAtMs] of this.#restedAtMs) {
      if (restedAtMs > nowMs) break
      this.#restedAtMs.delete(other)
    }
    // One that has rested stays here behind another that has not: for having rested longer nobody has more of them.
    const restedAtMs = Math.max(this.#restedAtMs.get(org) ?? nowMs, nowMs) + this.#everyMs
    this.#restedAtMs.delete(org)
    this.#restedAtMs.set(org, restedAtMs)
    return Math.max(0, restedAtMs - this.#atOnceMax * this.#everyMs - nowMs)
  }
}
