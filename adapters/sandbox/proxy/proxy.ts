/**
 * A sandbox's one way to the host: an HTTP server that knows which sandbox asks. `/git/…`, `/api/…` and `/model/…` are served; all else
 * is refused, in words. Inside, a relay on 127.0.0.1:3128 leads here. The provider says what it listens on.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Effect, FiberSet, Stream } from "effect"
import { AnswerCut, ProxyRoutes, relayPort } from "../../../actors/ports/proxy.ts"
import type { SandboxInfo } from "../../../actors/ports/sandboxes.ts"
import { refuse } from "./exchange.ts"
import { makeGit, type ServeGit } from "./git.ts"
import * as limits from "./limits.ts"

/** What the relay is called inside: a client with a proxy set up names it in full. */
const ownHosts = new Set(["proxy", `127.0.0.1:${relayPort}`, `localhost:${relayPort}`])
const hopHeaders = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te", "trailer"])

const noWayOut = (host: string) =>
  `There is no way out of this sandbox to ${host}. Repositories are at http://127.0.0.1:${relayPort}/git/<repository id>, the server at /api, models at /model.`

/** Null when it is larger than may be, or broken off. The rest is still read, or the client would lose our answer while it writes. */
const bodyOf = async (request: IncomingMessage, bytesMax: number): Promise<Buffer | null> => {
  const parts: Array<Buffer> = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes <= bytesMax) parts.push(part)
    else parts.length = 0
    if (bytes > limits.bodyReadBytesMax) request.destroy()
  }
  return bytes > bytesMax ? null : Buffer.concat(parts)
}

const headersOf = (request: IncomingMessage) =>
  Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      typeof value === "string" && !hopHeaders.has(name) ? [[name, value]] : []
    )
  )

/** Writes one piece; done when there is room for the next. */
const write = (response: ServerResponse, piece: Uint8Array): Effect.Effect<void, AnswerCut> =>
  response.write(piece)
    ? Effect.void
    : Effect.callback<void>((resume) => {
        const go = () => resume(Effect.void)
        response.once("drain", go)
        return Effect.sync(() => response.off("drain", go))
      }).pipe(
        Effect.timeoutOrElse({
          duration: limits.modelUnreadMs,
          orElse: () => Effect.fail(new AnswerCut({ reason: "unread", message: "the sandbox does not read an answer" }))
        })
      )

const makeAnswer = (sandbox: SandboxInfo, routes: ProxyRoutes["Service"], serveGit: ServeGit) => {
  const api = Effect.fn("sandbox.proxy.api")(function* (request: IncomingMessage, response: ServerResponse, path: string) {
    const body = yield* Effect.promise(() => bodyOf(request, limits.apiBodyBytesMax).catch(() => null))
    if (body === null) return refuse(response, 413, `A request body may have at most ${limits.apiBodyBytesMax / 2 ** 20} MB.`)
    const answer = yield* routes.api(sandbox, { method: request.method!, path, headers: headersOf(request), body })
    const kept = Object.entries(answer.headers).filter(([name]) => !hopHeaders.has(name.toLowerCase()))
    response.writeHead(answer.status, Object.fromEntries(kept)).end(answer.body)
  })

  const model = Effect.fn("sandbox.proxy.model")(function* (request: IncomingMessage, response: ServerResponse, path: string) {
    const passOn = Effect.gen(function* () {
      const { status, headers, body } = yield* routes.model(sandbox, {
        method: request.method!,
        path,
        headers: headersOf(request),
        body: (bytesMax) => Effect.promise(() => bodyOf(request, bytesMax).catch(() => null))
      })
      response.writeHead(status, headers).flushHeaders()
      yield* Stream.runForEach(body, (piece) => write(response, piece))
    })
    // What is to be counted is counted before the answer ends: who asks afterwards knows it.
    yield* Effect.scoped(passOn).pipe(
      Effect.andThen(Effect.sync(() => response.end())),
      Effect.catchTag("AnswerCut", () => Effect.sync(() => response.destroy()))
    )
  })

  return Effect.fn("sandbox.proxy")(function* (request: IncomingMessage, response: ServerResponse) {
    const url = URL.parse(request.url ?? "", "http://proxy")
    if (url === null) return refuse(response, 400, "The request has no address.")
    if (!ownHosts.has(url.host)) return refuse(response, 403, noWayOut(url.host))
    if (url.pathname.startsWith("/api/")) {
      return yield* api(request, response, `${url.pathname}${url.search}`).pipe(
        Effect.timeoutOrElse({
          duration: limits.apiRequestMs,
          orElse: () =>
            Effect.sync(() => refuse(response, 504, `The server did not answer within ${limits.apiRequestMs / 1_000} s.`))
        })
      )
    }
    if (url.pathname.startsWith("/model/"))
      return yield* model(request, response, `${url.pathname.slice("/model".length)}${url.search}`)
    const [, repositoryId, path] = /^\/git\/([A-Za-z0-9_.-]{1,128}?)(?:\.git)?(\/.*)$/.exec(url.pathname) ?? []
    if (repositoryId === undefined || path === undefined)
      return refuse(response, 404, "Only /git/<repository id>, /api and /model are served here.")
    const source = yield* routes.git(sandbox, repositoryId)
    if (source === null) return refuse(response, 404, `This session has no repository ${repositoryId}.`)
    yield* serveGit({ request, response, path, search: url.search }, source)
  })
}

/** Makes the server of one sandbox; whoever made it listens, or hands it connections, and closes it. */
export const makeProxy = Effect.gen(function* () {
  const routes = yield* ProxyRoutes
  const fork = yield* FiberSet.runtime(yield* FiberSet.make())()

  return (sandbox: SandboxInfo): Server => {
    const answer = makeAnswer(sandbox, routes, makeGit())
    const server = createServer(
      { headersTimeout: 10_000, requestTimeout: limits.gitRequestMs, keepAliveTimeout: 5_000, maxHeaderSize: 16_384 },
      (request, response) => {
        const fiber = fork(
          answer(request, response).pipe(
            Effect.catchCause((cause) =>
              Effect.logError("a request of a sandbox failed", cause).pipe(
                Effect.andThen(Effect.sync(() => refuse(response, 500, "The server failed.")))
              )
            )
          )
        )
        response.on("close", () => {
          if (!response.writableFinished) fiber.interruptUnsafe()
        })
      }
    )
    server.maxConnections = limits.connectionsMax
    server.on("connect", (request, socket) => {
      socket.on("error", () => {})
      const text = `${noWayOut(request.url ?? "that host")}\n`
      socket.end(
        `HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`
      )
    })
    server.on("upgrade", (_, socket) => socket.destroy())
    server.on("error", () => {})
    return server
  }
})
