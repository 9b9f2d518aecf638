/**
 * Something to do: a loop sleeps on it, whoever makes work wakes it, and may say for whom. A wake-up while the loop is busy is
 * kept, once.
 */
import { Effect, Option } from "effect"

export class Wakeup {
  #pending = false
  #sleeper: (() => void) | undefined

  #names: Set<string> | null = new Set()

  readonly wake = (name?: string): void => {
    this.#pending = true
    if (name === undefined) this.#names = null
    else this.#names?.add(name)
    this.#sleeper?.()
  }

  /** For whom it was woken since it was asked last; null: for anyone. */
  takeNames(): ReadonlySet<string> | null {
    const names = this.#names
    this.#names = new Set()
    return names
  }

  /** Returns when woken, or after `limitMs`. */
  readonly within = (limitMs: number): Effect.Effect<void> =>
    Effect.callback<void>((resume) => {
      if (this.#pending) return resume(Effect.void)
      this.#sleeper = () => resume(Effect.void)
    }).pipe(
      Effect.timeoutOption(limitMs),
      Effect.map(Option.getOrUndefined),
      Effect.ensuring(
        Effect.sync(() => {
          this.#pending = false
          this.#sleeper = undefined
        })
      )
    )
}
