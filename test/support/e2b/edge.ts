/**
 * E2B's edge: leads a request that names a sandbox and a port to that port of its machine, an upgrade as well. A machine that does not
 * run, or has nobody at the port, is answered for with 502, as E2B does.
 */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import type { Machine } from "./machine.ts"

const envdPort = 49983

export interface Target {
  readonly machine: Machine
  readonly envdAccessToken: string
}

const dial = (machine: Machine, port: number): Socket => {
  const socket = connect(join(machine.shared, port === envdPort ? "envd.sock" : "ports.sock"))
  machine.connections.add(socket)
  socket.on("close", () => machine.connections.delete(socket))
  if (port !== envdPort) socket.write(`${port}\n`)
  return socket
}

const mayPass = ({ headers }: IncomingMessage, { machine, envdAccessToken }: Target, port: number): number | null => {
  if (!machine.isOn) return 502
  return port === envdPort && headers["x-access-token"] !== envdAccessToken ? 401 : null
}

export const portOf = ({ headers }: IncomingMessage) => Number(headers["e2b-sandbox-port"] ?? envdPort)

export const lead = (request: IncomingMessage, response: ServerResponse, target: Target | null): void => {
  const port = portOf(request)
  const refused = target === null ? 502 : mayPass(request, target, port)
  const refuse = (status: number) => {
    if (!response.headersSent)
      response
        .writeHead(status, { "content-type": "application/json" })
        .end(JSON.stringify({ code: status, message: "not there" }))
    else response.destroy()
  }
  if (refused !== null || target === null) {
    refuse(refused ?? 502)
    return
  }
  const { machine } = target
  const socket = dial(machine, port)
  const onward = httpRequest({
    method: request.method!,
    path: request.url!,
    headers: { ...request.headers, connection: "keep-alive" },
    createConnection: () => socket
  })
  onward.on("error", () => refuse(502))
  onward.on("response", (answer) => {
    response.writeHead(answer.statusCode!, answer.headers)
    answer.on("error", () => response.destroy())
    answer.pipe(response)
    // Nobody uses the connection again, and a daemon has few.
    answer.on("end", () => socket.destroy())
  })
  response.on("close", () => {
    onward.destroy()
    socket.destroy()
  })
  request.pipe(onward)
}

export const leadUpgrade = (request: IncomingMessage, outside: Duplex, head: Buffer, target: Target | null): void => {
  outside.on("error", () => {})
  const port = portOf(request)
  if (target === null || mayPass(request, target, port) !== null) {
    outside.end("HTTP/1.1 502 Bad Gateway\r\n\r\n")
    return
  }
  const inside = dial(target.machine, port)
  const lines = [`GET ${request.url} HTTP/1.1`]
  for (let index = 0; index < request.rawHeaders.length; index += 2)
    lines.push(`${request.rawHeaders[index]}: ${request.rawHeaders[index + 1]}`)
  inside.write(`${lines.join("\r\n")}\r\n\r\n`)
  inside.write(head)
  for (const each of [inside, outside])
    each
      .on("error", () => [inside, outside].map((one) => one.destroy()))
      .on("close", () => [inside, outside].map((one) => one.destroy()))
  inside.pipe(outside)
  outside.pipe(inside)
}
