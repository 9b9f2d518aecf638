/**
 * From what the journal committed to what watchers are told. A notice is numbered by its revision and its place in it, so that the
 * feed drops what is told twice, and what a crash kept from the feed is told at the next activation.
 */
import { Effect } from "effect"
import { type Address, nameOf } from "./address.ts"
import type { FeedEvent } from "./feed.ts"
import { Feeds } from "./feeds.ts"
import { Journal, type Notice, type Stored, stepsOf, type Transition } from "./journal.ts"

export const noticesPerRevMax = 1_000
const rowsRead = 200

export const feedEventsOf = (address: Address, rev: number, atMs: number, notices: ReadonlyArray<Notice>): Array<FeedEvent> =>
  notices.map(({ kind, body }, index) => ({
    source: nameOf(address),
    sourceSeq: rev * noticesPerRevMax + index,
    kind,
    agent: null,
    parent: null,
    rev,
    at: atMs,
    body
  }))

const homeOf = ({ org, home }: Address) => ({ org, id: home })

export const tell = (address: Address, events: ReadonlyArray<FeedEvent>) =>
  events.length === 0 ? Effect.void : Feeds.use((feeds) => feeds.tell(homeOf(address), events))

/** The number of the newest notice of a transition; null: it has none. */
export const noticedOf = (transition: Transition): number | null => {
  for (const [rev, { notices }] of stepsOf(transition).toReversed())
    if (notices.length > 0) return rev * noticesPerRevMax + notices.length - 1
  return null
}

/** Tells again what the feed may lack of an actor as it is stored. */
export const tellAgain = Effect.fnUntraced(function* (address: Address, { rev, noticed }: Pick<Stored, "rev" | "noticed">) {
  const [journal, feeds] = [yield* Journal, yield* Feeds]
  const head = yield* feeds.head(homeOf(address))
  const newest = head.sources[nameOf(address)] ?? 0
  if (noticed !== null && newest >= noticed) return
  const told = Math.floor(newest / noticesPerRevMax)
  // The last told revision again: the crash may have come between two of its notices.
  for (let after = Math.max(0, told - 1); after < rev; ) {
    const rows = yield* journal.history(address, after, rowsRead)
    const events = rows.flatMap((row) => feedEventsOf(address, row.rev, row.atMs, row.notices))
    if (events.length > 0) yield* feeds.tell(homeOf(address), events)
    if (rows.length < rowsRead) return
    after = rows.at(-1)!.rev
  }
})
