/**
 * The MCP server that every agent is given at the beginning of its conversation: `proliferate mcp` on its standard streams, which is
 * the one way that all of ACP's agents take. Some of them hand their environment on and some do not, so it is told what it needs.
 */
import type * as acp from "@agentclientprotocol/sdk"
import { hostOf } from "./ask-host.ts"
import { environment } from "./environment.ts"
import type { Place } from "./place.ts"

/** None where there is no way to the server. */
export const toolServers = (place: Place["Service"]): ReadonlyArray<acp.McpServer> => {
  const host = hostOf(place)
  if (host === null) return []
  const { PATH = "", HOME = "" } = environment(place.home)
  const env = { PATH, HOME, PROLIFERATE_SESSION: host.sessionId, PROLIFERATE_PROXY: place.proxySocket! }
  return [
    {
      name: "proliferate",
      command: process.execPath,
      args: [place.program, "mcp", "--workspace", place.workspace],
      env: Object.entries(env).map(([name, value]) => ({ name, value }))
    }
  ]
}
