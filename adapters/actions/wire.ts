/**
 * HTTP to a service, as a `fetch` that its client library is given: one for each call, so that after a failure it is known how far
 * the call had come. It opens a connection for each request: a kept one may be dead, and whether a request left it cannot be told.
 *
 * No credential goes to another origin: a redirect to one is refused, or followed bare where the caller wants what is there.
 * An answer is whole or an error, never longer than its limit; only event streams are handed on as they come.
 */
import { Buffer } from "node:buffer"
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http"
import { request as httpsRequest } from "node:https"
import { pipeline, Readable, Transform } from "node:stream"
import { openAddress } from "./addresses.ts"
import { WireFailure } from "./failure.ts"
import * as limits from "./limits.ts"

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Empty for an event stream. */
  readonly body: Buffer
}

/** What became of a call so far. */
export interface Trace {
  /** A request that counts has left and was not refused: it may have taken effect. */
  sent: boolean
  /** The last answer. */
  answer: Answer | null
  /** Why the last request failed, where it did: libraries wrap it. */
  failure: Error | null
}

export interface WireOptions {
  /** Requests that may have an effect; of a read, none. */
  readonly counts: (method: string, body: string) => boolean
  /** Addresses of the host's own network are refused, but for these hosts and ports. null: the operator chose the address. */
  readonly open: ReadonlySet<string> | null
  /** Statuses that mean that nothing was done, whatever words come with them. */
  readonly refuses?: (status: number) => boolean
  /** What another origin has is fetched there, without what was meant for the first. */
  readonly followsBare?: boolean
  /** Of a text longer than an answer may be, the end is kept. */
  readonly keepsEnd?: boolean
}

/** The service said no, and did nothing: its own words, or a status that means it whoever says it. */
const isRefusal = ({ status, body }: Answer): boolean => {
  if (status === 401 || status === 429) return true
  if (status < 400 || status >= 500 || status === 408 || status === 425) return false
  try {
    const said: unknown = JSON.parse(body.toString())
    return typeof said === "object" && said !== null
  } catch {
    return false
  }
}

const textOf = (body: unknown): string | Buffer => {
  if (body === undefined || body === null) return ""
  if (typeof body === "string") return body
  if (body instanceof URLSearchParams) return body.toString()
  if (body instanceof Uint8Array) return Buffer.from(body)
  throw new WireFailure("a request of this kind is not made")
}

export const makeTrace = (): Trace => ({ sent: false, answer: null, failure: null })

export const makeWire = (trace: Trace, options: WireOptions, ended: AbortSignal): typeof fetch => {
  const exchange = async (url: URL, init: RequestInit, hops: number): Promise<Response> => {
    const method = (init.method ?? "GET").toUpperCase()
    const body = textOf(init.body)
    const counts = options.counts(method, body.toString())
    const before = trace.sent
    const { answer, stream } = await ask(url, init, method, body, () => {
      if (counts) trace.sent = true
    })
    trace.answer = answer
    if (
      counts &&
      (isRefusal(answer) || options.refuses?.(answer.status) === true || (answer.status >= 300 && answer.status < 400))
    )
      trace.sent = before

    const location = answer.headers.get("location")
    if (answer.status < 300 || answer.status >= 400 || location === null) {
      const isEmpty = [204, 205, 304].includes(answer.status)
      const content = stream ?? (isEmpty ? null : new Uint8Array(answer.body))
      return new Response(content as ConstructorParameters<typeof Response>[0], {
        status: answer.status,
        headers: answer.headers
      })
    }
    const target = new URL(location, url)
    const isRepeated = method === "GET" || answer.status === 307 || answer.status === 308
    if (hops >= limits.redirectsMax || !isRepeated) throw new WireFailure(`${url.host} redirects a ${method} to ${target.host}`)
    if (target.origin === url.origin) return exchange(target, init, hops + 1)
    if (options.followsBare !== true || method !== "GET")
      throw new WireFailure(`${url.host} redirects to another host, ${target.host}, which does not get the credential`)
    return exchange(target, { method, signal: init.signal ?? null }, hops + 1)
  }

  const ask = async (url: URL, init: RequestInit, method: string, body: string | Buffer, onSent: () => void) => {
    const address = openAddress(url, options.open)
    const headers = Object.fromEntries(new Headers(init.headers).entries())
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
      method,
      agent: false,
      headers: {
        ...headers,
        "accept-encoding": "identity",
        ...(body.length > 0 && { "content-length": Buffer.byteLength(body) })
      },
      ...(address.lookup !== null && { lookup: address.lookup }),
      signal: init.signal == null ? ended : AbortSignal.any([ended, init.signal])
    })
    request.once("socket", (socket) => socket.once(url.protocol === "https:" ? "secureConnect" : "connect", onSent))
    request.end(body)
    return read(await answered(request), url, options.keepsEnd === true)
  }

  return async (input, init) => {
    trace.failure = null
    try {
      const given = input instanceof Request ? input.url : input
      return await exchange(new URL(given), init ?? {}, 0)
    } catch (cause) {
      trace.failure = cause instanceof Error ? cause : new Error(String(cause))
      throw cause
    }
  }
}

const answered = (request: ClientRequest) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    request.on("error", reject)
    request.once("response", resolve)
  })

const read = async (message: IncomingMessage, url: URL, keepsEnd: boolean) => {
  const headers = new Headers()
  for (let at = 0; at < message.rawHeaders.length; at += 2)
    headers.append(message.rawHeaders[at]!, message.rawHeaders[at + 1]!.replace(/[^\t\x20-\x7e\x80-\xff]/g, ""))
  const status = message.statusCode ?? 0
  if (status < 200 || status > 599) throw new WireFailure(`${url.host} answered with status ${status}`)
  if (headers.get("content-type")?.startsWith("text/event-stream") === true)
    // A stream that breaks is broken for its reader as well, who would wait otherwise.
    return {
      answer: { status, headers, body: Buffer.alloc(0) },
      stream: Readable.toWeb(pipeline(message, limited(url), () => {}))
    }

  const isTail = keepsEnd && status === 200
  const bytesMax = isTail ? limits.logBytesMax : limits.answerBytesMax
  let pieces: Array<Buffer> = []
  let read = 0
  let kept = 0
  for await (const piece of message as AsyncIterable<Buffer>) {
    read += piece.length
    kept += piece.length
    if (read > bytesMax) throw tooLong(url, bytesMax)
    pieces.push(piece)
    if (isTail && kept > 2 * limits.logTailBytes) {
      pieces = [Buffer.concat(pieces).subarray(-limits.logTailBytes)]
      kept = limits.logTailBytes
    }
  }
  return { answer: { status, headers, body: Buffer.concat(pieces) }, stream: null }
}

const tooLong = ({ host }: URL, bytesMax: number) =>
  new WireFailure(`${host} answered with more than ${bytesMax / 1024 / 1024} MB: ask for less`)

const limited = (url: URL) => {
  let read = 0
  return new Transform({
    transform: (piece: Buffer, _, done) => {
      read += piece.length
      if (read > limits.answerBytesMax) done(tooLong(url, limits.answerBytesMax))
      else done(null, piece)
    }
  })
}
