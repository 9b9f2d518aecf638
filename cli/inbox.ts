/**
 * The inbox, followed: what waits, then one line for each call that comes to wait, and one for what becomes of it. A connection that is
 * lost is come back to; what ended meanwhile is told then. With `--json` each server frame is one line on stdout and nothing else is.
 */
import { Effect, Schema } from "effect"
import { InboxFrame } from "../adapters/gateway/inbox-protocol.ts"
import type { Cursor } from "../adapters/gateway/protocol.ts"
import type { Connection } from "./api.ts"
import { rowText } from "./commands/approvals/shared.ts"
import { clean, Json, oneLine } from "./output.ts"
import { keepOpen } from "./reconnect.ts"

const decodeFrame = Schema.decodeUnknownOption(Schema.fromJsonString(InboxFrame))
type Call = Extract<InboxFrame, { readonly type: "call" }>["call"]

/** What is shown of each frame, with what was shown before. */
export const inboxTranscript = (session: string) => {
  const waiting = new Map<string, number>()
  const isOurs = ({ sessionId }: Call) => session === "" || sessionId === session
  const come = (call: Call) => {
    const known = waiting.get(call.id)
    if (known !== undefined && known >= call.rev) return []
    waiting.set(call.id, call.rev)
    return known === undefined ? [rowText(call).join("  ")] : []
  }
  const gone = (call: Call) => {
    const why = call.message === null ? "" : `: ${oneLine(call.message, 100)}`
    const said = waiting.delete(call.id) ? `${call.id}  waits no more: ${call.status}${why}` : `${call.id}  ${call.status}${why}`
    return [said]
  }
  return (frame: InboxFrame): ReadonlyArray<string> => {
    if (frame.type === "call") return isOurs(frame.call) ? (frame.change === "asked" ? come : gone)(frame.call) : []
    if (frame.type !== "waiting") return []
    const ours = frame.calls.filter(isOurs).toReversed()
    const now = new Set(ours.map(({ id }) => id))
    const missed = frame.more ? [] : [...waiting.keys()].filter((id) => !now.has(id))
    for (const id of missed) waiting.delete(id)
    return [...missed.map((id) => `${id}  waits no more`), ...ours.flatMap(come)]
  }
}

export const followInbox = Effect.fnUntraced(function* (connection: Connection, session: string) {
  const json = yield* Json
  const shown = inboxTranscript(session)
  let cursor: typeof Cursor.Type | null = null
  let isWelcome = false
  let isLost = false
  const note = (text: string) => process.stderr.write(`${text}\n`)

  return yield* keepOpen(connection, {
    path: "/v1/inbox/stream",
    cursor: () => cursor,
    wasWelcome: () => isWelcome,
    onOpen: () => {},
    onText: (text) => {
      const decoded = decodeFrame(text)
      const frame = decoded._tag === "Some" ? decoded.value : null
      if (frame?.type === "pong") return
      if (frame?.type === "welcome") {
        isWelcome = true
        if (isLost) note("connected again")
        isLost = false
      }
      if (frame?.type === "waiting") cursor = { epoch: frame.epoch, seq: frame.seq }
      if (frame?.type === "call") {
        if (cursor !== null && frame.seq <= cursor.seq) return
        cursor = cursor === null ? null : { epoch: cursor.epoch, seq: frame.seq }
      }
      if (json) process.stdout.write(`${text}\n`)
      else if (frame !== null) for (const line of shown(frame)) process.stdout.write(`${clean(line)}\n`)
    },
    onLost: (why) => {
      isWelcome = false
      if (!isLost) note(`connection lost (${why}); trying again`)
      isLost = true
    }
  })
})
