/**
 * Questions to what organisations share, a few at a time and in turns: however many one of them causes, and whether anything comes of
 * them or not, another's waits for a few of them and not for all.
 */
import { Effect } from "effect"
import { Turns } from "./turns.ts"

export class Turnstile {
  readonly #max: number
  readonly #waiting = new Turns<() => void>()
  #inside = 0

  constructor(max: number) {
    this.#max = max
  }

  pass<A, E, R>(org: string, question: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const enter = Effect.callback<void>((resume) => {
      this.#waiting.push(org, () => resume(Effect.void))
      this.#pump()
    })
    const leave = Effect.sync(() => {
      this.#inside -= 1
      this.#waiting.giveBack(org)
      this.#pump()
    })
    return Effect.acquireUseRelease(
      enter,
      () => question,
      () => leave
    )
  }

  #pump(): void {
    for (const go of this.#waiting.take(this.#max - this.#inside)) {
      this.#inside += 1
      go()
    }
  }
}
