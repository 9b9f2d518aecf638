/** The transport over uWebSockets.js. After an abort or a close its objects must not be touched: each is guarded here, once. */

import type * as UWS from "uWebSockets.js"
import { STATUS_CODES } from "node:http"
import { createServer } from "node:net"
import { Deferred, Effect } from "effect"
import { bodyBytesMax, type Head, type Response } from "./http.ts"
import { pendingBytesMax, silenceMs } from "./protocol.ts"
import {
  bodyBytesRead,
  cannotListen,
  type Ear,
  frameBytesRead,
  type GatewayError,
  type Handlers,
  type Listening,
  subprotocol,
  type Transport,
  type Wire
} from "./transport.ts"

/** Not in its types: LIBUS_LISTEN_EXCLUSIVE_PORT. Without it a second server on the port succeeds and takes half the connections. */
const exclusive = 1

type ListenExclusively = (
  host: string,
  port: number,
  option: number,
  listening: (token: UWS.us_listen_socket | false) => void
) => void
/** What `send` answers when more waits than `maxBackpressure`. */
const dropped = 2

interface Socket {
  readonly open: (wire: Wire) => Ear
  isOpen: boolean
  ear: Ear | null
}

/** Valid only until the handler returns. */
const headOf = (req: UWS.HttpRequest): Head => {
  const headers: Record<string, string> = {}
  req.forEach((name, value) => {
    headers[name] = value
  })
  return { method: req.getMethod().toUpperCase(), path: req.getUrl(), query: req.getQuery() ?? "", headers }
}

const respond = (res: UWS.HttpResponse, method: string, { status, headers, body }: Response): void => {
  res.cork(() => {
    res.writeStatus(`${status} ${STATUS_CODES[status] ?? ""}`)
    for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value)
    if (status === 204) res.endWithoutBody()
    else if (method === "HEAD") res.endWithoutBody(Buffer.byteLength(body))
    else res.end(body)
  })
}

const serveRequest =
  ({ request, fork }: Handlers) =>
  (res: UWS.HttpResponse, req: UWS.HttpRequest): void => {
    const head = headOf(req)
    const body = Deferred.makeUnsafe<Uint8Array>()
    const chunks: Array<Buffer> = []
    let bytes = 0
    // Aborted or answered: from then on `res` is nobody's.
    let isOver = false
    res.onAborted(() => {
      isOver = true
      Deferred.doneUnsafe(body, Effect.interrupt)
    })
    res.onData((chunk, isLast) => {
      if (isOver) return
      bytes += chunk.byteLength
      // The chunk is taken away when this returns. The first one too much is kept, so that the request is refused for it.
      if (bytes - chunk.byteLength <= bodyBytesMax) chunks.push(Buffer.from(chunk.slice(0)))
      if (bytes > bodyBytesRead) res.close()
      else if (isLast) Deferred.doneUnsafe(body, Effect.succeed(Buffer.concat(chunks)))
    })
    const answer = Effect.fnUntraced(function* (response: Response) {
      if (!isOver) respond(res, head.method, response)
      isOver = true
    })
    fork(Effect.flatMap(request(head, Deferred.await(body)), answer))
  }

const serveUpgrade = (handlers: Handlers) => {
  const asRequest = serveRequest(handlers)
  return (res: UWS.HttpResponse, req: UWS.HttpRequest, context: UWS.us_socket_context_t): void => {
    const head = headOf(req)
    const door = handlers.admit(head)
    if (door === null) {
      asRequest(res, req)
      return
    }
    const { "sec-websocket-key": key = "", "sec-websocket-protocol": offered = "" } = head.headers
    const protocol = offered.split(/ *, */).includes(subprotocol) ? subprotocol : ""
    res.upgrade<Socket>({ open: door.open, isOpen: false, ear: null }, key, protocol, "", context)
  }
}

/** Touching a socket that has closed throws: `isOpen` is asked first. */
const wireOf = (ws: UWS.WebSocket<Socket>, isOpen: () => boolean): Wire => ({
  send: (text) => isOpen() && ws.send(text, false) !== dropped,
  waitingBytes: () => (isOpen() ? ws.getBufferedAmount() : 0),
  together: (run) => void (isOpen() && ws.cork(run)),
  ping: () => void (isOpen() && ws.ping()),
  end: (code, reason) => void (isOpen() && ws.end(code, reason))
})

const behaviour = (handlers: Handlers): UWS.WebSocketBehavior<Socket> => ({
  maxPayloadLength: frameBytesRead,
  // The gateway keeps to its own, smaller limit; this one only bounds what a fault of ours could hold.
  maxBackpressure: 2 * pendingBytesMax,
  closeOnBackpressureLimit: false,
  // The gateway listens for silence itself; this ends what is left of a socket that it has given up.
  idleTimeout: (2 * silenceMs) / 1000,
  sendPingsAutomatically: false,
  upgrade: serveUpgrade(handlers),
  open: (ws) => {
    const socket = ws.getUserData()
    socket.isOpen = true
    socket.ear = socket.open(wireOf(ws, () => socket.isOpen))
  },
  message: (ws, message, isBinary) => ws.getUserData().ear?.frame(Buffer.from(message.slice(0)), !isBinary),
  ping: (ws) => ws.getUserData().ear?.sign(),
  pong: (ws) => ws.getUserData().ear?.sign(),
  drain: (ws) => ws.getUserData().ear?.drained(),
  close: (ws) => {
    const socket = ws.getUserData()
    socket.isOpen = false
    socket.ear?.closed()
  }
})

/** uWebSockets only says that it cannot listen; node says why. */
const reasonOf = (host: string, port: number) =>
  Effect.callback<never, GatewayError>((resume) => {
    const server = createServer()
    server.on("error", ({ code, message }: NodeJS.ErrnoException) =>
      resume(Effect.fail(cannotListen(host, port, code ?? message)))
    )
    server.listen({ host, port, exclusive: true }, () =>
      server.close(() => resume(Effect.fail(cannotListen(host, port, "it was taken a moment ago"))))
    )
  })

export const overUws = (uws: typeof UWS, name: string): Transport => ({
  name,
  listen: (host, port, handlers) =>
    Effect.callback<Listening, GatewayError>((resume) => {
      const app = uws.App().ws<Socket>("/*", behaviour(handlers)).any("/*", serveRequest(handlers))
      const onListen = (token: UWS.us_listen_socket | false) => {
        if (!token) return resume(reasonOf(host, port))
        let isListening = true
        resume(
          Effect.succeed({
            port: uws.us_socket_local_port(token),
            stop: () => {
              if (isListening) uws.us_listen_socket_close(token)
              isListening = false
            },
            close: () => void app.close()
          })
        )
      }
      ;(app.listen as unknown as ListenExclusively)(host, port, exclusive, onListen)
    })
})
