/**
 * A client of a session's stream that comes back with its cursor, and keeps what it was shown: every event, and where what it was
 * shown did not follow on what it had. It is told nothing about the weather.
 */
import WebSocket from "ws"

export interface Shown {
  /** This frame stands for the events `from` to `seq`. */
  readonly from: number
  readonly seq: number
  readonly kind: string
  readonly body: Readonly<Record<string, any>>
}

export interface Stream {
  readonly shown: ReadonlyArray<Shown>
  /** Events that were left out, shown again, or announced as not to be had. */
  readonly holes: ReadonlyArray<string>
  readonly repeats: ReadonlyArray<string>
  readonly connections: () => number
  readonly seq: () => number
  /** True: it was sent. The answer comes to `onAnswer`. */
  readonly send: (frame: Readonly<Record<string, unknown>>) => boolean
  readonly drop: () => void
  readonly close: () => void
}

const againMs = 250

export const openStream = (
  /** Of the server that is dialled next. */
  url: () => string,
  token: string,
  sessionId: string,
  onShown: (event: Shown) => void,
  onAnswer: (frame: any) => void
): Stream => {
  const shown: Array<Shown> = []
  const holes: Array<string> = []
  const repeats: Array<string> = []
  let cursor: { epoch: number; seq: number } | null = null
  let connections = 0
  let isClosed = false
  let socket: WebSocket

  const take = ({ from, seq, kind, body }: { from?: number; seq: number; kind: string; body: any }) => {
    const first = from ?? seq
    const expected = (cursor?.seq ?? 0) + 1
    if (first > expected) holes.push(`events ${expected} to ${first - 1} were left out`)
    if (first < expected) repeats.push(`event ${first} was shown again`)
    const event = { from: first, seq, kind, body }
    shown.push(event)
    cursor = { epoch: cursor!.epoch, seq }
    onShown(event)
  }

  const connect = () => {
    if (isClosed) return
    socket = new WebSocket(`${url().replace(/^http/, "ws")}/v1/sessions/${sessionId}/stream`, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: 5_000
    })
    socket.on("open", () => socket.send(JSON.stringify({ type: "hello", v: 1, cursor })))
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data))
      if (frame.type === "welcome") {
        connections += 1
        cursor = { epoch: frame.epoch, seq: cursor?.seq ?? 0 }
      } else if (frame.type === "gap") {
        holes.push(`events ${frame.from} to ${frame.through} are not to be had: ${frame.reason}`)
        cursor = { epoch: cursor!.epoch, seq: frame.through }
      } else if (frame.type === "event") take(frame)
      else if (frame.type === "ack" || frame.type === "refused") onAnswer(frame)
    })
    socket.on("error", () => {})
    socket.on("close", () => setTimeout(connect, againMs))
  }
  connect()
  // A server that is frozen keeps its sockets open and says nothing: a client that hears no answer dials again.
  const pulse = setInterval(() => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "ping", at: 0 }))
  }, 5_000)

  return {
    shown,
    holes,
    repeats,
    connections: () => connections,
    seq: () => cursor?.seq ?? 0,
    send: (frame) => {
      if (socket.readyState !== WebSocket.OPEN) return false
      socket.send(JSON.stringify(frame))
      return true
    },
    drop: () => socket.terminate(),
    close: () => {
      isClosed = true
      clearInterval(pulse)
      socket.terminate()
    }
  }
}
