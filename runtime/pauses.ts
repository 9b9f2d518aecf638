/**
 * What an organisation wants left alone for a while: nothing of that kind of trouble, or of any, is put right by itself until then.
 * It is looked for and shown all the same, and a person who names it has it put right. None is without an end.
 */

import { DateTime } from "effect"

/** A pause of every kind. */
export const everyKind = "all"

export interface Pause {
  readonly org: string
  /** Of trouble, or `all`. */
  readonly kind: string
  readonly by: string | null
  readonly why: string
  readonly atMs: number
  readonly untilMs: number
}

/** The one that holds a kind the longest; null: none does. */
export const pauseOf = (pauses: ReadonlyArray<Pause>, org: string, kind: string): Pause | null =>
  pauses
    .filter((pause) => pause.org === org && (pause.kind === kind || pause.kind === everyKind))
    .reduce<Pause | null>((longest, pause) => (longest !== null && longest.untilMs >= pause.untilMs ? longest : pause), null)

export const pauseText = ({ untilMs, by, why }: Pause): string =>
  `paused until ${DateTime.formatIso(DateTime.makeUnsafe(untilMs))} by ${by ?? "the system"}: ${why}`
