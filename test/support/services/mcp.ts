/**
 * MCP servers on the loopback, by the SDK's own server side: one for each session, as its streamable HTTP wants it. `everything` is
 * the reference server that comes from npm; others are made of the tools that a test gives.
 */
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { Effect } from "effect"
// @ts-expect-error: the reference server has no types.
import { createServer as createEverything } from "../../../node_modules/@modelcontextprotocol/server-everything/dist/server/index.js"

export interface McpWorld {
  readonly url: string
  /** `host:port`. */
  readonly host: string
  readonly asked: Array<{ readonly method: string; readonly headers: IncomingMessage["headers"]; readonly body: string }>
  /** Sessions that it forgets at the next call of a tool. */
  readonly forget: { sessions: number }
  /** How many are open. */
  readonly sessions: () => number
}

type Connect = () => { readonly connect: (transport: StreamableHTTPServerTransport) => Promise<void> }

export const everything: Connect = () => {
  const { server, cleanup } = createEverything()
  return {
    connect: async (transport) => {
      await server.connect(transport)
      transport.onclose = () => cleanup(transport.sessionId)
    }
  }
}

export const serverOf =
  (describe: (server: McpServer) => void): Connect =>
  () => {
    const server = new McpServer({ name: "tools", version: "1.0.0" })
    describe(server)
    return { connect: (transport) => server.connect(transport as never) }
  }

export const mcpServer = (make: Connect, { json = false }: { readonly json?: boolean } = {}) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const transports = new Map<string, StreamableHTTPServerTransport>()
      const asked: McpWorld["asked"] = []
      const forget = { sessions: 0 }
      const server = createServer(async (request, response) => {
        const pieces: Array<Buffer> = []
        for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
        const body = Buffer.concat(pieces).toString()
        asked.push({ method: request.method ?? "", headers: request.headers, body })
        const id = request.headers["mcp-session-id"] as string | undefined
        if (id !== undefined && body.includes("tools/call") && forget.sessions > 0) {
          forget.sessions -= 1
          transports.delete(id)
        }
        if (id !== undefined && !transports.has(id)) return void response.writeHead(404).end("no such session")
        const known = id === undefined ? undefined : transports.get(id)
        if (known !== undefined) return known.handleRequest(request, response, body === "" ? undefined : JSON.parse(body))
        const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
          sessionIdGenerator: randomUUID,
          enableJsonResponse: json,
          onsessioninitialized: (sessionId) => void transports.set(sessionId, transport),
          onsessionclosed: (sessionId) => void transports.delete(sessionId)
        })
        await make().connect(transport)
        await transport.handleRequest(request, response, JSON.parse(body))
      })
      await once(server.listen(0, "127.0.0.1"), "listening")
      const { port } = server.address() as AddressInfo
      const world: McpWorld = {
        url: `http://127.0.0.1:${port}/mcp`,
        host: `127.0.0.1:${port}`,
        asked,
        forget,
        sessions: () => transports.size
      }
      return { ...world, server }
    }),
    ({ server }) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      })
  )
