/**
 * Where an actor lives. `home` is the session (or run) whose supervisor hosts it: an approval routes to its session's
 * supervisor without a look-up. Ids are prefixed and ordered by time (`ses_01jd…`): 48 bits of milliseconds, then 80 of chance.
 */
import { Clock, Effect, Random } from "effect"

export interface Address {
  readonly org: string
  readonly kind: string
  readonly id: string
  readonly home: string
}

/** The map key of an actor. Neither kinds nor ids hold a slash. */
export const nameOf = ({ kind, id }: { readonly kind: string; readonly id: string }): string => `${kind}/${id}`

// Crockford's base 32: no i, l, o or u.
const digits = "0123456789abcdefghjkmnpqrstvwxyz"

/** A fresh id: `<prefix>_` and 26 characters that sort by the time they were made. */
export const newId = Effect.fnUntraced(function* (prefix: string) {
  let time = yield* Clock.currentTimeMillis
  let stamp = ""
  for (let i = 0; i < 10; i++) {
    stamp = digits[time % 32] + stamp
    time = Math.floor(time / 32)
  }
  let chance = ""
  for (let i = 0; i < 16; i++) chance += digits[yield* Random.nextIntBetween(0, 31)]
  return `${prefix}_${stamp}${chance}`
})
