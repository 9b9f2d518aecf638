/**
 * Frames as bytes. A feed event is encoded once and its bytes are shared by all who watch. For a client that is behind, deltas of
 * one message that follow each other become one frame: it carries the last seq, `from` the first, and the whole of the text.
 */
import type { StoredFeedEvent } from "../../runtime/feed.ts"
import type { InboxFrame } from "./inbox-protocol.ts"
import type { ServerFrame } from "./protocol.ts"

/** Deltas are merged up to this; a client shows it at once either way. */
const mergedCharactersMax = 64 * 1024

export const encode = (frame: ServerFrame | InboxFrame): Uint8Array => Buffer.from(JSON.stringify(frame))

export interface Span extends StoredFeedEvent {
  /** First seq of those that were merged into it. */
  readonly from?: number
}

const encodings = new WeakMap<Span, Uint8Array>()

export const encodeEvent = (event: Span): Uint8Array => {
  const known = encodings.get(event)
  if (known) return known
  const { seq, from, source, kind, agent, parent, rev, at, body } = event
  const bytes = encode({ type: "event", seq, ...(from !== undefined && { from }), source, kind, agent, parent, rev, at, body })
  encodings.set(event, bytes)
  return bytes
}

const isText = ({ kind, body }: StoredFeedEvent): boolean =>
  (kind === "message" || kind === "thought") && typeof body["delta"] === "string"

const deltaOf = ({ body }: StoredFeedEvent): string => body["delta"] as string

const continues = (earlier: Span, later: StoredFeedEvent): boolean =>
  isText(earlier) &&
  isText(later) &&
  earlier.seq + 1 === later.seq &&
  earlier.kind === later.kind &&
  earlier.source === later.source &&
  earlier.agent === later.agent &&
  earlier.parent === later.parent &&
  earlier.body["turnId"] === later.body["turnId"] &&
  earlier.body["messageId"] === later.body["messageId"] &&
  deltaOf(earlier).length + deltaOf(later).length <= mergedCharactersMax

/** The same told in fewer frames. */
export const coalesce = (events: ReadonlyArray<StoredFeedEvent>): ReadonlyArray<Span> => {
  const spans: Array<Span> = []
  for (const event of events) {
    const last = spans.at(-1)
    if (last === undefined || !continues(last, event)) spans.push(event)
    else {
      const body = { ...event.body, delta: deltaOf(last) + deltaOf(event) }
      spans[spans.length - 1] = { ...event, from: last.from ?? last.seq, body }
    }
  }
  return spans
}
