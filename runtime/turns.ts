/**
 * What waits for one resource that organisations share: within one, first come first served; between them, in turns. However much
 * one of them brings, another waits for one turn of each of the others. One alone is served as from a plain queue.
 */
export class Turns<A> {
  /** Whose turn is next comes first. None is empty. */
  readonly #queues = new Map<string, Array<A>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(org: string, item: A): void {
    this.#size += 1
    const queue = this.#queues.get(org)
    if (queue === undefined) this.#queues.set(org, [item])
    else queue.push(item)
  }

  take(max: number): Array<A> {
    const taken: Array<A> = []
    for (const [org, queue] of this.#queues) {
      if (taken.length === max) break
      this.#queues.delete(org)
      // A Map is walked on to what is put at its end meanwhile: round and round, until nothing is left or enough is taken.
      const count = this.#queues.size === 0 ? max - taken.length : 1
      taken.push(...queue.splice(0, count))
      if (queue.length > 0) this.#queues.set(org, queue)
    }
    this.#size -= taken.length
    return taken
  }
}
