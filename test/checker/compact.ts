/** What a long walk remembers of millions of worlds, in few bytes each. */
import { hash } from "node:crypto"

/** Numbers below 2^32, one after another. */
export class Numbers {
  #all = new Uint32Array(1_024)
  length = 0

  at(index: number): number {
    return this.#all[index]!
  }

  push(number: number): void {
    if (this.length === this.#all.length) {
      const wider = new Uint32Array(this.length * 2)
      wider.set(this.#all)
      this.#all = wider
    }
    this.#all[this.length++] = number
  }
}

const words = 4

/**
 * Texts, numbered in the order in which they first come; of each its digest of 128 bits is kept. That two of ten million share one
 * has a chance of 1 in 10^25.
 */
export class Digests {
  /** By number, four words each. */
  readonly #known = new Numbers()
  /** Open addressing: a number and one, or 0 for nothing. At most half full. */
  #slots = new Uint32Array(2_048)

  get size(): number {
    return this.#known.length / words
  }

  /** The number of this text; a new one if it is new, unless `isFull`: then null. */
  numberOf(text: string, isFull: boolean): number | null {
    const digest = hash("sha256", text, "buffer")
    let slot = digest.readUInt32LE(0) % this.#slots.length
    for (; this.#slots[slot] !== 0; slot = (slot + 1) % this.#slots.length) {
      const number = this.#slots[slot]! - 1
      if (this.#is(number, digest)) return number
    }
    if (isFull) return null
    const number = this.size
    for (let word = 0; word < words; word++) this.#known.push(digest.readUInt32LE(word * 4))
    this.#slots[slot] = number + 1
    if (this.size * 2 > this.#slots.length) this.#widen()
    return number
  }

  #is(number: number, digest: Buffer): boolean {
    for (let word = 0; word < words; word++)
      if (this.#known.at(number * words + word) !== digest.readUInt32LE(word * 4)) return false
    return true
  }

  #widen(): void {
    const slots = new Uint32Array(this.#slots.length * 2)
    for (let number = 0; number < this.size; number++) {
      let slot = this.#known.at(number * words) % slots.length
      while (slots[slot] !== 0) slot = (slot + 1) % slots.length
      slots[slot] = number + 1
    }
    this.#slots = slots
  }
}
