/**
 * HTTP at the daemon's door: routes, bodies of at most 1 MB against their schema, problem documents, a limit on every answer.
 * Whatever is sent to it, it answers with a status and goes on. A door on a port asks everyone for the secret.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import { mkdirSync, rmSync } from "node:fs"
import http, { type IncomingMessage, type ServerResponse } from "node:http"
import { dirname } from "node:path"
import type { Duplex } from "node:stream"
import { Cause, Clock, Context, Effect, FiberSet, Layer, Schema } from "effect"
import { uplinkPath } from "../../adapters/sandbox/uplink/limits.ts"
import { makeEventStream } from "./event-stream.ts"
import { Limits } from "./limits.ts"
import { badInput, cannot, Refusal, unknown } from "./refusal.ts"
import { type Route, Routes } from "./routes.ts"
import { cutEnd } from "./text.ts"
import { Uplink } from "./uplink.ts"

/** Where the host finds it. Of the secret of a port it knows the digest alone, so that nothing in the sandbox can tell it on. */
export type Door = { readonly socketPath: string } | { readonly port: number; readonly secretSha256: string }

/** `idleMs`: since the last request ended; 0 while one is open, the event stream included. */
export class Server extends Context.Service<Server, { readonly idleMs: Effect.Effect<number> }>()(
  "proliferate/cli/daemon/Server"
) {
  static readonly layer = (door: Door) =>
    Layer.effect(
      Server,
      Effect.gen(function* () {
        const limits = yield* Limits
        const routes = yield* Routes
        const uplink = yield* Uplink
        const streamEvents = yield* makeEventStream
        const mayEnter = doorkeeper(door)
        const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
        const clock = yield* Clock.Clock
        let open = 0
        let heardAt = clock.currentTimeMillisUnsafe()

        const respond = Effect.fnUntraced(function* (request: IncomingMessage, response: ServerResponse) {
          if (!mayEnter(request)) return yield* stranger
          const url = yield* Effect.try({
            try: () => new URL(request.url ?? "/", "http://daemon"),
            catch: () => badInput("the address cannot be read")
          })
          if (url.pathname === "/v1/events" && request.method === "GET") {
            return yield* streamEvents(response, url.searchParams.get("after"))
          }
          const { route, params } = yield* find(routes, request.method ?? "", url.pathname)
          const body =
            route.body === null
              ? undefined
              : yield* readBody(request, limits.bodyBytesMax).pipe(Effect.flatMap(decode(route.body)))
          const answer = yield* route.run(body, params).pipe(
            Effect.timeoutOrElse({
              duration: route.limitMs,
              orElse: () => Effect.fail(cannot("timeout", `not done within ${route.limitMs / 1000} s`))
            })
          )
          send(response, route.status, answer ?? {})
        })

        const server = http.createServer(
          {
            requestTimeout: limits.requestMs,
            headersTimeout: limits.requestMs,
            connectionsCheckingInterval: 1_000,
            keepAliveTimeout: 30_000
          },
          (request, response) => {
            open += 1
            response.on("close", () => {
              open -= 1
              heardAt = clock.currentTimeMillisUnsafe()
            })
            response.on("error", () => {})
            request.on("error", () => {})
            fork(
              respond(request, response).pipe(Effect.catchCause((cause) => Effect.sync(() => refuse(response, request, cause))))
            )
          }
        )
        server.maxConnections = 64
        server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
          socket.on("error", () => {})
          if (mayEnter(request) && request.url === uplinkPath) uplink.accept(request, socket, head)
          else socket.end(`HTTP/1.1 ${mayEnter(request) ? "404 Not Found" : "401 Unauthorized"}\r\nconnection: close\r\n\r\n`)
        })
        yield* Effect.acquireRelease(listen(server, door), () =>
          Effect.sync(() => {
            server.close()
            server.closeAllConnections()
            if ("socketPath" in door) rmSync(door.socketPath, { force: true })
          })
        )
        return { idleMs: Effect.sync(() => (open > 0 ? 0 : clock.currentTimeMillisUnsafe() - heardAt)) }
      })
    )
}

const stranger = new Refusal({
  status: 401,
  reason: "unauthorized",
  message: "this port answers its host alone, which shows a secret",
  final: true
})

const doorkeeper = (door: Door): ((request: IncomingMessage) => boolean) => {
  // Whoever can reach the socket may use it.
  if ("socketPath" in door) return () => true
  const expected = Buffer.from(door.secretSha256, "hex")
  return ({ headers: { authorization = "" } }) => {
    const shown = createHash("sha256")
      .update(authorization.replace(/^Bearer /, ""))
      .digest()
    return shown.length === expected.length && timingSafeEqual(shown, expected)
  }
}

const listen = (server: http.Server, door: Door) =>
  Effect.callback<void, Refusal>((resume) => {
    const name = "socketPath" in door ? door.socketPath : `port ${door.port}`
    server.once("error", (error) =>
      resume(Effect.fail(cannot("listen-failed", `${name} cannot be listened on: ${error.message}`)))
    )
    if ("port" in door) return void server.listen(door.port, () => resume(Effect.void))
    // What is there was left by a daemon that was killed: a sandbox runs one at a time.
    rmSync(door.socketPath, { force: true })
    mkdirSync(dirname(door.socketPath), { recursive: true })
    server.listen(door.socketPath, () => resume(Effect.void))
  })

const find = (routes: ReadonlyArray<Route>, method: string, path: string) =>
  Effect.gen(function* () {
    for (const route of routes) {
      const found = route.path.exec(path)
      if (found === null || route.method !== method) continue
      const params = yield* Effect.try({
        try: () => Object.fromEntries(Object.entries(found.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)])),
        catch: () => badInput("the address cannot be decoded")
      })
      return { route, params }
    }
    return yield* unknown(`there is no ${cutEnd(method, 20)} ${cutEnd(path, 200)}`)
  })

const readBody = (request: IncomingMessage, bytesMax: number) =>
  Effect.callback<string, Refusal>((resume) => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax) return void chunks.push(chunk)
      request.removeAllListeners("data")
      resume(
        Effect.fail(
          new Refusal({ status: 413, reason: "too-large", message: `a body has at most ${bytesMax} bytes`, final: true })
        )
      )
    })
    request.on("end", () => resume(Effect.succeed(Buffer.concat(chunks).toString("utf8"))))
    request.on("close", () => resume(Effect.fail(badInput("the body ended early"))))
  })

const decode = (schema: Schema.Codec<unknown, unknown>) => {
  const parse = Schema.decodeUnknownEffect(Schema.fromJsonString(schema))
  return (text: string) =>
    Effect.mapError(parse(text), (error) => badInput(cutEnd(`the body is not what this asks for: ${error.message}`, 1_000)))
}

const send = (response: ServerResponse, status: number, body: unknown, type = "application/json") => {
  if (response.headersSent || response.destroyed) return
  const text = JSON.stringify(body)
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) }).end(text)
}

const refuse = (response: ServerResponse, request: IncomingMessage, cause: Cause.Cause<Refusal>) => {
  const known = cause.reasons.find((reason) => reason._tag === "Fail")?.error
  if (known === undefined && !Cause.hasInterruptsOnly(cause))
    console.error(`${request.method} ${request.url}:`, Cause.pretty(cause))
  const { status, reason, message, final } =
    known ?? new Refusal({ status: 500, reason: "internal", message: "the daemon failed; its log says why", final: false })
  // What is left of an over-long body is not read to its end.
  if (!request.complete) response.setHeader("connection", "close")
  send(response, status, { status, reason, message, final }, "application/problem+json")
}
