/**
 * A session's live stream that outlives its connections: it comes back by itself with back-off (0.25 s → 5 s, for 10 minutes),
 * says hello with its cursor, and sends again what was not answered.
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
import { type Connection, call, refusal, unreachable } from "./api.ts"
import { Failed, usage } from "./failure.ts"
import { type Ending, fitsFrame, talk, type Wire } from "./socket.ts"

const backoffFirstMs = 250
const backoffMaxMs = 5_000
const reconnectForMs = 10 * 60_000
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

/** Close codes after which the same again would end the same. */
const finalCodes: Record<number, Pick<Failed, "exit" | "todo">> = {
  1009: { exit: "usage", todo: "Send a shorter prompt, or put the text into a file of the repository." },
  4400: { exit: "failure", todo: "Bring command and server to the same version." },
  4401: { exit: "refused", todo: "Set PROLIFERATE_TOKEN; `proliferate tokens create --local` makes a token." },
  4403: { exit: "refused", todo: "`proliferate whoami` shows your role." },
  4404: { exit: "failure", todo: "`proliferate sessions list` shows the sessions of your organisation." },
  4406: { exit: "failure", todo: "Bring command and server to the same version." }
}

const finalFailure = (connection: Connection, ending: Ending, isFirst: boolean): Failed | null => {
  if (ending._tag === "Unreachable") return isFirst ? unreachable(connection, ending.why) : null
  if (ending._tag === "Refused") {
    const isPassing = ending.answered.status === 429 || ending.answered.status >= 500
    return isFirst || !isPassing ? refusal(connection, ending.answered) : null
  }
  const final = finalCodes[ending.code]
  return final ? new Failed({ ...final, what: ending.reason || `the stream was closed with code ${ending.code}` }) : null
}

const whyLost = (ending: Ending): string =>
  ending._tag === "Closed"
    ? ending.reason || `closed with code ${ending.code}`
    : ending._tag === "Refused"
      ? `the server answered ${ending.answered.status}`
      : ending.why

const decodeFrame = Schema.decodeUnknownOption(Schema.fromJsonString(ServerFrame))
const Position = Schema.Struct({ epoch: Schema.Int, head: Schema.Int })

const cursorOf = Effect.fnUntraced(function* (connection: Connection, sessionId: string, from: From) {
  if (from === "start") return null
  if (from !== "now") return from
  const path = `/v1/sessions/${encodeURIComponent(sessionId)}/events?after=0&limit=1`
  const { value } = yield* call(connection, "GET", path, Position)
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
  let wasOpen = false
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
  const onOpen = (opened: Wire) => {
    wire = opened
    wasOpen = true
    isPaused = false
  }

  const keepOpen = Effect.gen(function* () {
    let isFirst = true
    let backoffMs = backoffFirstMs
    let lostAtMs = performance.now()
    while (true) {
      isWelcome = false
      const ending = yield* talk(connection, sessionId, cursor, { onOpen, onText })
      wire = null
      const failure = finalFailure(connection, ending, isFirst && !wasOpen)
      if (failure !== null) return yield* failure
      if (isWelcome) {
        backoffMs = backoffFirstMs
        lostAtMs = performance.now()
      }
      isFirst = false
      isBack = true
      if (performance.now() - lostAtMs > reconnectForMs) return yield* unreachable(connection, whyLost(ending))
      Queue.offerUnsafe(heard, { _tag: "Lost", why: whyLost(ending), retryInMs: backoffMs })
      yield* Effect.sleep(backoffMs)
      backoffMs = Math.min(backoffMs * 2, backoffMaxMs)
    }
  })
  yield* keepOpen.pipe(
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
