/**
 * The feed of a session to one client: everything after its cursor, `live` when it has had what was stored at its hello, then each
 * event as it is stored, together with all who are in step (in-step.ts). There is one cursor, so there is no seam between what was
 * stored and what is new.
 */
import { Effect, Schedule } from "effect"
import type { FeedHead, Home } from "../../runtime/feed.ts"
import type { Feeds } from "../../runtime/feeds.ts"
import { type Cut, cut } from "./cut.ts"
import { coalesce, encodeEvent } from "./frames.ts"
import type { InStep } from "./in-step.ts"
import type { Cursor, ServerFrame } from "./protocol.ts"
import type { Sender } from "./sender.ts"

/** The next events of a home; its store may be away for a while. */
export const nextOf = (feeds: Feeds["Service"]) => (home: Home, after: number) => reading(feeds.next(home, after, pageEventsMax))

/** An event has 64 KB at most, so a client that catches up holds 16 MB here at worst. */
const pageEventsMax = 256
/** The store of the feeds may be away for 30 s. */
const tries = { schedule: Schedule.max([Schedule.spaced(500), Schedule.recurs(60)]) }

export const reading = <A, E>(read: Effect.Effect<A, E>): Effect.Effect<A, Cut> =>
  read.pipe(
    Effect.retry(tries),
    Effect.catch(() => cut(1011, "the events cannot be read at the moment; come back with your cursor"))
  )

/** Where to begin, and what is not to be had of what was asked for. */
export const beginning = (
  cursor: typeof Cursor.Type | null,
  head: FeedHead
): { readonly after: number; readonly gap: ServerFrame | null } => {
  const oldest = head.first - 1
  if (cursor === null) return { after: oldest, gap: null }
  const reason = cursor.epoch !== head.epoch ? "epoch" : cursor.seq > head.seq ? "ahead" : null
  if (reason === null) return { after: cursor.seq, gap: null }
  return { after: oldest, gap: { type: "gap", from: 1, through: oldest, reason } }
}

export const follow = Effect.fnUntraced(function* (
  feeds: Feeds["Service"],
  home: Home,
  begin: number,
  newest: number,
  sender: Sender,
  inStep: InStep
): Effect.fn.Return<never, Cut> {
  const { tell, sendAll, isBehind } = sender
  const next = nextOf(feeds)
  let after = begin
  let isLive = false
  /** It has been in step and was left behind: until it is again, it is told in fewer frames. */
  let isLate = false
  while (true) {
    if (!isLive && after >= newest) {
      yield* tell({ type: "live", seq: after })
      isLive = true
    }
    // Those in step may be further: then it goes on by itself.
    const reached = isLive && !isBehind() ? yield* inStep.walk(home, after, sender) : null
    if (reached !== null) {
      after = reached
      isLate = true
    }
    const { events, gap } = yield* next(home, after)
    if (gap !== null) {
      yield* tell({ type: "gap", ...gap, reason: "trimmed" })
      after = gap.through
    }
    yield* sendAll((isLate || isBehind() ? coalesce(events) : events).map(encodeEvent))
    after = events.at(-1)?.seq ?? after
  }
})
