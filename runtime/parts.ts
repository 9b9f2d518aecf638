/**
 * The journal in parts: stores that each hold whole organisations, with all that is theirs. What is asked for an actor finds its way
 * by the organisation, in whatever adapter stands for `Journal`; what runs for ever over all of them (outbox, timers, group
 * commits, reads in turns, looking after) runs for each part by itself, so that one which is slow or away keeps no other waiting.
 *
 * By default there is one part: the stores themselves.
 */
import { Context, Effect } from "effect"
import type { FeedStore } from "./feed.ts"
import type { Journal, JournalError } from "./journal.ts"
import type { Oversight } from "./oversight.ts"

export type Stores = Journal | FeedStore | Oversight

export interface Part {
  readonly name: string
  readonly stores: Context.Context<Stores>
  /** Why it cannot be used, and since when; null: it can. */
  readonly trouble: () => { readonly why: string; readonly sinceMs: number } | null
  /** Returns when it could be used for the first time. */
  readonly ready: Effect.Effect<void>
}

export interface Division {
  readonly all: ReadonlyArray<Part>
  /** Where an organisation is, as far as that is known without asking. It is of every one that was asked for before. */
  readonly known: (org: string) => Part | null
  readonly find: (org: string) => Effect.Effect<Part, JournalError>
}

/** Null: there are no parts. */
export const Parts = Context.Reference<Division | null>("proliferate/runtime/Parts", { defaultValue: () => null })

/** What was made for the part where an organisation is; null: that is not known without asking. */
export type Choose<A> = (org: string) => A | null

/** One thing for each part. */
export interface EachPart<A> {
  readonly all: ReadonlyArray<A>
  readonly of: Choose<A>
  /** The same, asked for where it is not known; fails while that part cannot be used. */
  readonly find: (org: string) => Effect.Effect<A, JournalError>
}

/** Makes one thing for each part, over its own stores; without parts one over the stores that there are. */
export const forEachPart = <A, E, R>(make: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const division = yield* Parts
    if (division === null) {
      const only = yield* make
      return { all: [only], of: () => only, find: () => Effect.succeed(only) } satisfies EachPart<A> as EachPart<A>
    }
    const made = new Map<Part, A>()
    for (const part of division.all) made.set(part, yield* Effect.provide(make, part.stores))
    const { known, find } = division
    return {
      all: [...made.values()],
      of: (org) => {
        const part = known(org)
        return part === null ? null : made.get(part)!
      },
      find: (org) => Effect.map(find(org), (part) => made.get(part)!)
    } satisfies EachPart<A> as EachPart<A>
  })
