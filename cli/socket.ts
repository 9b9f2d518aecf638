/**
 * One WebSocket to the server, from handshake to close, as an effect that answers with how it ended. It keeps itself honest: a
 * handshake has 10 s, it pings every 15 s, and a server not heard for 40 s counts as gone, so a half-open link never hangs.
 */
import { Effect, Schedule } from "effect"
import type WebSocket from "ws"
import { type Cursor, frameBytesMax, version } from "../adapters/gateway/protocol.ts"
import { type Answered, authorisation, type Connection, readAll } from "./api.ts"

const handshakeTimeoutMs = 10_000
const pingEveryMs = 15_000
const silenceMs = 40_000
/** A server's frame is a feed event (a tool's output has at most 64 KB) or a view with its queue. */
const incomingBytesMax = 16 * 1024 * 1024

export type Ending =
  | { readonly _tag: "Closed"; readonly code: number; readonly reason: string }
  /** The handshake was answered with something else. */
  | { readonly _tag: "Refused"; readonly answered: Answered }
  | { readonly _tag: "Unreachable"; readonly why: string }

export interface Wire {
  /** False when it is closed already: what was to be sent stays with the caller. */
  readonly send: (text: string) => boolean
  /** Back-pressure: the server is read no further until `resume`. */
  readonly pause: () => void
  readonly resume: () => void
}

export interface Talk {
  readonly onOpen: (wire: Wire) => void
  /** One text frame, with the time it came in milliseconds since 1970, to the microsecond. */
  readonly onText: (text: string, atMs: number) => void
}

const streamUrl = ({ url, prefix, socketPath }: Connection, path: string): string =>
  socketPath === null ? url.replace(/^http/, "ws") + prefix + path : `ws+unix:${socketPath}:${prefix}${path}`

export const talk = Effect.fnUntraced(function* (
  connection: Connection,
  path: string,
  cursor: typeof Cursor.Type | null,
  { onOpen, onText }: Talk
) {
  const { default: Socket } = yield* Effect.promise(() => import("ws"))
  let heardAt = performance.now()
  let socket: WebSocket | undefined

  const life = Effect.callback<Ending>((resume) => {
    const ws = new Socket(streamUrl(connection, path), {
      headers: authorisation(connection),
      handshakeTimeout: handshakeTimeoutMs,
      perMessageDeflate: false,
      maxPayload: incomingBytesMax,
      followRedirects: false
    })
    socket = ws
    let why = "the connection was cut"
    ws.on("open", () => {
      heardAt = performance.now()
      ws.send(JSON.stringify({ type: "hello", v: version, cursor }))
      onOpen({
        send: (text) => {
          if (ws.readyState !== Socket.OPEN) return false
          ws.send(text)
          return true
        },
        pause: () => ws.pause(),
        resume: () => ws.resume()
      })
    })
    ws.on("message", (data, isBinary) => {
      heardAt = performance.now()
      if (!isBinary) onText(data.toString(), performance.timeOrigin + heardAt)
    })
    ws.on("unexpected-response", (_, response) => {
      const done = (text: string) =>
        resume(Effect.succeed({ _tag: "Refused", answered: { status: response.statusCode!, headers: response.headers, text } }))
      readAll(response).then(done, () => done(""))
    })
    ws.on("error", (error: NodeJS.ErrnoException) => {
      why = error.code ?? error.message
    })
    ws.on("close", (code, reason) => {
      const unclean = code === 1006 || code === 1005
      resume(Effect.succeed(unclean ? { _tag: "Unreachable", why } : { _tag: "Closed", code, reason: reason.toString("utf8") }))
    })
    return Effect.sync(() => {
      ws.removeAllListeners("message")
      ws.on("error", () => {})
      // A clean close where that is still possible; the process need not wait for the answer to it.
      if (ws.readyState === Socket.OPEN) ws.close(1000)
      else ws.terminate()
    })
  })

  const watch = Effect.sync((): Ending | null => {
    if (socket?.readyState !== Socket.OPEN || socket.isPaused) return null
    if (performance.now() - heardAt > silenceMs) {
      socket.terminate()
      return { _tag: "Unreachable", why: `nothing was heard for ${silenceMs / 1000} s` }
    }
    socket.send(JSON.stringify({ type: "ping", at: Date.now() }))
    return null
  }).pipe(
    Effect.repeat({ schedule: Schedule.spaced(pingEveryMs), until: (ending) => ending !== null }),
    Effect.delay(pingEveryMs),
    Effect.map((ending): Ending => ending ?? { _tag: "Unreachable", why: "nothing was heard" })
  )

  return yield* Effect.raceFirst(life, watch)
})

export const fitsFrame = (text: string): boolean => Buffer.byteLength(text) <= frameBytesMax
