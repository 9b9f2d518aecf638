/**
 * Port: what servers that share their work tell each other, to be fair and quick. One process needs nobody for it
 * (local-coordination.ts); several share a Redis or their PostgreSQL (shared-coordination.ts over adapters/redis and
 * adapters/postgres). Suite: test/contract/coordination.ts.
 *
 *   K1  Nothing here is the truth, and nothing fails: what it decides is lost with its server, and whoever asks goes on, within
 *       `coordinationAskMs`, with what its own process knows.
 *   K2  Of all that ask for a key at once, on all servers, `burst` are let through, and `perSecond` more each second after.
 *   K3  An entry of a room is seen by all until it leaves or its time is over. A flushed server has it again when it is said again.
 *   K4  A word is heard by every other server that listens, at most once, or not at all. After an interruption listeners hear
 *       null: something may have been missed. So a word is a hint to look, and whoever depends on it looks by itself as well.
 *
 * A lease, for people to see who holds what, is an entry of the room `leases`: the actor is who, its owner is what it says. It
 * never fences: the epoch in the journal does.
 */
import { Context, type Effect, Schema, type Scope } from "effect"

export interface Rate {
  /** Let through at once by a key that was quiet. */
  readonly burst: number
  readonly perSecond: number
}

export interface Entry {
  readonly who: string
  readonly says: string
}

/** What words are about. */
export type Topic = "feed" | "watchers" | "calls"
/** Called synchronously; must not throw. */
export type Hear = (word: string | null) => void

interface Calls<E> {
  /** Takes one from the bucket of `key`: 0, or the milliseconds after which there will be one. Whoever waits takes nothing. */
  readonly take: (key: string, rate: Rate) => Effect.Effect<number, E>
  /** Enters a room for `forMs`, or says something else there, or the same for longer. */
  readonly enter: (room: string, entry: Entry, forMs: number) => Effect.Effect<void, E>
  /** With `says`: only if that is what it says still, so that an earlier owner takes no later one's lease away. */
  readonly leave: (room: string, who: string, says?: string) => Effect.Effect<void, E>
  /** Who is in a room, ordered by name. */
  readonly present: (room: string) => Effect.Effect<ReadonlyArray<Entry>, E>
  /** At most 1,000 characters. */
  readonly publish: (topic: Topic, word: string) => Effect.Effect<void, E>
  /** Until the scope closes. */
  readonly subscribe: (topic: Topic, hear: Hear) => Effect.Effect<void, never, Scope.Scope>
}

export class Coordination extends Context.Service<
  Coordination,
  Calls<never> & {
    /** For people: what it runs on. */
    readonly name: string
    /** False: there can be nobody else. */
    readonly isShared: boolean
  }
>()("proliferate/runtime/Coordination") {}

/** Its server did not answer, or not as it should. */
export class CoordinationError extends Schema.TaggedError<CoordinationError>()("CoordinationError", { message: Schema.String }) {}

/** What an adapter brings: the same calls, which may fail and may hang. */
export type CoordinationServer = Calls<CoordinationError>

/**
 * A bucket is one number: when it will be full again. Adapters compute this where two servers cannot do it at once; `null` means
 * that it was not taken from.
 */
export const taken = (
  fullAtMs: number,
  nowMs: number,
  { burst, perSecond }: Rate
): { fullAtMs: number | null; waitMs: number } => {
  const eachMs = 1_000 / perSecond
  const next = Math.max(fullAtMs, nowMs) + eachMs
  const waitMs = Math.ceil(next - burst * eachMs - nowMs)
  return waitMs <= 0 ? { fullAtMs: next, waitMs: 0 } : { fullAtMs: null, waitMs }
}
