/**
 * HTTP on the daemon's socket: routes, bodies of at most 1 MB against their schema, problem documents, a limit on every answer.
 * Whatever is sent to it, it answers with a status and goes on.
 */
import { mkdirSync, rmSync } from "node:fs"
import http, { type IncomingMessage, type ServerResponse } from "node:http"
import { dirname } from "node:path"
import { Cause, Clock, Context, Effect, FiberSet, Layer, Schema } from "effect"
import { makeEventStream } from "./event-stream.ts"
import { Limits } from "./limits.ts"
import { badInput, cannot, Refusal, unknown } from "./refusal.ts"
import { type Route, Routes } from "./routes.ts"
import { cutEnd } from "./text.ts"

/** `idleMs`: since the last request ended; 0 while one is open, the event stream included. */
export class Server extends Context.Service<Server, { readonly idleMs: Effect.Effect<number> }>()(
  "proliferate/cli/daemon/Server"
) {
  static readonly layer = (socketPath: string) =>
    Layer.effect(
      Server,
      Effect.gen(function* () {
        const limits = yield* Limits
        const routes = yield* Routes
        const streamEvents = yield* makeEventStream
        const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
        const clock = yield* Clock.Clock
        let open = 0
        let heardAt = clock.currentTimeMillisUnsafe()

        const respond = Effect.fnUntraced(function* (request: IncomingMessage, response: ServerResponse) {
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
        yield* Effect.acquireRelease(listen(server, socketPath), () =>
          Effect.sync(() => {
            server.close()
            server.closeAllConnections()
            rmSync(socketPath, { force: true })
          })
        )
        return { idleMs: Effect.sync(() => (open > 0 ? 0 : clock.currentTimeMillisUnsafe() - heardAt)) }
      })
    )
}

const listen = (server: http.Server, socketPath: string) =>
  Effect.callback<void, Refusal>((resume) => {
    server.once("error", (error) =>
      resume(Effect.fail(cannot("listen-failed", `${socketPath} cannot be listened on: ${error.message}`)))
    )
    // What is there was left by a daemon that was killed: a sandbox runs one at a time.
    rmSync(socketPath, { force: true })
    mkdirSync(dirname(socketPath), { recursive: true })
    server.listen(socketPath, () => resume(Effect.void))
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
