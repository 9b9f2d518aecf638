/** Something to do: a loop sleeps on it, whoever makes work wakes it. A wake-up while the loop is busy is kept, once. */
import { Effect, Option } from "effect"

export class Wakeup {
  #pending = false
  #sleeper: (() => void) | undefined

  readonly wake = (): void => {
    this.#pending = true
    this.#sleeper?.()
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
