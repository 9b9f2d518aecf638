/**
 * What each organisation has asked for and not given back, the most of it lately, and how much of the time several had something to
 * ask for. Lately is since 100 ms ago, up to twice that: one that does one thing after another asks for nothing in between, and is
 * there all the same.
 */
import { besideMs } from "./limits.ts"

/** Taken for shared as long as little is known. */
const assumedMs = besideMs / 4
/** Whoever asks again so soon was there in between: so long takes what it waited for elsewhere. */
const lingerMs = 20

export class Demand {
  readonly #nowMs: () => number
  /** None is 0. */
  readonly #asked = new Map<string, number>()
  #sinceMs = Number.NEGATIVE_INFINITY
  #lookedAtMs = 0
  #sharedUntilMs = 0
  /** The most at once since then, and in the time before. */
  #peaks = new Map<string, number>()
  #peaksBefore = new Map<string, number>()
  #busiest: string | undefined
  #most = 0
  #second = 0
  #orgs = 0
  /** In which several had asked for something, of that in which anyone had. */
  #shared = { ms: 0, ofMs: 0 }
  #sharedBefore = { ms: 0, ofMs: 0 }

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  of(org: string): number {
    return this.#asked.get(org) ?? 0
  }

  add(org: string): void {
    this.look()
    const count = this.of(org) + 1
    this.#asked.set(org, count)
    const peak = this.#peaks.get(org) ?? 0
    if (count <= peak) return
    if (peak === 0 && !this.#peaksBefore.has(org)) this.#orgs += 1
    this.#peaks.set(org, count)
    this.#rank(org, count)
  }

  drop(org: string): void {
    this.look()
    const left = this.of(org) - 1
    if (left === 0) this.#asked.delete(org)
    else this.#asked.set(org, left)
  }

  /** The most that the second busiest asked for at once; 0: there is one organisation at most. As of the last look, as are these: */
  get second(): number {
    return this.#second
  }

  get orgs(): number {
    return this.#orgs
  }

  /** The part of the time in which several had asked for something, at most 1. */
  get shared(): number {
    const [now, before] = [this.#shared, this.#sharedBefore]
    return (now.ms + before.ms + assumedMs) / (now.ofMs + before.ofMs + assumedMs)
  }

  look(): void {
    const nowMs = this.#nowMs()
    const passedMs = nowMs - this.#lookedAtMs
    this.#lookedAtMs = nowMs
    if (this.#asked.size > 0) this.#shared.ofMs += passedMs
    if (this.#asked.size > 1) {
      this.#shared.ms += passedMs
      this.#sharedUntilMs = nowMs + lingerMs
    } else if (this.#asked.size === 1) this.#shared.ms += Math.max(0, Math.min(nowMs, this.#sharedUntilMs) - (nowMs - passedMs))
    if (nowMs >= this.#sinceMs + besideMs) this.#forget(nowMs)
  }

  #forget(nowMs: number): void {
    const isRecent = nowMs < this.#sinceMs + 2 * besideMs
    this.#peaksBefore = isRecent ? this.#peaks : new Map()
    this.#sharedBefore = isRecent ? this.#shared : { ms: 0, ofMs: 0 }
    this.#peaks = new Map(this.#asked)
    this.#shared = { ms: 0, ofMs: 0 }
    this.#sinceMs = nowMs
    this.#busiest = undefined
    this.#most = 0
    this.#second = 0
    this.#orgs = new Set([...this.#peaksBefore.keys(), ...this.#peaks.keys()]).size
    for (const peaks of [this.#peaksBefore, this.#peaks]) for (const [org, count] of peaks) this.#rank(org, count)
  }

  #rank(org: string, count: number): void {
    if (org === this.#busiest) this.#most = Math.max(this.#most, count)
    else if (count > this.#most) {
      this.#second = this.#most
      this.#most = count
      this.#busiest = org
    } else if (count > this.#second) this.#second = count
  }
}
