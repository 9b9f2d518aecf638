/**
 * The hands of a process, and the claimed commands that wait for one. Organisations share them: what waits is begun in turns, and
 * each may keep at most half of the hands that the others leave, one in any case. However long one organisation's commands hang,
 * the next finds hands free: 64 for the first of 128, 32 for the second, and so on.
 */
import type { Shares } from "./journal.ts"
import { commandsAheadMax, commandsInFlightMax, commandsWaitingMax, turnsMin } from "./limits.ts"

interface Party<A> {
  readonly waiting: Array<A>
  atWork: number
  /** Kept free for what is being committed. */
  reserved: number
  /** Since the last claim. */
  ended: number
}

/** How many ended of the second quickest. */
const secondMost = (parties: Iterable<{ readonly ended: number }>): number => {
  let [most, next] = [0, 0]
  for (const { ended } of parties) {
    if (ended > most) [most, next] = [ended, most]
    else if (ended > next) next = ended
  }
  return next
}

export class Hands<A> {
  /** Whoever has something; whose turn is next comes first. */
  readonly #parties = new Map<string, Party<A>>()
  #atWork = 0
  #reserved = 0
  #waiting = 0

  push(org: string, item: A): void {
    this.#party(org).waiting.push(item)
    this.#waiting += 1
  }

  /** Keeps hands free for so many, if there are after those that wait for one. */
  reserve(org: string, count: number): boolean {
    const party = this.#party(org)
    const left = this.#shareOf(party) - party.atWork - party.reserved - party.waiting.length
    if (count > Math.min(left, this.#free - this.#waiting)) return false
    party.reserved += count
    this.#reserved += count
    return true
  }

  giveUp(org: string, count: number): void {
    this.#party(org).reserved -= count
    this.#reserved -= count
  }

  /** The next that may begin; it is at work until `end`. */
  begin(): A | undefined {
    if (this.#atWork === commandsInFlightMax) return undefined
    for (const [org, party] of this.#parties) {
      if (party.waiting.length === 0 || party.atWork >= this.#shareOf(party)) continue
      this.#parties.delete(org)
      this.#parties.set(org, party)
      this.#atWork += 1
      this.#waiting -= 1
      party.atWork += 1
      return party.waiting.shift()
    }
    return undefined
  }

  end(org: string): void {
    const party = this.#party(org)
    party.atWork -= 1
    party.ended += 1
    this.#atWork -= 1
  }

  /** Takes back what waits and will not be begun any more. */
  drop(isStale: (item: A) => boolean): void {
    for (const party of this.#parties.values()) {
      const kept = party.waiting.filter((item) => !isStale(item))
      this.#waiting -= party.waiting.length - kept.length
      party.waiting.splice(0, party.waiting.length, ...kept)
    }
  }

  /**
   * How many to claim at most, and whose: for every free hand, and as many ahead as ended while the last claim was under way, for
   * those wait about as long as a claim takes. Counts anew.
   */
  room(): { readonly max: number; readonly shares: Shares } {
    const free = this.#free
    // Never all that is free at once: who is behind in this claim is not to find nothing.
    const each = Math.ceil(free / 2)
    const of: Record<string, number> = {}
    let max = each
    // Beside others none claims further ahead than the second quickest: a claim of many would keep the others' next one waiting.
    const aheadMax = this.#parties.size <= 1 ? commandsAheadMax : Math.max(secondMost(this.#parties.values()), turnsMin)
    for (const [org, party] of this.#parties) {
      const ahead = Math.min(party.ended, aheadMax, commandsAheadMax)
      of[org] = Math.max(0, this.#shareOf(party) - party.atWork - party.reserved + ahead - party.waiting.length)
      max += Math.max(0, ahead - party.waiting.length)
      party.ended = 0
      if (party.atWork + party.reserved + party.waiting.length === 0) this.#parties.delete(org)
    }
    return { max: Math.min(max, commandsWaitingMax - this.#waiting), shares: { each, of } }
  }

  get #free(): number {
    return Math.max(0, commandsInFlightMax - this.#atWork - this.#reserved)
  }

  #shareOf({ atWork, reserved }: Party<A>): number {
    return Math.max(1, (commandsInFlightMax - (this.#atWork - atWork) - (this.#reserved - reserved)) >> 1)
  }

  #party(org: string): Party<A> {
    let party = this.#parties.get(org)
    if (party === undefined) {
      party = { waiting: [], atWork: 0, reserved: 0, ended: 0 }
      this.#parties.set(org, party)
    }
    return party
  }
}
