/** The transport over node:http and `ws`, for machines where uWebSockets.js cannot be loaded. The same promises, some of its speed. */
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { Deferred, Effect } from "effect"
import { type WebSocket, WebSocketServer } from "ws"
import { bodyBytesMax, type Head, type Response } from "./http.ts"
import { pendingBytesMax } from "./protocol.ts"
import {
  bodyBytesRead,
  cannotListen,
  type Door,
  frameBytesRead,
  type GatewayError,
  type Handlers,
  type Listening,
  subprotocol,
  type Transport,
  type Wire
} from "./transport.ts"

/** A request is there by then, or its connection is cut, whatever was answered meanwhile. */
const headWithinMs = 10_000
const requestWithinMs = 30_000

const headOf = ({ method = "GET", url = "/", headers }: IncomingMessage): Head => {
  const mark = url.indexOf("?")
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) flat[name] = Array.isArray(value) ? value.join(", ") : (value ?? "")
  return { method, path: mark < 0 ? url : url.slice(0, mark), query: mark < 0 ? "" : url.slice(mark + 1), headers: flat }
}

const serveRequest =
  ({ request, fork }: Handlers) =>
  (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const body = Deferred.makeUnsafe<Uint8Array>()
    const chunks: Array<Buffer> = []
    let bytes = 0
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      // The first one too much is kept, so that the request is refused for it.
      if (bytes - chunk.length <= bodyBytesMax) chunks.push(chunk)
      if (bytes > bodyBytesRead) incoming.destroy()
    })
    incoming.on("end", () => Deferred.doneUnsafe(body, Effect.succeed(Buffer.concat(chunks))))
    incoming.on("close", () => Deferred.doneUnsafe(body, Effect.interrupt))
    incoming.on("error", () => {})
    outgoing.on("error", () => {})
    const answer = ({ status, headers, body: text }: Response) =>
      Effect.sync(() => {
        if (!outgoing.destroyed) outgoing.writeHead(status, headers).end(text)
      })
    fork(Effect.flatMap(request(headOf(incoming), Deferred.await(body)), answer))
  }

const serveSocket = (ws: WebSocket, { open }: Door): void => {
  let isOver = false
  const over = () => {
    if (!isOver) ear.closed()
    isOver = true
  }
  const wire: Wire = {
    send: (text) => {
      if (isOver || ws.bufferedAmount > 2 * pendingBytesMax) return false
      ws.send(text, { binary: false }, () => {
        if (!isOver) ear.drained()
      })
      return true
    },
    waitingBytes: () => ws.bufferedAmount,
    together: (run) => run(),
    ping: () => {
      if (!isOver) ws.ping()
    },
    // What still comes after this is nobody's; `ws` cuts a peer that does not close within 30 s.
    end: (code, reason) => {
      if (isOver) return
      ws.close(code, reason)
      over()
    }
  }
  const ear = open(wire)
  ws.on("message", (data: Buffer, isBinary) => {
    if (!isOver) ear.frame(data, !isBinary)
  })
  for (const sign of ["ping", "pong"]) {
    ws.on(sign, () => {
      if (!isOver) ear.sign()
    })
  }
  ws.on("error", () => {})
  ws.on("close", over)
}

const refuseUpgrade = (socket: Duplex, { status, headers, body }: Response): void => {
  const lines = Object.entries({ ...headers, connection: "close", "content-length": String(Buffer.byteLength(body)) })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`
  )
}

const serveUpgrade =
  (sockets: WebSocketServer, { admit, request, fork }: Handlers) =>
  (incoming: IncomingMessage, socket: Duplex, rest: Buffer): void => {
    socket.on("error", () => {})
    const head = headOf(incoming)
    const door = admit(head)
    if (door !== null) {
      sockets.handleUpgrade(incoming, socket, rest, (ws) => serveSocket(ws, door))
      return
    }
    fork(
      Effect.map(request(head, Effect.succeed(new Uint8Array())), (response) => {
        if (!socket.destroyed) refuseUpgrade(socket, response)
      })
    )
  }

export const overNode = (why: string): Transport => ({
  name: `node and ws (uWebSockets.js cannot be loaded: ${why})`,
  listen: (host, port, handlers) =>
    Effect.callback<Listening, GatewayError>((resume) => {
      const sockets = new WebSocketServer({
        noServer: true,
        clientTracking: false,
        perMessageDeflate: false,
        maxPayload: frameBytesRead,
        handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false)
      })
      const server = createServer({ headersTimeout: headWithinMs, requestTimeout: requestWithinMs }, serveRequest(handlers))
      const open = new Set<Duplex>()
      server.on("connection", (socket) => {
        open.add(socket)
        socket.on("close", () => open.delete(socket))
      })
      server.on("upgrade", serveUpgrade(sockets, handlers))
      server.once("error", ({ code, message }: NodeJS.ErrnoException) =>
        resume(Effect.fail(cannotListen(host, port, code ?? message)))
      )
      server.listen({ host, port, exclusive: true }, () =>
        resume(
          Effect.succeed({
            port: (server.address() as AddressInfo).port,
            stop: () => void server.close(),
            close: () => {
              for (const socket of open) socket.destroy()
            }
          })
        )
      )
    })
})
