/**
 * What is not as it should be, and how sure we are of it. Pure: `now` is brought along.
 *
 *   D1  Three values: in trouble, fine, unknown. Unknown is shown, and changes nothing of what was seen before: it never makes
 *       trouble of what is silent, and never ends trouble that was there.
 *   D2  Trouble is ripe when it was seen as often and as long as its kind asks; something that moved meanwhile begins anew.
 *   D3  A kind whose fixes take something away is held while too much of it is in trouble at once: then what we see is more likely
 *       wrong than the world.
 *   D4  A fix that changes nothing is tried again with a pause that doubles, and then left to a person.
 */
import type { Address } from "./address.ts"
import {
  breakerFewMax,
  breakerMax,
  breakerShareMax,
  reconcileEveryMs,
  reconcileTriesMax,
  sightingKeptMs
} from "./reconcile-limits.ts"

export type Outcome = { readonly result: "applied" | "skipped" | "failed"; readonly outcome: string }

export interface Fix {
  /** The event it sends, or the call it makes. */
  readonly event: string
  /** What comes of it, for people. */
  readonly effect: string
  /** `ask`: a person says so by name. */
  readonly mode: "safe" | "ask"
  /** It is taken at this revision of the actor alone; null: it has none. */
  readonly ifRevision: number | null
}

/** Something in trouble, as a look at the world found it. */
export interface Finding {
  /** What it is about: `session/ses_…`, the id of a sandbox, the key of a command. */
  readonly subject: string
  readonly org: string
  readonly actor: Address | null
  readonly severity: "bad" | "warn"
  /** Since when, where that is known; else since it was first seen. */
  readonly sinceMs?: number
  readonly reason: string
  readonly desired: Readonly<Record<string, unknown>>
  readonly observed: Readonly<Record<string, unknown>>
  readonly fix: Fix
  /** The same trouble has the same mark; with another it is news. */
  readonly mark: string
}

export interface Unknown {
  readonly org: string | null
  readonly subject: string
  readonly why: string
}

/** One look at things of one kind. */
export interface Observation<F extends Finding = Finding> {
  /** What was looked at and could be judged, those in trouble included. */
  readonly judged: ReadonlyArray<string>
  readonly found: ReadonlyArray<F>
  readonly unknown: ReadonlyArray<Unknown>
  /** All of this kind was looked at: what is neither found nor unknown is in no trouble, or is no more. */
  readonly isWhole: boolean
  /** Organisations of which this look, whole as it is, says nothing. */
  readonly isSilentOn?: (org: string) => boolean
}

/** What a kind of trouble asks before it is put right. */
export interface Patience {
  readonly graceMs: number
  readonly sightings: number
  /** Its fixes take something away (D3). */
  readonly isGuarded: boolean
}

/** One row, the same for page, command line and log. */
export interface Drift extends Omit<Finding, "mark"> {
  readonly id: string
  readonly kind: string
  readonly sinceMs: number
  readonly sightings: number
  /** Before this it is not put right by itself; null: only when a person says so. */
  readonly ripeAtMs: number | null
  /** Why it is not even then; null: it is. */
  readonly held: string | null
  readonly attempts: ReadonlyArray<Outcome & { readonly atMs: number }>
}

interface Sighting {
  finding: Finding
  readonly firstMs: number
  lastMs: number
  times: number
  readonly attempts: Array<Outcome & { readonly atMs: number }>
  nextMs: number
}

const attemptsKeptMax = 5

export const isRipe = ({ ripeAtMs, held }: Drift, nowMs: number): boolean =>
  held === null && ripeAtMs !== null && ripeAtMs <= nowMs

/** Everything of one kind that is in trouble, as far as we have looked. */
export class Drifts {
  readonly kind: string
  readonly #patience: Patience
  readonly #sightings = new Map<string, Sighting>()
  unknown: ReadonlyArray<Unknown> = []
  /** Why nothing of this kind is put right by itself; null: it is. */
  held: string | null = null
  judged = 0
  lookedAtMs: number | null = null

  constructor(kind: string, patience: Patience) {
    this.kind = kind
    this.#patience = patience
  }

  note({ judged, found, unknown, isWhole, isSilentOn = () => false }: Observation, nowMs: number): void {
    const isFine = new Set(judged)
    for (const { subject } of found) isFine.delete(subject)
    const isOpen = new Set([...found, ...unknown].map(({ subject }) => subject))
    const isOver = (subject: string, org: string) => isWhole && !isOpen.has(subject) && !isSilentOn(org)
    for (const [subject, { lastMs, finding }] of this.#sightings)
      if (isFine.has(subject) || isOver(subject, finding.org) || nowMs - lastMs > sightingKeptMs) this.#sightings.delete(subject)
    for (const finding of found) this.#see(finding, nowMs)
    this.unknown = unknown
    this.judged = judged.length
    this.lookedAtMs = nowMs
    const { isGuarded } = this.#patience
    const few = found.length <= breakerFewMax
    const isTooMuch = found.length > breakerMax || (!few && found.length > breakerShareMax * judged.length)
    this.held = isGuarded && isTooMuch ? `${found.length} of ${judged.length} at once: look whether this can be true` : null
  }

  #see(finding: Finding, nowMs: number): void {
    const known = this.#sightings.get(finding.subject)
    if (known?.finding.mark === finding.mark) {
      Object.assign(known, { finding, lastMs: nowMs, times: known.times + 1 })
    } else {
      const seen = { finding, firstMs: nowMs, lastMs: nowMs, times: 1, attempts: [], nextMs: nowMs }
      this.#sightings.set(finding.subject, seen)
    }
  }

  get rows(): ReadonlyArray<Drift> {
    return [...this.#sightings.values()].map((sighting) => this.#row(sighting))
  }

  /** What may be put right by itself now: of what the last look saw. */
  ripe(nowMs: number): ReadonlyArray<Drift> {
    return [...this.#sightings.values()]
      .filter(({ lastMs }) => lastMs === this.lookedAtMs)
      .map((sighting) => this.#row(sighting))
      .filter((drift) => isRipe(drift, nowMs))
  }

  /** It was tried; whether it helped is seen by the next look. */
  tried(subject: string, outcome: Outcome, nowMs: number): void {
    const sighting = this.#sightings.get(subject)
    if (sighting === undefined) return
    sighting.attempts.push({ ...outcome, atMs: nowMs })
    sighting.nextMs = nowMs + reconcileEveryMs * 2 ** (sighting.attempts.length - 1)
  }

  #row({ finding, firstMs, times, attempts, nextMs }: Sighting): Drift {
    const { mark: _, ...rest } = finding
    const { graceMs, sightings } = this.#patience
    const isStuck = attempts.length >= reconcileTriesMax
    return {
      ...rest,
      id: `${this.kind}:${finding.subject}`,
      kind: this.kind,
      sinceMs: finding.sinceMs ?? firstMs,
      sightings: times,
      ripeAtMs: finding.fix.mode === "ask" || isStuck ? null : Math.max(firstMs + graceMs, nextMs),
      held: isStuck
        ? `tried ${attempts.length} times without effect`
        : times < sightings
          ? `seen ${times} of ${sightings} times so far`
          : this.held,
      attempts: attempts.slice(-attemptsKeptMax)
    }
  }
}
