/**
 * What goes wrong, and how often. Each seed draws its own climate, so that some runs see one kind of trouble often and others many
 * kinds at once; when the weather clears, nothing goes wrong any more.
 */
import { Effect } from "effect"
import type { Timeline } from "../support/timeline.ts"

/** Chance of each fault, per call or per occasion, where its climate is at its worst. */
const worst = {
  "journal.slow": 0.1,
  "journal.unavailable": 0.06,
  /** Written, and the connection lost before the answer. */
  "journal.unknown": 0.06,
  "journal.refused": 0.01,
  /** Of what stands beside the journal in the same database. */
  "records.slow": 0.1,
  "crash.before-commit": 0.004,
  "crash.after-commit": 0.006,
  "feed.unavailable": 0.06,
  "feed.lost": 0.06,
  "provider.unheard": 0.15,
  "provider.unanswered": 0.15,
  "provider.slow": 0.08,
  /** The request arrives again, up to a minute later. */
  "provider.twice": 0.15,
  "provider.quota": 0.1,
  "provider.rejects": 0.01,
  /** It says that something went wrong inside it, before it did anything or after all of it. */
  "provider.fails": 0.1,
  /** It says that there is no such thing, and there is. */
  "provider.denies": 0.03,
  /** It answers with the id of no sandbox, or of one that was. */
  "provider.wrong-id": 0.1,
  "daemon.unheard": 0.1,
  "daemon.unanswered": 0.1,
  /** The request arrives again, up to a minute later. */
  "daemon.twice": 0.1,
  "stream.cut": 0.05,
  "stream.repeats": 0.2,
  "agent.exits": 0.1,
  "agent.hangs": 0.05,
  "agent.asks": 0.3,
  /** Each try of a command that was struck once. */
  "hand.crashes": 0.02,
  "plan.fails": 0.05,
  /** A request to a service that never gets there, or comes when its sender has long given it up. */
  "service.unheard": 0.15,
  "service.late": 0.1,
  /** It has taken effect, and its answer is lost. */
  "service.unanswered": 0.15,
  /** 5xx, before it did anything or after all of it. */
  "service.fails": 0.15,
  /** It answers with something else than it should. */
  "service.garbles": 0.05,
  "service.wrong-id": 0.1,
  /** 404, of what is there. */
  "service.denies": 0.05,
  /** 429 */
  "service.limits": 0.1,
  /** 401: an administrator connects it anew by and by. */
  "service.refuses": 0.03,
  /** Where it honours keys. */
  "service.twice": 0.3,
  /** It cannot be asked what took effect. */
  "service.unclear": 0.2,
  /** Between nodes: a request, or its answer. */
  "wire.lost": 0.1,
  "wire.unanswered": 0.1,
  "wire.late": 0.2,
  "wire.twice": 0.15,
  "coordination.away": 0.2,
  "coordination.slow": 0.2,
  /** A word that one of those who listen does not hear. */
  "coordination.unheard": 0.5
} as const

export type Fault = keyof typeof worst

export class Weather {
  isCalm = false
  /** Only what a story asks for goes wrong. */
  isStory = false
  /** The journal, the feed's store, the provider, the coordination or the service does not answer at all before this moment. */
  readonly outageUntilMs = { journal: 0, feed: 0, provider: 0, coordination: 0, service: 0 }
  readonly #climate: Map<Fault, number>
  readonly #timeline: Timeline
  #crashes = new Map<string, number>()

  constructor(timeline: Timeline, climate: ReadonlyMap<Fault, number>) {
    this.#timeline = timeline
    this.#climate = new Map(climate)
  }

  /** From now on it strikes with this chance. */
  turn(fault: Fault, chance: number): void {
    this.#climate.set(fault, chance)
  }

  /** A third of the faults never happen in this climate, a third seldom, a third as often as can be. With `only`, the others never do. */
  static drawn(timeline: Timeline, only: ReadonlySet<string> | null = null): Weather {
    const faults = Object.entries(worst) as Array<[Fault, number]>
    const climate = new Map(faults.map(([fault, chance]) => [fault, chance * timeline.pick([0, 0.2, 1])]))
    for (const fault of climate.keys()) if (only !== null && !only.has(fault)) climate.delete(fault)
    return new Weather(timeline, climate)
  }

  /** What can happen in this climate. */
  get faults(): ReadonlyArray<Fault> {
    return [...this.#climate].flatMap(([fault, chance]) => (chance > 0 ? [fault] : []))
  }

  /** Nothing goes wrong but what a test makes go wrong. */
  static calm(timeline: Timeline): Weather {
    return Object.assign(new Weather(timeline, new Map()), { isStory: true })
  }

  strikes(fault: Fault): boolean {
    const chance = this.#climate.get(fault) ?? 0
    return !this.isCalm && chance > 0 && this.#timeline.chance(chance)
  }

  /** The same, but a key that was struck is struck again more often than not, so many times in all. */
  strikesSeldom(fault: Fault, key: string, timesMax: number): boolean {
    const times = this.#crashes.get(key) ?? 0
    const strikes = times === 0 ? this.strikes(fault) : !this.isCalm && times < timesMax && this.#timeline.chance(0.8)
    if (strikes) this.#crashes.set(key, times + 1)
    return strikes
  }

  isOut(of: keyof Weather["outageUntilMs"]): boolean {
    return !this.isCalm && this.outageUntilMs[of] > this.#timeline.nowMs
  }

  either<A>(...these: ReadonlyArray<A>): A {
    return this.#timeline.pick(these)
  }

  between(leastMs: number, mostMs: number): number {
    return leastMs + this.#timeline.below(mostMs - leastMs + 1)
  }

  /** Something between two moments. */
  readonly pass = (leastMs: number, mostMs: number): Effect.Effect<void> =>
    Effect.suspend(() => Effect.sleep(this.between(leastMs, mostMs)))
}
