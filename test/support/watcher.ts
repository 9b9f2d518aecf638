/**
 * A client of a session's stream that trusts nobody: it comes back with its cursor as a client should, keeps every event as it
 * came, and so sees what a kind client would hide: an event twice, out of order, or missing.
 */
import WebSocket from "ws"

export interface Seen {
  readonly seq: number
  readonly kind: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface Watcher {
  readonly events: ReadonlyArray<Seen>
  readonly gaps: ReadonlyArray<{ readonly from: number; readonly through: number }>
  readonly connections: () => number
  /** The first event, from those seen already on, that fits; fails with `what` after the limit. */
  readonly until: (what: string, fits: (event: Seen) => boolean, limitMs: number) => Promise<Seen>
  readonly close: () => void
}

const retryMs = 100

export const watch = (url: string, token: string, sessionId: string): Watcher => {
  const events: Array<Seen> = []
  const gaps: Array<{ from: number; through: number }> = []
  const waiters = new Set<() => void>()
  let cursor: { epoch: number; seq: number } | null = null
  let connections = 0
  let isClosed = false
  let socket: WebSocket

  const connect = () => {
    if (isClosed) return
    socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/sessions/${sessionId}/stream`, {
      headers: { authorization: `Bearer ${token}` }
    })
    socket.on("open", () => socket.send(JSON.stringify({ type: "hello", v: 1, cursor })))
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data))
      if (frame.type === "welcome") {
        connections += 1
        cursor = { epoch: frame.epoch, seq: cursor?.seq ?? 0 }
      }
      if (frame.type === "gap") gaps.push({ from: frame.from, through: frame.through })
      if (frame.type !== "event") return
      events.push(frame)
      cursor = { epoch: cursor!.epoch, seq: frame.seq }
      for (const waiter of [...waiters]) waiter()
    })
    socket.on("error", () => {})
    socket.on("close", () => setTimeout(connect, retryMs))
  }
  connect()

  return {
    events,
    gaps,
    connections: () => connections,
    until: (what, fits, limitMs) =>
      new Promise((resolve, reject) => {
        let looked = 0
        const look = () => {
          for (; looked < events.length; looked++) {
            if (!fits(events[looked]!)) continue
            clearTimeout(timer)
            waiters.delete(look)
            resolve(events[looked]!)
            return
          }
        }
        const timer = setTimeout(() => {
          waiters.delete(look)
          const last = events.slice(-8).map(({ seq, kind, body }) => `${seq} ${kind} ${JSON.stringify(body).slice(0, 120)}`)
          reject(new Error(`${what} did not come within ${limitMs} ms; the last events were:\n${last.join("\n")}`))
        }, limitMs)
        waiters.add(look)
        look()
      }),
    close: () => {
      isClosed = true
      socket.close()
    }
  }
}
