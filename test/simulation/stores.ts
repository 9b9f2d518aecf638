/**
 * Where what must survive is kept: in memory, or in a PostgreSQL (postgres.ts). Either way the simulation sees all of it in the
 * states it holds, as of the last statement, so that laws and stories read the same.
 */
import type { Effect } from "effect"
import type { Calls } from "../../actors/ports/calls.ts"
import type { Grants } from "../../actors/ports/grants.ts"
import type { Rules } from "../../actors/ports/rules.ts"
import { memoryCalls } from "../../adapters/memory/calls.ts"
import { type DisturbFeed, type FeedState, memoryFeed } from "../../adapters/memory/feed.ts"
import { memoryGrants } from "../../adapters/memory/grants.ts"
import { type Disturb, memoryJournal } from "../../adapters/memory/journal.ts"
import type { JournalState } from "../../adapters/memory/journal-state.ts"
import { memoryOversight, type Notes } from "../../adapters/memory/oversight.ts"
import { memoryRules } from "../../adapters/memory/rules.ts"
import type { FeedStore, Home } from "../../runtime/feed.ts"
import type { Journal } from "../../runtime/journal.ts"
import type { Oversight } from "../../runtime/oversight.ts"
import type { Timeline } from "../support/timeline.ts"
import type { World } from "./world.ts"

export interface Stored {
  readonly timeline: Timeline
  readonly world: World
  readonly journal: JournalState
  readonly notes: Notes
  readonly feeds: FeedState
}

export interface Stores {
  readonly journal: (disturb: Disturb) => Journal["Service"]
  readonly feed: (disturb: DisturbFeed) => FeedStore["Service"]
  readonly oversight: (isOut: Effect.Effect<boolean>) => Oversight["Service"]
  /** The records of action calls; what befalls them is told in call-wires.ts. */
  readonly calls: Calls["Service"]
  readonly grants: Grants["Service"]
  readonly rules: Rules["Service"]
  /** Forgets events of a feed, as its store does with the oldest. */
  readonly trim: (home: Home, through: number) => void
}

export const inMemory = ({ journal, notes, feeds }: Stored): Stores => ({
  journal: (disturb) => memoryJournal(journal, disturb),
  feed: (disturb) => memoryFeed(feeds, disturb),
  oversight: (isOut) => memoryOversight(journal, notes, isOut),
  calls: memoryCalls(journal),
  grants: memoryGrants(journal),
  rules: memoryRules(),
  trim: ({ org, id }, through) => {
    const feed = feeds.get(`${org}/${id}`)!
    feed.events = feed.events.slice(through + 1 - feed.head.first)
    feed.head = { ...feed.head, first: through + 1 }
  }
})

/** Chosen once for a whole process. */
export const where: { stores: (stored: Stored) => Stores } = { stores: inMemory }
