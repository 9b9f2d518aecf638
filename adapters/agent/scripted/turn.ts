/** What a script can do in its turn: say, think, plan, ask, and use tools. Everything it does is told to the client as it happens. */
import { setImmediate as immediate, setTimeout as wait } from "node:timers/promises"
import type * as acp from "@agentclientprotocol/sdk"
import { Cancelled } from "./cancelled.ts"
import type { Conversation } from "./conversation.ts"
import type { Remote } from "./remote.ts"
import { makeTools, type Tools } from "./tools.ts"

export interface Turn {
  readonly prompt: string
  readonly cwd: string
  readonly signal: AbortSignal
  readonly say: (text: string) => Promise<void>
  readonly think: (text: string) => Promise<void>
  readonly plan: (contents: ReadonlyArray<string>, done: number) => Promise<void>
  /** Whether it may. */
  readonly ask: (title: string) => Promise<boolean>
  readonly sleep: (ms: number) => Promise<void>
  /** One update as it stands, at once. */
  readonly send: (update: acp.SessionUpdate) => Promise<void>
  readonly tools: Tools
  readonly remote: Remote
}
export type Script = (turn: Turn) => Promise<void>

interface TurnOptions {
  readonly client: acp.AgentContext
  readonly sessionId: string
  readonly cwd: string
  readonly said: Conversation
  readonly remote: Remote
  readonly prompt: string
  readonly signal: AbortSignal
  readonly paceMs: number
}

export const makeTurn = ({ client, sessionId, cwd, said, remote, prompt, signal, paceMs }: TurnOptions): Turn => {
  let asked = 0

  const send = async (update: acp.SessionUpdate) => {
    if (signal.aborted) throw new Cancelled()
    await client.notify("session/update", { sessionId, update })
  }
  const sleep = (ms: number) =>
    wait(ms, undefined, { signal }).catch(() => {
      throw new Cancelled()
    })
  /** A few letters at a time, as a model would. */
  const speak = async (sessionUpdate: "agent_message_chunk" | "agent_thought_chunk", text: string) => {
    for (const piece of text.match(/\s*\S{1,8}/g) ?? []) {
      await send({ sessionUpdate, content: { type: "text", text: piece } })
      if (paceMs > 0) await sleep(paceMs)
    }
    await send({ sessionUpdate, content: { type: "text", text: "\n\n" } })
    said.add({ sessionUpdate, content: { type: "text", text: `${text}\n\n` } })
  }

  return {
    prompt,
    cwd,
    signal,
    send,
    sleep,
    say: (text) => speak("agent_message_chunk", text),
    think: (text) => speak("agent_thought_chunk", text),
    plan: (contents, done) =>
      send({
        sessionUpdate: "plan",
        entries: contents.map((content, index) => ({
          content,
          priority: "medium" as const,
          status: index < done ? ("completed" as const) : index === done ? ("in_progress" as const) : ("pending" as const)
        }))
      }),
    ask: async (title) => {
      asked += 1
      const toolCallId = `ask-${asked}-${Date.now()}`
      const { outcome }: acp.RequestPermissionResponse = await client.request("session/request_permission", {
        sessionId,
        toolCall: { toolCallId, title, kind: "edit", status: "pending" },
        options: [
          { optionId: "once", name: "Yes, this time", kind: "allow_once" },
          { optionId: "always", name: "Yes, always", kind: "allow_always" },
          { optionId: "no", name: "No", kind: "reject_once" }
        ]
      })
      // A cancel that was sent before this answer may be dispatched after it.
      await immediate()
      if (signal.aborted) throw new Cancelled()
      const isAllowed = outcome.outcome === "selected" && outcome.optionId !== "no"
      await send({ sessionUpdate: "tool_call_update", toolCallId, status: isAllowed ? "completed" : "failed" })
      return isAllowed
    },
    remote,
    tools: makeTools({ cwd, signal, said, remote, send })
  }
}
