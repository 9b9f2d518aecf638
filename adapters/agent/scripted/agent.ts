/**
 * The scripted agent: a real ACP agent process that follows a script instead of a model. It reads, edits and runs for real in its
 * working directory, streams what it says, asks when it is told to, stops when it is cancelled, and remembers its conversations.
 */
import { randomUUID } from "node:crypto"
import { Readable, Writable } from "node:stream"
import * as acp from "@agentclientprotocol/sdk"
import { Effect } from "effect"
import { Cancelled } from "./cancelled.ts"
import { type Conversation, loadConversation } from "./conversation.ts"
import { makeRemote, type Remote } from "./remote.ts"
import { choose, type ScriptName } from "./scripts.ts"
import { makeTurn } from "./turn.ts"

export interface ScriptedOptions {
  /** The script of every prompt; by what the prompt says where it is null. */
  readonly script: ScriptName | null
  /** Between two pieces of what it says. */
  readonly paceMs: number
}

/** Serves one client on standard input and output, until that ends; what still runs then is cancelled. */
export const scriptedAgent = (options: ScriptedOptions): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const conversations = new Map<
      string,
      {
        readonly cwd: string
        readonly said: Conversation
        readonly remote: Remote
        running: AbortController | null
      }
    >()

    const conversationOf = (sessionId: string) => {
      const conversation = conversations.get(sessionId)
      if (conversation === undefined) throw acp.RequestError.sessionNotFound(sessionId)
      return conversation
    }

    const connection = acp
      .agent({ name: "scripted" })
      .onRequest("initialize", () => ({
        protocolVersion: acp.PROTOCOL_VERSION,
        agentInfo: { name: "scripted", title: "Scripted agent", version: "1" },
        agentCapabilities: { loadSession: true }
      }))
      .onRequest("session/new", ({ params: { cwd, mcpServers } }) => {
        const sessionId = `scr_${randomUUID()}`
        conversations.set(sessionId, { cwd, said: loadConversation(sessionId), remote: makeRemote(mcpServers), running: null })
        return { sessionId }
      })
      .onRequest("session/load", async ({ params: { sessionId, cwd, mcpServers }, client }) => {
        const said = loadConversation(sessionId)
        if (said.entries().length === 0) throw acp.RequestError.sessionNotFound(sessionId)
        conversations.set(sessionId, { cwd, said, remote: makeRemote(mcpServers), running: null })
        for (const update of said.entries()) await client.notify("session/update", { sessionId, update })
        return {}
      })
      .onRequest("session/prompt", async ({ params: { sessionId, prompt }, client }) => {
        const conversation = conversationOf(sessionId)
        const text = prompt.map((block) => (block.type === "text" ? block.text : "")).join("\n")
        const running = new AbortController()
        conversation.running = running
        const { cwd, said, remote } = conversation
        const turn = makeTurn({
          client,
          sessionId,
          cwd,
          said,
          remote,
          prompt: text,
          signal: running.signal,
          paceMs: options.paceMs
        })
        said.add({ sessionUpdate: "user_message_chunk", content: { type: "text", text } })
        try {
          await choose(options.script, text)(turn)
          return { stopReason: "end_turn" as const }
        } catch (error) {
          if (error instanceof Cancelled) return { stopReason: "cancelled" as const }
          throw error
        } finally {
          said.save()
          conversation.running = null
        }
      })
      .onNotification("session/cancel", ({ params: { sessionId } }) => conversations.get(sessionId)?.running?.abort())
      .connect(acp.ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>))
    const end = () => {
      for (const { running, remote } of conversations.values()) {
        running?.abort()
        remote.close()
      }
      connection.close()
    }
    connection.signal.addEventListener("abort", () => {
      end()
      resume(Effect.void)
    })
    return Effect.sync(end)
  })
