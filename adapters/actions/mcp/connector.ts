/**
 * A server that speaks MCP, as a provider. Its tools are listed within 15 s and believed for five minutes; a server that cannot be
 * listed is a provider with its trouble. A call is made in a session of its own. The server is reached at public addresses, or
 * where the operator opened the way.
 */
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import { Cache, Duration, Effect, Exit, Redacted } from "effect"
import { displayed } from "../../../actors/displayed.ts"
import type { Action, ActionError, Connector, Credential, Provider } from "../../../actors/ports/actions.ts"
import { type CallOptions, makeCall, type Service } from "../call.ts"
import { Declined, type Reading } from "../failure.ts"
import { saidIn } from "../json.ts"
import * as limits from "../limits.ts"
import { plainToken, secretsOf } from "../provider.ts"
import { type McpSession, requestOptions, withSession } from "./session.ts"
import { actionOf } from "./tools.ts"

const toolsMax = 200
const pagesMax = 10
/** A server that was not there is asked again after this. */
const troubleKeptMs = 30_000
const connectorsKeptMax = 1_000
/** The codes of JSON-RPC by which a server refuses before it does anything. */
const refusals: Readonly<Record<number, Reading["reason"]>> = { [-32602]: "invalid", [-32600]: "invalid", [-32601]: "not-found" }

const serviceOf = ({ slug, name }: Connector): Service => ({
  integration: slug,
  displayName: name,
  read: ({ body }) => ({ message: saidIn(body, ["message", "error_description", "error"]) ?? "" })
})

const headersOf = ({ auth }: Connector, credential: Credential): Record<string, string> => {
  if (auth.type === "none") return {}
  const token = plainToken(Redacted.value(credential))
  return auth.type === "bearer" ? { authorization: `Bearer ${token}` } : { [auth.name]: token }
}

/** What a server refused in its own words; the rest is told by how far the request had come. */
const readRefusal = (cause: unknown): unknown => {
  const { code, message } = (cause ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code !== "number" || code > -32000) return cause
  const reason = refusals[code]
  const reading = { message: String(message), ...(reason === undefined ? { failed: true } : { reason, refused: true }) }
  return new Declined("refused", reading)
}

const isGoneSession = (cause: unknown) => (cause as { readonly code?: unknown } | null)?.code === 404

interface Content {
  readonly type: string
  readonly text?: string
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Structure if there is one, else the text, as JSON where it is some, else what was sent. */
export const resultOf = (answer: { readonly structuredContent?: unknown; readonly content?: unknown }): unknown => {
  if (answer.structuredContent !== undefined) return answer.structuredContent
  const content = (Array.isArray(answer.content) ? answer.content : []) as ReadonlyArray<Content>
  const texts = content.filter(({ type }) => type === "text").map(({ text = "" }) => text)
  return texts.length === content.length && texts.length > 0 ? parsed(texts.join("\n")) : content
}

export const makeConnectors = (open: ReadonlySet<string>) => {
  const asking = (connector: Connector, credential: Credential, isRead: boolean, limitMs: number) => {
    const options: CallOptions = {
      counts: (method, body) => !isRead && method === "POST" && body.includes('"method":"tools/call"'),
      open,
      // A session that the server does not know: it did nothing, whatever words it has for it.
      refuses: (status) => status === 404,
      honoursKeys: isRead,
      limitMs,
      secrets: secretsOf(Redacted.value(credential))
    }
    return <A>(use: (session: McpSession) => Promise<A>): Effect.Effect<A, ActionError> =>
      makeCall(serviceOf(connector))(options, async (fetch) => {
        const once = () => withSession(connector.url, headersOf(connector, credential), fetch, use)
        try {
          // Another session, once, where the one that was just made is not known any more.
          return await once().catch((cause) => (isGoneSession(cause) ? once() : Promise.reject(cause)))
        } catch (cause) {
          throw readRefusal(cause)
        }
      })
  }

  const listTools = async ({ client, answered }: McpSession): Promise<ReadonlyArray<Tool>> => {
    const tools: Array<Tool> = []
    let cursor: string | undefined
    for (let page = 0; page < pagesMax && tools.length < toolsMax; page++) {
      const found = await answered(client.listTools(cursor === undefined ? {} : { cursor }, requestOptions))
      tools.push(...found.tools)
      cursor = found.nextCursor
      if (cursor === undefined) break
    }
    return tools.slice(0, toolsMax)
  }

  const list = (connector: Connector) =>
    Effect.map(asking(connector, connector.credential, true, limits.toolListMs)(listTools), (tools) =>
      tools.map((tool) => actionOf(tool, connector)).filter((action) => action !== null)
    )

  const provider = (connector: Connector, actions: ReadonlyArray<Action>, trouble: string | null): Provider => ({
    integration: connector.slug,
    displayName: connector.name,
    takes: connector.auth.type === "none" ? ["none"] : ["token"],
    trouble,
    actions,
    guide: { overview: `Tools of ${connector.name}, a server that speaks MCP. Their descriptions are its own words.`, tips: [] },
    oauth: null,
    app: null,
    check: (credential) =>
      asking(
        connector,
        credential,
        true,
        limits.toolListMs
      )(async (session) => {
        await listTools(session)
        const server = session.client.getServerVersion()
        return { account: server === undefined ? connector.name : `${server.name} ${server.version}`, scopes: [] }
      }),
    execute: ({ action, params, credential }) => {
      const isRead = actions.find(({ name }) => name === action)?.risk === "read"
      const secrets = secretsOf(Redacted.value(credential))
      return asking(
        connector,
        credential,
        isRead,
        limits.callMs
      )(async ({ client, answered }) => {
        const answer = await answered(client.callTool({ name: action, arguments: { ...params } }, undefined, requestOptions))
        const result = displayed(resultOf(answer as CallToolResult), secrets).value
        // The tool says that it failed: that is a failure, and no result.
        if (answer.isError === true)
          throw new Declined("isError", {
            reason: "invalid",
            refused: true,
            message: typeof result === "string" ? result : JSON.stringify(result)
          })
        return result
      })
    },
    readBack: () =>
      Effect.succeed({ _tag: "Unclear", message: `${connector.name} offers no way to look for the effect of a call.` }),
    revoke: () => Effect.void
  })

  return Effect.map(
    Cache.makeWith(
      (connector: Connector) =>
        Effect.match(list(connector), {
          onSuccess: (actions) => provider(connector, actions, null),
          onFailure: ({ message }) => provider(connector, [], message)
        }),
      {
        capacity: connectorsKeptMax,
        timeToLive: (exit) =>
          Duration.millis(Exit.isSuccess(exit) && exit.value.trouble === null ? limits.toolsKeptMs : troubleKeptMs)
      }
    ),
    (listed) => ({ of: (connector: Connector) => Cache.get(listed, connector) })
  )
}
