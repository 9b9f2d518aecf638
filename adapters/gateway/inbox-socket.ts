/**
 * One WebSocket of an organisation's inbox: hello, welcome, what waits, then each change (inbox-protocol.ts). How it is held to its
 * bounds: conversation.ts.
 */
import { Effect } from "effect"
import type { Change } from "../../actors/inbox-hub.ts"
import type { Access, Pass } from "../../actors/services/access.ts"
import type { Inbox } from "../../actors/services/inbox.ts"
import { type Around, conversation } from "./conversation.ts"
import { type Cut, cut } from "./cut.ts"
import { reading } from "./follow.ts"
import { encode } from "./frames.ts"
import { version } from "./protocol.ts"
import { type Sender, senderTo } from "./sender.ts"
import { youOf } from "./socket.ts"
import type { Ear, Wire } from "./transport.ts"

export interface InboxSurroundings extends Around {
  readonly access: Access["Service"]
  readonly inbox: Inbox["Service"]
}

/** A change is encoded once for all who follow. */
const encodings = new WeakMap<Change, Uint8Array>()
const encodeChange = (change: Change): Uint8Array => {
  const known = encodings.get(change)
  if (known !== undefined) return known
  const bytes = encode({ type: "call", ...change })
  encodings.set(change, bytes)
  return bytes
}

const tellWaiting = Effect.fnUntraced(function* (inbox: Inbox["Service"], pass: Pass<"approvals.read">, sender: Sender) {
  const waiting = yield* reading(inbox.waiting(pass))
  yield* sender.sendAll([encode({ type: "waiting", ...waiting })])
  return waiting.seq
})

export const followInbox = Effect.fnUntraced(function* (
  inbox: Inbox["Service"],
  pass: Pass<"approvals.read">,
  begin: number,
  newest: number,
  sender: Sender
): Effect.fn.Return<never, Cut> {
  let after = begin
  let isLive = false
  while (true) {
    if (!isLive && after >= newest) {
      yield* sender.tell({ type: "live", seq: after })
      isLive = true
    }
    const { changes, gap } = yield* inbox.next(pass, after)
    if (gap !== null) {
      yield* sender.tell({ type: "gap", ...gap, reason: "trimmed" })
      after = yield* tellWaiting(inbox, pass, sender)
      continue
    }
    yield* sender.sendAll(changes.map(encodeChange))
    after = changes.at(-1)!.seq
  }
})

export const converseInbox = (
  { pass, token }: { readonly pass: Pass<"approvals.read">; readonly token: string | null },
  around: InboxSurroundings,
  wire: Wire
): Ear => {
  const { access, inbox } = around
  const sender = senderTo(wire)
  return conversation(
    {
      name: `the inbox of ${pass.organisation}`,
      pass,
      check: access.check(token, "approvals.read"),
      greet: Effect.fnUntraced(function* ({ cursor }) {
        const { epoch, seq } = yield* reading(inbox.head(pass))
        yield* sender.tell({ type: "welcome", v: version, epoch, seq, you: youOf(pass) })
        const reason = cursor === null ? null : cursor.epoch !== epoch ? "epoch" : cursor.seq > seq ? "ahead" : null
        if (reason !== null) yield* sender.tell({ type: "gap", from: 1, through: seq, reason })
        const isFresh = cursor === null || reason !== null
        const after = isFresh ? yield* tellWaiting(inbox, pass, sender) : cursor.seq
        return followInbox(inbox, pass, after, seq, sender)
      }),
      ask: ({ type }) => cut(4400, `type must be one of hello, ping, not ${type}: an inbox is decided over /v1/approvals`),
      left: () => {}
    },
    around,
    sender,
    wire
  )
}
