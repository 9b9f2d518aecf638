/**
 * The sandbox's one way to the host: an HTTP server on a unix socket of its own, so that who asks is known by where they ask.
 * `/git/…` and `/api/…` are served; all else is refused, in words. Inside, a relay on 127.0.0.1:3128 leads here.
 */
import { chmod, rm } from "node:fs/promises"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Effect, FiberSet } from "effect"
import { ProxyRoutes, relayPort } from "../../../actors/ports/proxy.ts"
import type { SandboxError, SandboxInfo } from "../../../actors/ports/sandboxes.ts"
import { refuse } from "./exchange.ts"
import { attempt } from "./failure.ts"
import { makeGit, type ServeGit } from "./git.ts"
import * as limits from "./limits.ts"
import type { Place } from "./place.ts"

export interface Proxies {
  /** Listens for this sandbox, if it does not already. */
  readonly open: (sandbox: SandboxInfo, socketPath: string) => Effect.Effect<void, SandboxError>
  readonly close: (sandboxId: string) => Effect.Effect<void>
}

/** What the relay is called inside: a client with a proxy set up names it in full. */
const ownHosts = new Set(["proxy", `127.0.0.1:${relayPort}`, `localhost:${relayPort}`])
const hopHeaders = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te", "trailer"])

const noWayOut = (host: string) =>
  `There is no way out of this sandbox to ${host}. Repositories are at http://127.0.0.1:${relayPort}/git/<repository id>, the server at /api.`

/** Null when it is larger than may be, or broken off. The rest is still read, or the client would lose our answer while it writes. */
const bodyOf = async (request: IncomingMessage): Promise<Buffer | null> => {
  const parts: Array<Buffer> = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes <= limits.apiBodyBytesMax) parts.push(part)
    if (bytes > limits.apiBodyReadBytesMax) request.destroy()
  }
  return bytes > limits.apiBodyBytesMax ? null : Buffer.concat(parts)
}

const makeAnswer = (sandbox: SandboxInfo, routes: ProxyRoutes["Service"], serveGit: ServeGit) => {
  const api = Effect.fn("sandbox.proxy.api")(function* (request: IncomingMessage, response: ServerResponse, path: string) {
    const body = yield* Effect.promise(() => bodyOf(request).catch(() => null))
    if (body === null) return refuse(response, 413, `A request body may have at most ${limits.apiBodyBytesMax / 2 ** 20} MB.`)
    const headers = Object.fromEntries(
      Object.entries(request.headers).flatMap(([name, value]) =>
        typeof value === "string" && !hopHeaders.has(name) ? [[name, value]] : []
      )
    )
    const answer = yield* routes.api(sandbox, { method: request.method!, path, headers, body })
    const kept = Object.entries(answer.headers).filter(([name]) => !hopHeaders.has(name.toLowerCase()))
    response.writeHead(answer.status, Object.fromEntries(kept)).end(answer.body)
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
    const [, repositoryId, path] = /^\/git\/([A-Za-z0-9_.-]{1,128}?)(?:\.git)?(\/.*)$/.exec(url.pathname) ?? []
    if (repositoryId === undefined || path === undefined)
      return refuse(response, 404, "Only /git/<repository id> and /api are served here.")
    const source = yield* routes.git(sandbox, repositoryId)
    if (source === null) return refuse(response, 404, `This session has no repository ${repositoryId}.`)
    yield* serveGit({ request, response, path, search: url.search }, source)
  })
}

const listen = (server: Server, socketPath: string) =>
  new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(socketPath, () => {
      server.off("error", reject)
      resolve()
    })
  })

export const makeProxies = Effect.fn("sandbox.makeProxies")(function* (place: Place) {
  const routes = yield* ProxyRoutes
  const fork = yield* FiberSet.runtime(yield* FiberSet.make())()
  const servers = new Map<string, Server>()

  const close = (sandboxId: string) =>
    Effect.sync(() => {
      const server = servers.get(sandboxId)
      servers.delete(sandboxId)
      server?.close()
      server?.closeAllConnections()
    })
  yield* Effect.addFinalizer(() => Effect.forEach([...servers.keys()], close, { discard: true }))

  const open = Effect.fn("sandbox.openProxy")(function* (sandbox: SandboxInfo, socketPath: string) {
    if (servers.has(sandbox.sandboxId)) return
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
    yield* attempt("listen for a sandbox", async () => {
      await rm(socketPath, { force: true })
      await listen(server, socketPath)
      // Its directory is ours alone, so that the name still means the socket.
      await chmod(socketPath, 0o600)
      await place.give(socketPath)
    }).pipe(Effect.tapError(() => Effect.sync(() => server.close())))
    server.on("error", () => {})
    servers.set(sandbox.sandboxId, server)
  })

  return { open, close } satisfies Proxies
})
