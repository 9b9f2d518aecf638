/**
 * A session's live stream that outlives its connections: it comes back by itself (reconnect.ts), says hello with its cursor, and
 * sends again what was not answered.
 *
 *   T1  A feed event is handed out once and in order, over any number of connections, or a `gap` says what is missing.
 *   T2  A frame that was sent is sent again on the next connection until the server acknowledged or refused its id.
 *   T3  It ends: with a `Failed` that says why, or with its scope. What cannot get better by trying again is not tried again.
 *   T4  A reader that does not keep up slows the server down; at most ~1000 frames wait here.
 *
 * It draws nothing: `transcript.ts` does, and programs use it as it is.
 */
import { Effect, Exit, Queue, Schema, type Scope } from "effect"
import { type ClientFrame, type Cursor, ServerFrame } from "../adapters/gateway/protocol.ts"
import { type Connection, call } from "./api.ts"
import { Failed, usage } from "./failure.ts"
import { keepOpen } from "./reconnect.ts"
import { fitsFrame, type Wire } from "./socket.ts"

const waitingFramesMax = 1_000
const waitingFramesLow = 100
const unansweredMax = 32

export type From = "start" | "now" | typeof Cursor.Type

export type Heard =
  /** `text` is the frame as it came; `frame` is null if this version does not know its type. */
  | { readonly _tag: "Frame"; readonly frame: ServerFrame | null; readonly text: string; readonly atMs: number }
  | { readonly _tag: "Lost"; readonly why: string; readonly retryInMs: number }
  | { readonly _tag: "Back" }

export interface SessionStream {
  readonly take: Effect.Effect<Heard, Failed>
  /** Frames without an id (`ping`) are sent as they are; the others are kept until they are answered. */
  readonly send: (frame: Exclude<ClientFrame, { type: "hello" }>) => Effect.Effect<void, Failed>
  /** Where to go on from: everything up to here was handed out. */
  readonly cursor: () => typeof Cursor.Type | null
}

const decodeFrame = Schema.decodeUnknownOption(Schema.fromJsonString(ServerFrame))
const Position = Schema.Struct({ epoch: Schema.Int, head: Schema.Int })

const pathOf = (sessionId: string): string => `/v1/sessions/${encodeURIComponent(sessionId)}`

const cursorOf = Effect.fnUntraced(function* (connection: Connection, sessionId: string, from: From) {
  if (from === "start") return null
  if (from !== "now") return from
  const { value } = yield* call(connection, "GET", `${pathOf(sessionId)}/events?after=0&limit=1`, Position)
  return { epoch: value.epoch, seq: value.head }
})

export const openStream = Effect.fnUntraced(function* (
  connection: Connection,
  sessionId: string,
  from: From = "start"
): Effect.fn.Return<SessionStream, Failed, Scope.Scope> {
  let cursor = yield* cursorOf(connection, sessionId, from)
  let wire: Wire | null = null
  let isPaused = false
  let isWelcome = false
  let isBack = false
  const unanswered = new Map<string, string>()
  // Unbounded only in name: past `waitingFramesMax` the socket is read no further (T4).
  const heard = yield* Queue.unbounded<Heard, Failed>()

  /** False: it was handed out before. */
  const advance = (frame: ServerFrame): boolean => {
    if (frame.type === "welcome") {
      // A feed of another epoch counts anew; what is missing of the old one comes as a gap.
      if (cursor !== null && cursor.epoch !== frame.epoch) cursor = { epoch: frame.epoch, seq: 0 }
      cursor ??= { epoch: frame.epoch, seq: 0 }
      isWelcome = true
      for (const text of unanswered.values()) wire?.send(text)
    } else if (frame.type === "event") {
      if (cursor === null || frame.seq <= cursor.seq) return false
      cursor = { epoch: cursor.epoch, seq: frame.seq }
    } else if (frame.type === "gap") {
      if (cursor !== null) cursor = { epoch: cursor.epoch, seq: Math.max(cursor.seq, frame.through) }
    } else if (frame.type === "ack" || frame.type === "refused") unanswered.delete(frame.id)
    return true
  }

  const onText = (text: string, atMs: number) => {
    const decoded = decodeFrame(text)
    const frame = decoded._tag === "Some" ? decoded.value : null
    if (frame?.type === "pong" || (frame !== null && !advance(frame))) return
    if (isBack && isWelcome) {
      isBack = false
      Queue.offerUnsafe(heard, { _tag: "Back" })
    }
    Queue.offerUnsafe(heard, { _tag: "Frame", frame, text, atMs })
    if (!isPaused && Queue.sizeUnsafe(heard) > waitingFramesMax) {
      isPaused = true
      wire?.pause()
    }
  }
  yield* keepOpen(connection, {
    path: `${pathOf(sessionId)}/stream`,
    cursor: () => cursor,
    wasWelcome: () => isWelcome,
    onText,
    onOpen: (opened) => {
      wire = opened
      isPaused = false
    },
    onLost: (why, retryInMs) => {
      wire = null
      isWelcome = false
      isBack = true
      Queue.offerUnsafe(heard, { _tag: "Lost", why, retryInMs })
    }
  }).pipe(
    Effect.onExit((exit) => (Exit.isFailure(exit) ? Queue.failCause(heard, exit.cause) : Effect.void)),
    Effect.ignoreCause,
    Effect.forkScoped({ startImmediately: true })
  )

  const take = Queue.take(heard).pipe(
    Effect.tap(() =>
      Effect.sync(() => {
        if (!isPaused || Queue.sizeUnsafe(heard) > waitingFramesLow) return
        isPaused = false
        wire?.resume()
      })
    )
  )

  const send = Effect.fnUntraced(function* (frame: Exclude<ClientFrame, { type: "hello" }>) {
    const text = JSON.stringify(frame)
    if (!fitsFrame(text))
      return yield* usage("this is too long for one message of the stream", "Send it with `proliferate sessions prompt ID -`.")
    if (frame.type !== "ping") {
      if (unanswered.size >= unansweredMax)
        return yield* new Failed({
          exit: "limit",
          what: `${unansweredMax} messages wait for the server's answer`,
          todo: "Wait until the connection is back."
        })
      unanswered.set(frame.id, text)
    }
    if (isWelcome) wire?.send(text)
  })

  return { take, send, cursor: () => cursor }
})
