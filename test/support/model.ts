/**
 * A model endpoint on the loopback: chat completions, responses and messages (with count_tokens and models), whole and streamed, by
 * real HTTP. What it says is scripted (model-scripts.ts); what arrived is kept for the test to see; `misbehave` makes the next
 * requests go wrong. Its base URL ends in /v1.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import { Effect } from "effect"
import { type Entry, nextTurn, type ScriptName, type ToolCall, type Turn } from "./model-scripts.ts"
import { type Answer, type Json, type Tool, wires } from "./model-wire.ts"

export type Fault =
  /** Answered instead, at once. */
  | {
      readonly type: "status"
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  /** Never answered. */
  | { readonly type: "silent" }
  /** So many events (or half of a body), then nothing more. */
  | { readonly type: "stall"; readonly events: number }
  /** So many events (or half of a body), then the connection breaks. */
  | { readonly type: "cut"; readonly events: number }
  /** These pieces, so long one after the other. */
  | {
      readonly type: "pieces"
      readonly pieces: Iterable<string>
      readonly pieceMs?: number
      readonly headers?: Readonly<Record<string, string>>
    }

export interface Received {
  readonly path: string
  readonly search: string
  readonly method: string
  readonly headers: IncomingMessage["headers"]
  readonly text: string
  readonly body: Json
  script: ScriptName | null
  /** What was claimed for it, once all of it was said. */
  usage: Answer["usage"] | null
  /** The asking end went away before all was said. */
  aborted: boolean
  /** Bytes of an answer that the asking end had room for. */
  writtenBytes: number
}

export interface ScriptedModel {
  readonly url: string
  readonly requests: ReadonlyArray<Received>
  readonly misbehave: (fault: Fault, times?: number) => void
  /** Resolves when it is so; rejects after 10 s. */
  readonly until: (isSo: (requests: ReadonlyArray<Received>) => boolean) => Promise<void>
  readonly close: () => Promise<void>
}

export interface ModelOptions {
  readonly port?: number
  /** Asked for by every request when it is given. */
  readonly key?: string
  readonly models?: ReadonlyArray<string>
  /** For prompts that name none. */
  readonly script?: ScriptName
  /** Between two words of any script. */
  readonly wordMs?: number
  readonly log?: (line: string) => void
}

const untilMs = 10_000

const shells = ["bash", "shell", "exec_command", "run_shell_command", "shell_command", "local_shell"]
const readers = ["read", "read_file"]

/** The asking agent's own tool for it, called as its schema says. */
const callOf = (tools: ReadonlyArray<Tool>, { tool, argument }: ToolCall): { readonly name: string; readonly input: Json } => {
  const find = (names: ReadonlyArray<string>) => tools.find(({ name }) => names.includes(name?.toLowerCase()))
  const reader = tool === "read" ? find(readers) : undefined
  if (reader !== undefined) {
    const field = Object.keys(reader.properties).find((name) => /^(file_?)?path$/i.test(name)) ?? "path"
    return { name: reader.name, input: { [field]: argument } }
  }
  const command = tool === "read" ? `cat '${argument}'` : argument
  const shell = find(shells)
  if (shell === undefined) return { name: "bash", input: { command } }
  const field = "cmd" in shell.properties ? "cmd" : "command"
  const isList = shell.properties[field]?.["type"] === "array"
  return {
    name: shell.name,
    input: {
      [field]: isList ? ["bash", "-lc", command] : command,
      ...("description" in shell.properties && { description: "A step of the script" })
    }
  }
}

const isTitleCall = (conversation: ReadonlyArray<Entry>, tools: ReadonlyArray<Tool>) =>
  tools.length === 0 && conversation.some((entry) => entry.role === "system" && /\btitle\b/i.test(entry.text))

const tokensOf = (conversation: ReadonlyArray<Entry>) =>
  conversation.reduce((sum, entry) => sum + 10 + ("text" in entry ? entry.text.length >> 2 : 0), 0)

const roomIn = (response: ServerResponse) =>
  new Promise<void>((resolve) => {
    const go = () => {
      response.off("drain", go).off("close", go)
      resolve()
    }
    response.on("drain", go).on("close", go)
  })

export const startModel = async (options: ModelOptions = {}): Promise<ScriptedModel> => {
  const { key, models = ["scripted-1", "scripted-2"], script: byDefault = "hello", wordMs = 0, log = () => {} } = options
  const requests: Array<Received> = []
  const faults: Array<Fault> = []
  const waiting = new Set<() => void>()
  const changed = () => {
    for (const look of waiting) look()
  }
  let calls = 0

  const write = async (
    received: Received,
    response: ServerResponse,
    pieces: Iterable<string>,
    fault: Fault | undefined,
    pieceMs: number
  ) => {
    let written = 0
    for (const piece of pieces) {
      if ((fault?.type === "cut" || fault?.type === "stall") && written === fault.events) {
        if (fault.type === "cut") response.write(" ", () => response.destroy())
        return false
      }
      if (response.destroyed) return false
      const hasRoom = response.write(piece)
      if (!hasRoom) await roomIn(response)
      written += 1
      received.writtenBytes += piece.length
      changed()
      if (pieceMs > 0) await pause(pieceMs)
    }
    response.end()
    return true
  }

  const answer = async (received: Received, response: ServerResponse, fault: Fault | undefined) => {
    const { path, body } = received
    if (fault?.type === "silent") return
    if (fault?.type === "status") {
      const text = fault.body ?? JSON.stringify({ error: { type: "scripted", message: `scripted ${fault.status}` } })
      return void response.writeHead(fault.status, { "content-type": "application/json", ...fault.headers }).end(text)
    }
    if (fault?.type === "pieces") {
      response.writeHead(200, { "content-type": "text/event-stream", ...fault.headers })
      return void (await write(received, response, fault.pieces, undefined, fault.pieceMs ?? 0))
    }
    const json = (status: number, value: Json) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value))
    const given = received.headers.authorization?.replace(/^Bearer /i, "") ?? received.headers["x-api-key"]
    if (key !== undefined && given !== key) return void json(401, { error: { type: "authentication_error", message: "no" } })
    if (path === "/v1/models") return void json(200, { object: "list", data: models.map((id) => ({ id, object: "model" })) })

    const counts = path === "/v1/messages/count_tokens"
    const dialect = counts
      ? "messages"
      : ({ completions: "chat", responses: "responses", messages: "messages" } as const)[path.split("/").at(-1) as "completions"]
    if (dialect === undefined) return void json(404, { error: { type: "not_found", message: `nothing at ${path}` } })
    const wire = wires[dialect]
    const conversation = wire.conversation(body)
    const input = tokensOf(conversation)
    if (counts) return void json(200, { input_tokens: input })

    const tools = wire.tools(body)
    const scripted = nextTurn(conversation, byDefault)
    const turn: Turn = isTitleCall(conversation, tools) ? { text: "A scripted title" } : scripted.turn
    received.script = scripted.script
    calls += 1
    const number = calls
    const usage = {
      input,
      output: 1 + (turn.text.length >> 2) + 10 * (turn.calls?.length ?? 0),
      cached: conversation.some(({ role }) => role === "result") ? input >> 1 : 0
    }
    const says: Answer = {
      id: `scripted_${number}`,
      model: body["model"],
      turn,
      calls: (turn.calls ?? []).map((call, index) => {
        const { name, input } = callOf(tools, call)
        return { id: `call_${number}_${index}`, name, json: JSON.stringify(input) }
      }),
      usage,
      tellsUsage: body["stream_options"]?.include_usage === true
    }
    log(`${path} ${scripted.script}: ${turn.text.slice(0, 60)}`)
    const isStreamed = body["stream"] === true
    const text = isStreamed ? "" : JSON.stringify(wire.whole(says))
    response.writeHead(200, { "content-type": isStreamed ? "text/event-stream" : "application/json" })
    const pieces = isStreamed ? wire.events(says) : [text.slice(0, text.length >> 1), text.slice(text.length >> 1)]
    if (await write(received, response, pieces, fault, isStreamed ? (turn.wordMs ?? wordMs) : 0)) received.usage = usage
    changed()
  }

  const server = createServer(async (request, response) => {
    const parts: Array<Buffer> = []
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
    const text = Buffer.concat(parts).toString("utf8")
    const { pathname: path, search } = new URL(request.url ?? "/", "http://model")
    let body: Json = {}
    try {
      if (text !== "") body = JSON.parse(text)
    } catch {
      return void response.writeHead(400).end("this is no JSON")
    }
    const received: Received = {
      path,
      search,
      method: request.method ?? "",
      headers: request.headers,
      text,
      body,
      script: null,
      usage: null,
      aborted: false,
      writtenBytes: 0
    }
    requests.push(received)
    response.on("error", () => {})
    response.on("close", () => {
      received.aborted = !response.writableFinished
      changed()
    })
    changed()
    await answer(received, response, faults.shift())
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port ?? 0, "127.0.0.1", resolve)
  })

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    misbehave: (fault, times = 1) => void faults.push(...Array.from({ length: times }, () => fault)),
    until: (isSo) =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          clearTimeout(timer)
          waiting.delete(look)
          settle()
        }
        const timer = setTimeout(() => end(() => reject(new Error(`the model saw no such thing within ${untilMs} ms`))), untilMs)
        const look = () => {
          if (isSo(requests)) end(resolve)
        }
        waiting.add(look)
        look()
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

/** The same, for as long as a scope. */
export const scriptedModel = (options?: ModelOptions) =>
  Effect.acquireRelease(
    Effect.promise(() => startModel(options)),
    ({ close }) => Effect.promise(close)
  )
