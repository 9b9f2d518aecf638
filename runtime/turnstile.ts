/**
 * Questions to what organisations share, a few at a time and in turns: however many one of them causes, and whether anything comes of
 * them or not, another's waits for a few of them and not for all.
 */
import { Effect } from "effect"
import { vainMs } from "./limits.ts"
import { Turns } from "./turns.ts"

export class Turnstile {
  readonly #max: number
  readonly #waiting: Turns<() => void>
  #inside = 0

  constructor(max: number, nowMs: () => number) {
    this.#max = max
    this.#waiting = new Turns(nowMs)
  }

  pass<A, E, R>(org: string, question: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const asked = Effect.ensuring(restore(question), this.#leave(org))
        return this.#enterNow(org) ? asked : Effect.andThen(this.#enter(org), asked)
      })
    )
  }

  /** After what came to nothing: whoever asks for such beside others goes on a little later, and they sooner. */
  get pause(): Effect.Effect<void> {
    return Effect.suspend(() => (this.#waiting.isShared ? Effect.sleep(vainMs) : Effect.void))
  }

  #enterNow(org: string): boolean {
    if (this.#inside >= this.#max || !this.#waiting.hold(org)) return false
    this.#inside += 1
    return true
  }

  #enter(org: string): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.#waiting.push(org, () => resume(Effect.void))
      this.#pump()
    })
  }

  #leave(org: string): Effect.Effect<void> {
    return Effect.sync(() => {
      this.#inside -= 1
      this.#waiting.giveBack(org)
      this.#pump()
    })
  }

  #pump(): void {
    for (const go of this.#waiting.take(this.#max - this.#inside)) {
      this.#inside += 1
      go()
    }
  }
}
