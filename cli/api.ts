/**
 * The server, spoken to over HTTP: one request, one answer checked against a schema, or a `Failed` that says what to do.
 * 30 s at most for a request. Where: PROLIFERATE_URL (http://127.0.0.1:8787 if unset), or, inside a sandbox, the unix socket
 * PROLIFERATE_PROXY below `/api`, which knows by itself who is calling. Who: PROLIFERATE_TOKEN, or ~/.config/proliferate/token.
 */
import { readFileSync, statSync } from "node:fs"
import type { ClientRequest, IncomingMessage } from "node:http"
import { homedir } from "node:os"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import { Problem } from "../adapters/gateway/protocol.ts"
import { Failed, fromProblem, usage } from "./failure.ts"
import { cleaned } from "./output.ts"

const requestTimeoutMs = 30_000
const answerBytesMax = 64 * 1024 * 1024
const urlDefault = "http://127.0.0.1:8787"

export interface Connection {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string | null
  /** Set inside a sandbox; `url` then only names the host in messages. */
  readonly socketPath: string | null
  /** Comes before every path. */
  readonly prefix: string
}

type Environment = Readonly<Record<string, string | undefined>>

const storedToken = (env: Environment): string | null => {
  const file = join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "proliferate", "token")
  try {
    const { mode } = statSync(file)
    if ((mode & 0o077) !== 0) throw usage(`${file} can be read by others, so it is not used`, `Close it: chmod 600 ${file}`)
    return readFileSync(file, "utf8").trim() || null
  } catch (error) {
    if (error instanceof Failed) throw error
    return null
  }
}

export const connectionFrom = (env: Environment): Effect.Effect<Connection, Failed> =>
  Effect.try({
    try: () => {
      const proxy = env["PROLIFERATE_PROXY"]
      if (proxy) return { url: "http://proliferate", token: env["PROLIFERATE_TOKEN"] || null, socketPath: proxy, prefix: "/api" }
      const given = env["PROLIFERATE_URL"] || urlDefault
      const parsed = URL.canParse(given) ? new URL(given) : null
      if (parsed === null || !/^https?:$/.test(parsed.protocol))
        throw usage(`PROLIFERATE_URL is not an http(s) address: ${given}`, `Set it to one such as ${urlDefault}.`)
      const url = `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, "")
      return { url, token: env["PROLIFERATE_TOKEN"] || storedToken(env), socketPath: null, prefix: "" }
    },
    catch: (error) => error as Failed
  })

export const unreachable = ({ url, socketPath }: Connection, why: string): Failed =>
  new Failed({
    exit: "unavailable",
    what:
      socketPath === null ? `no server answers at ${url} (${why})` : `the sandbox's link to the server does not answer (${why})`,
    todo:
      socketPath === null
        ? "Start one with `npm start`, or set PROLIFERATE_URL to where it runs."
        : `It is the socket ${socketPath}; the server may be restarting: try again.`
  })

/** What the handshake of the stream shares with a request. */
export const authorisation = ({ token }: Connection): Record<string, string> =>
  token === null ? {} : { authorization: `Bearer ${token}` }

export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly text: string
}

export const readAll = (response: IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > answerBytesMax) response.destroy(new Error(`more than ${answerBytesMax} bytes`))
      else chunks.push(chunk)
    })
    response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")))
    response.on("error", reject)
    response.on("aborted", () => reject(new Error("the answer was cut off")))
  })

const send = (connection: Connection, method: string, path: string, body: unknown, headers: Record<string, string>) =>
  Effect.tryPromise({
    try: async (signal) => {
      const { request } = connection.url.startsWith("https:") ? await import("node:https") : await import("node:http")
      const payload = body === undefined ? undefined : JSON.stringify(body)
      return new Promise<Answered>((resolve, reject) => {
        const outgoing: ClientRequest = request(
          connection.socketPath === null ? `${connection.url}${path}` : `${connection.url}${connection.prefix}${path}`,
          {
            method,
            signal,
            ...(connection.socketPath !== null && { socketPath: connection.socketPath }),
            headers: {
              accept: "application/json",
              ...(payload !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
              ...authorisation(connection),
              ...headers
            }
          },
          (response) =>
            readAll(response).then((text) => resolve({ status: response.statusCode!, headers: response.headers, text }), reject)
        )
        outgoing.on("error", reject)
        outgoing.end(payload)
      })
    },
    catch: (cause) => unreachable(connection, (cause as NodeJS.ErrnoException).code ?? (cause as Error).message)
  }).pipe(
    Effect.timeoutOrElse({
      duration: requestTimeoutMs,
      orElse: () => Effect.fail(unreachable(connection, `${method} ${path} took more than ${requestTimeoutMs / 1000} s`))
    })
  )

const decodeProblem = Schema.decodeUnknownOption(Schema.fromJsonString(Problem))

/** What a status other than success means; also for a handshake that was refused. */
export const refusal = (connection: Connection, { status, headers, text }: Answered): Failed => {
  const problem = decodeProblem(text)
  if (problem._tag === "None")
    return new Failed({
      exit: status === 503 ? "unavailable" : "failure",
      what: `what answers at ${connection.url} said ${status} and is no proliferate server`,
      todo: "Look at PROLIFERATE_URL, and at any proxy between here and there."
    })
  const retryAfterS = Number(headers["retry-after"])
  return fromProblem(
    cleaned(problem.value) as typeof Problem.Type,
    Number.isFinite(retryAfterS) && headers["retry-after"] ? retryAfterS : null
  )
}

export interface Reply<A> {
  /** To be shown: control characters are marks in it, whoever wrote them. */
  readonly value: A
  /** As it came. */
  readonly json: unknown
  readonly status: number
}

/** Asks once. `schema` says what is understood of the answer; the rest stays in `json`. */
export const call = Effect.fnUntraced(function* <A>(
  connection: Connection,
  method: "GET" | "POST" | "PATCH" | "DELETE",
  path: string,
  schema: Schema.Codec<A, any>,
  { body, headers = {} }: { readonly body?: unknown; readonly headers?: Record<string, string> } = {}
): Effect.fn.Return<Reply<A>, Failed> {
  const answered = yield* send(connection, method, path, body, headers)
  if (answered.status < 200 || answered.status > 299) return yield* refusal(connection, answered)
  const json = yield* Effect.try({
    try: () => (answered.text === "" ? null : (JSON.parse(answered.text) as unknown)),
    catch: () => refusal(connection, answered)
  })
  const value = yield* Schema.decodeUnknownEffect(schema)(cleaned(json)).pipe(
    Effect.mapError(
      ({ message }) =>
        new Failed({
          exit: "failure",
          what: `the server answers ${method} ${path} in a way this version does not understand: ${message.split("\n")[0]}`,
          todo: "Bring command and server to the same version; `proliferate --version` shows this one's."
        })
    )
  )
  return { value, json, status: answered.status }
})

/** The one that the environment names. */
export const ownConnection: Effect.Effect<Connection, Failed> = Effect.suspend(() => connectionFrom(process.env))

/** `call` on it. */
export const ask = <A>(
  method: Parameters<typeof call>[1],
  path: string,
  schema: Schema.Codec<A, any>,
  options?: Parameters<typeof call>[4]
): Effect.Effect<Reply<A>, Failed> =>
  Effect.flatMap(ownConnection, (connection) => call(connection, method, path, schema, options))
