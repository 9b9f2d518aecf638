/**
 * A server that speaks the API's shapes and does what a test tells it: answers by route, and one session's stream with a feed that
 * the test appends to, cuts and restarts. It is real HTTP and WebSocket on a loopback port; only the session behind it is not.
 */
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { type WebSocket, WebSocketServer } from "ws"

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: any
}
type Answer = { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
type Route = Answer | ((asked: Asked) => Answer | Promise<Answer>)

export const problem = (status: number, code: string, detail: string, more: Record<string, unknown> = {}): Answer => ({
  status,
  body: { type: `urn:proliferate:problem:${code}`, title: code, status, detail, code, ...more }
})

export const sessionView = (changes: Record<string, unknown> = {}) => ({
  id: "ses_1",
  title: "Mend the pager",
  status: "running",
  state: { running: { agent: "idle", link: "connected" } },
  rev: 4,
  owner: "usr_1",
  configurationId: "cfg_1",
  agent: "scripted",
  turnId: null,
  questionId: null,
  queue: [],
  reason: null,
  sandboxId: "sbx_1",
  snapshotId: null,
  accepts: ["prompt", "pause", "stop"],
  quarantine: null,
  createdAtMs: 1_700_000_000_000,
  updatedAtMs: 1_700_000_001_000,
  ...changes
})

export interface FeedEvent {
  readonly kind: string
  readonly body: Record<string, unknown>
  readonly rev?: number
  readonly agent?: string
}

export const startApiServer = async (routes: Record<string, Route> = {}) => {
  const asked: Array<Asked> = []
  const hellos: Array<any> = []
  const frames: Array<any> = []
  const sockets = new Set<WebSocket>()
  const feed: Array<Record<string, unknown>> = []
  let view = sessionView()
  let epoch = 1
  /** What a frame of a client, other than hello and ping, leads to. */
  let onFrame: (frame: any, socket: WebSocket) => void = (frame, socket) =>
    socket.send(JSON.stringify({ type: "ack", id: frame.id, rev: 5, duplicate: false }))

  const server = createServer(async (request, response) => {
    let text = ""
    for await (const chunk of request) text += chunk
    const one: Asked = {
      method: request.method!,
      path: request.url!,
      headers: request.headers,
      body: text === "" ? null : JSON.parse(text)
    }
    asked.push(one)
    const route = routes[`${one.method} ${one.path.split("?")[0]}`] ?? problem(404, "not-found", `there is no ${one.path} here`)
    const { status, body, headers } = typeof route === "function" ? await route(one) : route
    const type = status >= 400 ? "application/problem+json" : "application/json"
    response.writeHead(status, { "content-type": type, ...headers })
    response.end(body === undefined ? "" : JSON.stringify(body))
  })

  const streams = new WebSocketServer({ noServer: true })
  let refuses: Answer | null = null
  let cuts = false
  server.on("upgrade", (request, socket, head) => {
    if (refuses !== null) {
      const body = JSON.stringify(refuses.body)
      socket.end(
        `HTTP/1.1 ${refuses.status} No\r\ncontent-type: application/problem+json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
      )
      return
    }
    streams.handleUpgrade(request, socket, head, (ws) => {
      if (cuts) {
        cuts = false
        return ws.terminate()
      }
      sockets.add(ws)
      ws.on("close", () => sockets.delete(ws))
      ws.on("message", (data) => {
        const frame = JSON.parse(data.toString())
        if (frame.type === "ping") return ws.send(JSON.stringify({ type: "pong", at: frame.at }))
        if (frame.type !== "hello") {
          frames.push(frame)
          return onFrame(frame, ws)
        }
        hellos.push(frame)
        const after = frame.cursor === null || frame.cursor.epoch !== epoch ? 0 : frame.cursor.seq
        const you = { user: "usr_1", role: "member" }
        ws.send(JSON.stringify({ type: "welcome", v: 1, epoch, seq: feed.length, you, session: view, extra: "ignored" }))
        for (const event of feed.slice(after)) ws.send(JSON.stringify(event))
        ws.send(JSON.stringify({ type: "live", seq: feed.length }))
      })
    })
  })

  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server.once("error", reject)
      server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
    })
  let port = await listen(0)
  const drop = () => {
    for (const socket of sockets) socket.terminate()
  }
  const close = async () => {
    drop()
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }

  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    hellos,
    frames,
    feed,
    setView: (changes: Record<string, unknown>) => {
      view = sessionView(changes)
    },
    setOnFrame: (handle: typeof onFrame) => {
      onFrame = handle
    },
    setRefusal: (answer: Answer | null) => {
      refuses = answer
    },
    /** The next connection is opened and cut. */
    cutNext: () => {
      cuts = true
    },
    /** Another feed: cursors of the old one mean nothing. */
    renew: () => {
      epoch += 1
      feed.length = 0
    },
    /** Appends to the feed and tells whoever is connected. */
    say: (...events: ReadonlyArray<FeedEvent>) => {
      for (const { kind, body, rev = null, agent = null } of events) {
        const event = {
          type: "event",
          seq: feed.length + 1,
          source: "journal",
          kind,
          agent,
          parent: null,
          rev,
          at: Date.now(),
          body
        }
        feed.push(event)
        for (const socket of sockets) socket.send(JSON.stringify(event))
      }
    },
    /** Sends a stored event once more, as no server should. */
    repeat: (seq: number) => {
      for (const socket of sockets) socket.send(JSON.stringify(feed[seq - 1]))
    },
    drop,
    close,
    /** Gone, with everything that was connected, and back on the same port. */
    restart: async (meanwhile: () => Promise<void> = async () => {}) => {
      await close()
      await meanwhile()
      port = await listen(port)
    }
  }
}
export type ApiServer = Awaited<ReturnType<typeof startApiServer>>
