/** The real clock, until it is told to leap: then whatever sleeps wakes as if so much time had passed. */
import { type Clock, type Duration, Effect } from "effect"

export class LeapingClock implements Clock.Clock {
  #aheadMs = 0
  readonly #sleepers = new Set<{ readonly dueMs: number; readonly wake: () => void }>()

  readonly currentTimeMillisUnsafe = (): number => Date.now() + this.#aheadMs
  readonly currentTimeMillis = Effect.sync(this.currentTimeMillisUnsafe)
  readonly currentTimeNanosUnsafe = (): bigint => BigInt(Math.round(this.currentTimeMillisUnsafe() * 1e6))
  readonly currentTimeNanos = Effect.sync(this.currentTimeNanosUnsafe)
  readonly monotonicTimeNanosUnsafe = this.currentTimeNanosUnsafe
  readonly monotonicTimeNanos = this.currentTimeNanos

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const ms = Number(duration.value._tag === "Millis" ? duration.value.millis : Number.POSITIVE_INFINITY)
    return Effect.callback((resume) => {
      const sleeper = {
        dueMs: this.currentTimeMillisUnsafe() + ms,
        wake: () => {
          clearTimeout(timer)
          this.#sleepers.delete(sleeper)
          resume(Effect.void)
        }
      }
      const timer = setTimeout(sleeper.wake, Math.min(ms, 2 ** 31 - 1))
      this.#sleepers.add(sleeper)
      return Effect.sync(() => {
        clearTimeout(timer)
        this.#sleepers.delete(sleeper)
      })
    })
  }

  leap(ms: number): void {
    this.#aheadMs += ms
    const nowMs = this.currentTimeMillisUnsafe()
    for (const sleeper of [...this.#sleepers]) if (sleeper.dueMs <= nowMs) sleeper.wake()
  }
}
