/** Those who wait for the next change of something. */
import { Effect } from "effect"

export class Waiters {
  readonly #waiting = new Set<() => void>()

  get areThere(): boolean {
    return this.#waiting.size > 0
  }

  /** Waits for the next `wake`. */
  readonly changed: Effect.Effect<void> = Effect.callback((resume) => {
    const waiter = () => resume(Effect.void)
    this.#waiting.add(waiter)
    return Effect.sync(() => this.#waiting.delete(waiter))
  })

  wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const waiter of waiting) waiter()
  }
}
