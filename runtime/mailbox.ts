/** What waits for one actor: bounded, first come first served, one reader. A full one refuses at once, so that a caller can say 503. */
import { Effect } from "effect"
import { mailboxMessagesMax } from "./limits.ts"

export class Mailbox<A> {
  #waiting: Array<A> = []
  #reader: ((next: Effect.Effect<A>) => void) | undefined

  get size(): number {
    return this.#waiting.length
  }

  /** False: full. */
  offer(message: A): boolean {
    if (this.#reader !== undefined) {
      const reader = this.#reader
      this.#reader = undefined
      reader(Effect.succeed(message))
      return true
    }
    if (this.#waiting.length >= mailboxMessagesMax) return false
    this.#waiting.push(message)
    return true
  }

  /** What waits, oldest first. */
  get waiting(): ReadonlyArray<A> {
    return this.#waiting
  }

  /** Takes so many of those that wait. */
  takeNow(count: number): ReadonlyArray<A> {
    return this.#waiting.splice(0, count)
  }

  /** What was taken and not handled waits again, before all others. The reader is whoever gives it back. */
  putBack(messages: ReadonlyArray<A>): void {
    this.#waiting.unshift(...messages)
  }

  /** Takes all that waits. */
  clear(): ReadonlyArray<A> {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }

  get take(): Effect.Effect<A> {
    return Effect.callback((resume) => {
      const next = this.#waiting.shift()
      if (next !== undefined) {
        resume(Effect.succeed(next))
        return
      }
      this.#reader = resume
      return Effect.sync(() => {
        if (this.#reader === resume) this.#reader = undefined
      })
    })
  }
}
