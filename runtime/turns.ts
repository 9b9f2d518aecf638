/**
 * What waits for one resource that organisations share. Within one, first come first served; between them, in turns. An
 * organisation that is alone is served as from a plain queue. Beside others it holds no more at once than the second busiest of
 * all has asked for lately (demand.ts), and no more than its part of `turnsMax`; but `turnsMin` in any case, and as many times more
 * as the others are there seldom. However much one of them brings, or some of them, the others go on almost as without it.
 */
import { Demand } from "./demand.ts"
import { turnsMax, turnsMin } from "./limits.ts"

/** First in, first out, at the same cost however long: an array that is shortened at its head is moved each time. */
class Queue<A> {
  #items: Array<A> = []
  #taken = 0

  get length(): number {
    return this.#items.length - this.#taken
  }

  push(item: A): void {
    this.#items.push(item)
  }

  take(max: number): ReadonlyArray<A> {
    const taken = this.#items.slice(this.#taken, this.#taken + max)
    this.#taken += taken.length
    if (this.#taken > this.#items.length / 2) {
      this.#items = this.#items.slice(this.#taken)
      this.#taken = 0
    }
    return taken
  }
}

export class Turns<A> {
  /** What waits; whose turn is next comes first, and none is empty. */
  readonly #queues = new Map<string, Queue<A>>()
  /** What waits or is held. */
  readonly #demand: Demand
  #size = 0

  constructor(nowMs: () => number) {
    this.#demand = new Demand(nowMs)
  }

  get size(): number {
    return this.#size
  }

  push(org: string, item: A): void {
    this.#size += 1
    this.#demand.add(org)
    const queue = this.#queues.get(org) ?? new Queue()
    queue.push(item)
    // Where it is in line already it stays there.
    this.#queues.set(org, queue)
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
      const left = heldMax - (this.#demand.of(org) - queue.length)
      const count = heldMax === Number.POSITIVE_INFINITY ? max : Math.min(1, Math.max(0, left))
      passedOver = count === 0 ? passedOver + 1 : 0
      for (const item of queue.take(count)) taken.push(item)
      if (queue.length > 0) this.#queues.set(org, queue)
    }
    this.#size -= taken.length
    return taken
  }

  /** One is held from now on, if it may be at once: then nothing of that organisation waits. */
  hold(org: string): boolean {
    if (this.#queues.has(org) || this.#demand.of(org) >= this.#heldMax) return false
    this.#demand.add(org)
    return true
  }

  /** Others are there, too. */
  get isShared(): boolean {
    return this.#heldMax !== Number.POSITIVE_INFINITY
  }

  giveBack(org: string): void {
    this.#demand.drop(org)
  }

  get #heldMax(): number {
    this.#demand.look()
    const { second, orgs, shared } = this.#demand
    if (second === 0) return Number.POSITIVE_INFINITY
    return Math.max(Math.floor(turnsMin / shared), Math.min(second, Math.floor(turnsMax / orgs)))
  }
}
