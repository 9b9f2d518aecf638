/** HTTP to one endpoint, a unix socket or an address: kept-alive connections for calls, one of its own for a stream. */
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http"
import https from "node:https"
import { Effect } from "effect"
import { DaemonError } from "../../actors/ports/daemons.ts"
import type { DaemonEndpoint } from "../../actors/ports/sandboxes.ts"

/** Diffs of ten repositories, each at its limit, fit. */
const answerBytesMax = 16 * 1_048_576
const connectionsMax = 16

export const unreachable = (message: string) => new DaemonError({ reason: "unreachable", final: false, message })
export const malformed = (message: string) => new DaemonError({ reason: "malformed", final: false, message })

export interface Exchange {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly body?: unknown
}

export interface Answer {
  readonly status: number
  readonly text: string
}

export const makeHttp = Effect.gen(function* () {
  const options = { keepAlive: true, maxSockets: connectionsMax }
  const agents = yield* Effect.acquireRelease(
    Effect.sync(() => ({ http: new http.Agent(options), https: new https.Agent(options) })),
    (agents) =>
      Effect.sync(() => {
        agents.http.destroy()
        agents.https.destroy()
      })
  )

  const request = (endpoint: DaemonEndpoint, { method, path, body }: Exchange, agent: "kept" | "own"): ClientRequest => {
    const text = body === undefined ? "" : JSON.stringify(body)
    const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }
    const pick = (protocol: "http" | "https") => (agent === "own" ? false : agents[protocol])
    const target = (): ClientRequest => {
      if ("socketPath" in endpoint) {
        return http.request({
          socketPath: endpoint.socketPath,
          method,
          path,
          headers,
          agent: pick("http")
        } satisfies RequestOptions)
      }
      const url = new URL(path, endpoint.url)
      const all = { method, headers: { ...endpoint.headers, ...headers } }
      return url.protocol === "https:"
        ? https.request(url, { ...all, agent: pick("https") })
        : http.request(url, { ...all, agent: pick("http") })
    }
    return target().end(text)
  }

  const exchange = (endpoint: DaemonEndpoint, asked: Exchange) =>
    Effect.callback<Answer, DaemonError>((resume) => {
      const sent = request(endpoint, asked, "kept")
      sent.on("error", (error) => resume(Effect.fail(unreachable(`the daemon cannot be reached: ${error.message}`))))
      sent.on("response", (response) => resume(answerOf(response)))
      return Effect.sync(() => sent.destroy())
    })

  /** The answer to a GET, to be read as it comes; closed with the scope. */
  const open = (endpoint: DaemonEndpoint, path: string) =>
    Effect.acquireRelease(
      Effect.callback<IncomingMessage, DaemonError>((resume) => {
        const sent = request(endpoint, { method: "GET", path }, "own")
        sent.on("error", (error) => resume(Effect.fail(unreachable(`the daemon cannot be reached: ${error.message}`))))
        sent.on("response", (response) => {
          response.on("error", () => {})
          resume(Effect.succeed(response))
        })
        return Effect.sync(() => sent.destroy())
      }),
      (response) => Effect.sync(() => response.destroy()),
      { interruptible: true }
    )

  return { exchange, open }
})

export const answerOf = (response: IncomingMessage): Effect.Effect<Answer, DaemonError> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes <= answerBytesMax) return
      response.destroy()
      resume(Effect.fail(malformed(`an answer is longer than ${answerBytesMax} bytes`)))
    })
    response.on("end", () =>
      resume(Effect.succeed({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }))
    )
    response.on("error", (error) => resume(Effect.fail(unreachable(`the daemon's answer broke off: ${error.message}`))))
    response.on("close", () => resume(Effect.fail(unreachable("the daemon's answer broke off"))))
    return Effect.sync(() => response.destroy())
  })
