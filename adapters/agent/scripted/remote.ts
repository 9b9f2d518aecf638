/**
 * The tools of the MCP servers that a client offers at the beginning of a conversation, used as any agent does: each server a process
 * of its own, started when it is first needed and ended with the conversation.
 */
import type * as acp from "@agentclientprotocol/sdk"
import type { Client } from "@modelcontextprotocol/sdk/client/index.js"
import type { Tool } from "@modelcontextprotocol/sdk/types.js"

/** Longer than a tool waits for a person. */
const callMs = 130_000

export interface Remote {
  readonly list: () => Promise<ReadonlyArray<Tool>>
  /** How often a server said that its tools have changed. */
  readonly changes: () => number
  readonly call: (
    name: string,
    args: Readonly<Record<string, unknown>>,
    signal: AbortSignal
  ) => Promise<{ readonly text: string; readonly isError: boolean }>
  readonly close: () => void
}

export const makeRemote = (servers: ReadonlyArray<acp.McpServer>): Remote => {
  let connected: Promise<ReadonlyArray<Client>> | null = null
  let changes = 0

  const connect = async (server: acp.McpServer): Promise<ReadonlyArray<Client>> => {
    if (!("command" in server)) return []
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js")
    const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js")
    const onChanged = () => {
      changes += 1
    }
    const client = new Client(
      { name: "scripted", version: "1" },
      { listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged } } }
    )
    const { command, args, env } = server
    const named = Object.fromEntries(env.map(({ name, value }) => [name, value]))
    await client.connect(new StdioClientTransport({ command, args, env: named, stderr: "inherit" }))
    return [client]
  }
  const clients = () => {
    connected ??= Promise.all(servers.map(connect)).then((all) => all.flat())
    return connected
  }
  const list = async () =>
    (await Promise.all((await clients()).map((client) => client.listTools()))).flatMap(({ tools }) => tools)

  return {
    list,
    changes: () => changes,
    call: async (name, args, signal) => {
      for (const client of await clients()) {
        if (!(await client.listTools()).tools.some((tool) => tool.name === name)) continue
        const options = { signal, timeout: callMs, resetTimeoutOnProgress: true, onprogress: () => {} }
        const { content, isError } = await client.callTool({ name, arguments: args }, undefined, options)
        const words = (content as ReadonlyArray<{ readonly type: string; readonly text?: string }>).map(({ text = "" }) => text)
        return { text: words.join("\n"), isError: isError === true }
      }
      return { text: `there is no tool ${name}`, isError: true }
    },
    close: () => void connected?.then((all) => all.map((client) => client.close().catch(() => {})))
  }
}
