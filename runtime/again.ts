/** Runs one thing, never twice at once: asked for while it runs, it runs once more. */
import { Effect } from "effect"

export class Again {
  readonly #run: Effect.Effect<void>
  readonly #fork: (effect: Effect.Effect<void>) => unknown
  #isRunning = false
  #isAsked = false

  constructor(run: Effect.Effect<void>, fork: (effect: Effect.Effect<void>) => unknown) {
    this.#run = run
    this.#fork = fork
  }

  ask(): void {
    this.#isAsked = true
    if (this.#isRunning) return
    this.#isRunning = true
    const once = Effect.suspend(() => {
      this.#isAsked = false
      return this.#run
    })
    this.#fork(
      Effect.ensuring(
        Effect.repeat(once, { while: () => this.#isAsked }),
        Effect.sync(() => {
          this.#isRunning = false
        })
      )
    )
  }
}
