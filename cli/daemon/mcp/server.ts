/**
 * What the session may do, as tools over MCP on standard input and output: the actions of the services that it may call, and its own.
 * Asked for anew when the file that says so in words changes, and then the client is told. Ends with its input.
 */
import { randomUUID } from "node:crypto"
import { mkdirSync, watch } from "node:fs"
import { join } from "node:path"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import { Cause, Effect, Exit } from "effect"
import manifest from "../../../package.json" with { type: "json" }
import { Failed } from "../../failure.ts"
import type { Host } from "../ask-host.ts"
import { briefFolder, briefName } from "../brief.ts"
import { actionTools } from "./actions.ts"
import { serverTools } from "./by-server.ts"
import { requestGrant } from "./request-grant.ts"
import { failed, type Said, type Tool } from "./tool.ts"

/** A client that counts silence is told this often that a call goes on; the usual patience is 60 s. */
const progressMs = 10_000
/** A file that is replaced is told of several times. */
const settleMs = 100
const messageBytesMax = 4 * 1_048_576

const instructions =
  "What this session may do at services, called by the server under rules that people set: no key is here. Some calls wait for a person. `.proliferate/actions.md` says what may be done now; verify keeps evidence."

interface Serving {
  readonly host: Host
  readonly workspace: string
}

/** Names of a model's own call, where its program hands it on; else one of ours. */
const callIdOf = (meta: Record<string, unknown> | undefined, own: string): string => {
  const given = meta?.["claudecode/toolUseId"]
  return typeof given === "string" && /^[A-Za-z0-9_.:-]{8,128}$/.test(given) ? given : own
}

const saidOf = (exit: Exit.Exit<Said, Failed>): Said => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.squash(exit.cause)
  if (error instanceof Failed) return failed(error)
  console.error(Cause.pretty(exit.cause))
  return { text: "this tool failed by a fault of its own; `proliferate actions` may do the same", isError: true }
}

export const serveTools = ({ host, workspace }: Serving): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const id = randomUUID()
    const own = [requestGrant(host), ...serverTools(host)]
    let known: ReadonlyArray<Tool> = own
    let isAsking: Promise<boolean> | null = null

    /** Whether there is something new. A server that cannot say leaves what was known. */
    const ask = async (): Promise<boolean> => {
      const exit = await Effect.runPromiseExit(actionTools(host))
      if (Exit.isFailure(exit)) {
        console.error(Cause.pretty(exit.cause))
        return false
      }
      const shownBefore = JSON.stringify(known.map(({ shown }) => shown))
      known = [...exit.value, ...own]
      return JSON.stringify(known.map(({ shown }) => shown)) !== shownBefore
    }
    const refresh = () => {
      isAsking ??= ask().finally(() => {
        isAsking = null
      })
      return isAsking
    }

    const server = new Server(
      { name: "proliferate", version: manifest.version },
      { capabilities: { tools: { listChanged: true } }, instructions }
    )
    server.setRequestHandler(ListToolsRequestSchema, async () => {
      await refresh()
      return { tools: known.map(({ shown }) => shown) }
    })
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, requestId, sendNotification, _meta }) => {
      const find = () => known.find(({ shown }) => shown.name === params.name)
      if (find() === undefined && (await refresh())) server.sendToolListChanged().catch(() => {})
      const tool = find()
      if (tool === undefined) {
        const text = `there is no tool ${params.name} now; .proliferate/${briefName} says what may be done`
        return { content: [{ type: "text", text }], isError: true }
      }
      let steps = 0
      let last = `${params.name} goes on`
      const token = _meta?.progressToken
      const progress = (message = last) => {
        last = message
        steps += 1
        if (token === undefined) return
        const told = { progressToken: token, progress: steps, message }
        sendNotification({ method: "notifications/progress", params: told }).catch(() => {})
      }
      const beat = setInterval(progress, progressMs)
      try {
        const toolCallId = callIdOf(_meta, `mcp:${id}:${requestId}`)
        const run = tool.run({ args: params.arguments ?? {}, toolCallId, progress })
        const { text, isError } = saidOf(await Effect.runPromiseExit(run, { signal }))
        return { content: [{ type: "text", text }], isError }
      } finally {
        clearInterval(beat)
      }
    })

    let settling: NodeJS.Timeout | undefined
    const watched = watchBrief(workspace, () => {
      clearTimeout(settling)
      settling = setTimeout(async () => {
        if (await refresh()) server.sendToolListChanged().catch(() => {})
      }, settleMs)
    })
    const end = () => {
      clearTimeout(settling)
      watched?.close()
      resume(Effect.void)
    }
    server.onclose = end
    // The transport does not notice the end of its input.
    process.stdin.on("end", () => server.close())
    server.connect(new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: messageBytesMax })).catch((cause) => {
      console.error(cause)
      end()
    })
    return Effect.promise(() => server.close())
  })

/** Without the file there is no news, and each list is asked for all the same. */
const watchBrief = (workspace: string, changed: () => void) => {
  try {
    const folder = join(workspace, briefFolder)
    mkdirSync(folder, { recursive: true })
    const watcher = watch(folder, { persistent: false }, (_, name) => {
      if (name === briefName) changed()
    })
    return watcher.on("error", () => {})
  } catch (cause) {
    console.error(`${briefFolder} cannot be watched: ${(cause as Error).message}`)
    return null
  }
}
