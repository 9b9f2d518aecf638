/**
 * A service on the loopback that answers as it is told: it notes what it is asked, and each request is answered by the routes given,
 * or by the trouble that was arranged for the next ones. It speaks HTTP through sockets that it can also misuse.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { Effect, Latch } from "effect"

export interface Asked {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

export interface Said {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON. */
  readonly body?: unknown
}

/** Does with the answer what it wants. */
export type Trouble = (response: ServerResponse, asked: Asked) => void

export interface Service {
  readonly url: string
  readonly asked: Array<Asked>
  /** Of the next requests, in order. */
  readonly troubles: Array<Trouble>
  /** Opens at the next request. */
  readonly wasAsked: Latch.Latch
  readonly close: () => Promise<void>
}

export const say = ({ status = 200, headers = {}, body }: Said): Trouble => {
  const isText = typeof body === "string" || Buffer.isBuffer(body)
  return (response) => {
    response.writeHead(status, {
      ...(body !== undefined && { "content-type": isText ? "text/plain" : "application/json; charset=utf-8" }),
      ...headers
    })
    response.end(body === undefined ? undefined : isText ? body : JSON.stringify(body))
  }
}

/** Hears it and never answers. */
export const silence: Trouble = () => {}
/** Hears it and hangs up. */
export const hangUp: Trouble = (response) => void response.socket?.destroy()
export const halfAnAnswer: Trouble = (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" })
  response.write('{"id": 1, "title": "half', () => response.socket?.destroy())
}
export const brokenStream: Trouble = (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.write(": wait\n\n", () => response.socket?.resetAndDestroy())
}
export const nothing: Trouble = (response) => void response.socket?.end("")
export const garbage: Trouble = (response) => void response.socket?.end("SMTP ready\r\n\r\n")
/** 50 MB of valid JSON, as fast as it is taken. */
export const flood =
  (status = 200): Trouble =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json" })
    const piece = `"${"x".repeat(65_534)}",`
    let left = 50 * 16
    const pour = () => {
      while (left > 0) {
        left -= 1
        if (!response.write(piece)) return void response.once("drain", pour)
      }
      response.end('"end"]')
    }
    response.write("[")
    pour()
  }

export const startService = async (answer: (asked: Asked) => Said | Trouble): Promise<Service> => {
  const asked: Array<Asked> = []
  const troubles: Array<Trouble> = []
  const wasAsked = Latch.makeUnsafe(false)
  const sockets = new Set<Socket>()
  const server = createServer(async (request, response) => {
    response.on("error", () => {})
    const pieces: Array<Buffer> = []
    for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
    const one: Asked = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(pieces).toString()
    }
    asked.push(one)
    const routed = (): Trouble => {
      const said = answer(one)
      return typeof said === "function" ? said : say(said)
    }
    const trouble = troubles.shift() ?? routed()
    trouble(response, one)
    wasAsked.openUnsafe()
  })
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    troubles,
    wasAsked,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    }
  }
}

export const service = (answer: (asked: Asked) => Said | Trouble) =>
  Effect.acquireRelease(
    Effect.promise(() => startService(answer)),
    ({ close }) => Effect.promise(close)
  )
