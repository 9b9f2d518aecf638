/**
 * What waits for one resource that organisations share. Within one, first come first served; between them, in turns. An
 * organisation that is alone is served as from a plain queue. Beside others it holds no more at once than the second busiest of
 * all has asked for, and `turnsMin` in any case: however much one of them brings, the others go on almost as without it.
 */
import { turnsMin } from "./limits.ts"

export class Turns<A> {
  /** What waits; whose turn is next comes first, and none is empty. */
  readonly #queues = new Map<string, Array<A>>()
  /** What waits or is held, by organisation; none is 0. */
  readonly #asked = new Map<string, number>()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(org: string, item: A): void {
    this.#size += 1
    this.#asked.set(org, (this.#asked.get(org) ?? 0) + 1)
    const queue = this.#queues.get(org)
    if (queue === undefined) this.#queues.set(org, [item])
    else queue.push(item)
  }

  /** What is taken is held until it is given back. Less than `max`, or nothing, where what waits has to wait for what is held. */
  take(max: number): ReadonlyArray<A> {
    const taken: Array<A> = []
    const heldMax = this.#heldMax
    let passedOver = 0
    for (const [org, queue] of this.#queues) {
      // A Map is walked on to what is put at its end meanwhile: round and round, until nothing more may be taken.
      if (taken.length === max || passedOver > this.#queues.size) break
      this.#queues.delete(org)
      const left = heldMax - (this.#asked.get(org)! - queue.length)
      const count = heldMax === Number.POSITIVE_INFINITY ? max : Math.min(1, Math.max(0, left))
      passedOver = count === 0 ? passedOver + 1 : 0
      taken.push(...queue.splice(0, count))
      if (queue.length > 0) this.#queues.set(org, queue)
    }
    this.#size -= taken.length
    return taken
  }

  giveBack(org: string): void {
    const left = this.#asked.get(org)! - 1
    if (left === 0) this.#asked.delete(org)
    else this.#asked.set(org, left)
  }

  get #heldMax(): number {
    if (this.#asked.size <= 1) return Number.POSITIVE_INFINITY
    let [first, second] = [0, 0]
    for (const count of this.#asked.values()) {
      if (count > first) [first, second] = [count, first]
      else if (count > second) second = count
    }
    return Math.max(second, turnsMin)
  }
}
