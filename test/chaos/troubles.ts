/**
 * What befalls a run, and when: drawn from its seed alone, so that the same seed brings the same troubles in the same order at the
 * same times. What the servers make of them is theirs: no two runs are the same in that.
 */
import { dice } from "../support/dice.ts"

export const kinds = [
  "node.kill",
  "node.freeze",
  "peers.cut",
  "clock.jump",
  "daemon.kill",
  "daemon.freeze",
  "agent.kill",
  "sandbox.kill",
  "database.kill",
  "database.restart",
  "database.freeze",
  "redis.flush",
  "redis.kill",
  "redis.freeze",
  "disk.full"
] as const
export type Kind = (typeof kinds)[number]

export interface Trouble {
  readonly atMs: number
  readonly kind: Kind
  /** Which of those that it can befall; taken modulo their number. */
  readonly pick: number
  /** How long it lasts, where it lasts. */
  readonly forMs: number
  /** How far the clock is off, where it is that. */
  readonly offsetMs: number
}

/** Between two troubles: less, and nothing gets far enough to be lost; more, and a minute has few. */
const pauseMinMs = 400
const pauseMaxMs = 2_400
/** A freeze may outlast a claim of 10 s and a link's patience of 45 s is not reached: both sides of the one, and calm after it. */
const lastsMinMs = 200
const lastsMaxMs = 12_000
const offsetMaxMs = 30 * 60_000
/** The first moment belongs to the sessions that start. */
const beginsAtMs = 1_000

export const troublesOf = (seed: number, seconds: number, can: ReadonlyArray<Kind>): ReadonlyArray<Trouble> => {
  const roll = dice(seed)
  const between = (min: number, max: number) => min + roll(max - min)
  const troubles: Array<Trouble> = []
  // Each kind comes once before one comes again.
  let left: Array<Kind> = []
  for (let atMs = beginsAtMs; atMs < seconds * 1_000; atMs += between(pauseMinMs, pauseMaxMs)) {
    if (left.length === 0) left = [...can]
    const kind = left.splice(roll(left.length), 1)[0]!
    const long = roll(3) === 0
    troubles.push({
      atMs,
      kind,
      pick: roll(2 ** 20),
      forMs: between(lastsMinMs, long ? lastsMaxMs : lastsMaxMs / 6),
      offsetMs: between(-offsetMaxMs, offsetMaxMs)
    })
  }
  return troubles
}

export const saidOf = ({ kind, forMs, offsetMs }: Trouble): string =>
  kind === "clock.jump"
    ? `${kind} to ${Math.round(offsetMs / 1_000)} s`
    : /freeze|full|cut|(node|redis)\.kill/.test(kind)
      ? `${kind} for ${forMs} ms`
      : kind
