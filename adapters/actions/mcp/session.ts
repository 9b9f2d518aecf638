/**
 * One session with an MCP server over streamable HTTP: greeted, used for one purpose, ended. What the server may send by itself is
 * not listened to; its schemas are not compiled, for they would be code of its making. A stream that ends without the answer is a
 * broken answer at once, not at the end of the waiting.
 */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js"
import type { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Declined } from "../failure.ts"

/** After the end of a stream its last words may still be on their way through the library. */
const lastWordsMs = 250
const goodbyeMs = 2_000
/** Longer than a call may take: whoever calls ends it. */
const neverMs = 120_000

export interface McpSession {
  readonly client: Client
  readonly transport: StreamableHTTPClientTransport
  /** Fails when the stream of an answer ended without one. */
  readonly answered: <A>(answer: Promise<A>) => Promise<A>
}

export const requestOptions = { timeout: neverMs, maxTotalTimeout: neverMs }

const noStream = () => new Response(null, { status: 405 })

/** Of the request that is asked; undefined for what asks nothing. */
const idOf = (body: unknown): unknown =>
  typeof body === "string" ? (JSON.parse(body) as { readonly id?: unknown }).id : undefined

/** Tells when the body has ended, however. */
const watched = (response: Response, onEnd: (cause: unknown) => void): Response => {
  if (response.body === null || response.headers.get("content-type")?.startsWith("text/event-stream") !== true) return response
  const reader = response.body.getReader()
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read()
        if (value !== undefined) controller.enqueue(value)
        if (!done) return
        controller.close()
        onEnd(null)
      } catch (cause) {
        controller.error(cause)
        onEnd(cause)
      }
    },
    cancel: (reason) => reader.cancel(reason)
  })
  return new Response(body, { status: response.status, headers: response.headers })
}

export const withSession = async <A>(
  url: string,
  headers: Readonly<Record<string, string>>,
  fetch: typeof globalThis.fetch,
  use: (session: McpSession) => Promise<A>
): Promise<A> => {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js")
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js")
  let fail: (cause: unknown) => void = () => {}
  const broken = new Promise<never>((_, reject) => {
    fail = reject
  })
  broken.catch(() => {})
  const known = new Set<unknown>()
  const ended = (id: unknown) => (cause: unknown) => {
    const error = cause ?? new Declined("the stream ended", { failed: true, message: "the stream ended without an answer" })
    setTimeout(() => {
      if (!known.has(id)) fail(error)
    }, lastWordsMs)
  }
  const client = new Client(
    { name: "proliferate", version: "0.1.0" },
    { jsonSchemaValidator: { getValidator: () => (input) => ({ valid: true, data: input as never, errorMessage: undefined }) } }
  )
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { ...headers, "user-agent": "proliferate" } },
    fetch: async (input, init) =>
      init?.method === "GET" ? noStream() : watched(await fetch(input, init), ended(idOf(init?.body))),
    reconnectionOptions: {
      initialReconnectionDelay: 1_000,
      maxReconnectionDelay: 1_000,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 0
    }
  })
  transport.onmessage = (message) => {
    if ("id" in message && !("method" in message)) known.add(message.id)
  }
  const answered = <B>(answer: Promise<B>) => Promise.race([answer, broken])
  try {
    // Its `sessionId` may be undefined, which exact optional types take for a difference.
    await answered(client.connect(transport as never, requestOptions))
    return await use({ client, transport, answered })
  } finally {
    const closing = setTimeout(() => void client.close(), goodbyeMs)
    void transport
      .terminateSession()
      .catch(() => {})
      .finally(() => {
        clearTimeout(closing)
        void client.close()
      })
  }
}
