/** The tools of the scripted agent: run, read, edit, write. Each is told as an ACP tool call, from pending to its end. */
import { readFile, writeFile } from "node:fs/promises"
import { resolve } from "node:path"
import type * as acp from "@agentclientprotocol/sdk"
import { Cancelled } from "./cancelled.ts"
import type { Conversation } from "./conversation.ts"
import type { Remote } from "./remote.ts"
import { shell } from "./shell.ts"

export interface Tools {
  /** In a shell. Its output is stdout and stderr as they came. */
  readonly run: (command: string) => Promise<{ readonly exitCode: number; readonly output: string }>
  readonly read: (path: string) => Promise<string>
  /** Replaces the one place where `from` stands. */
  readonly edit: (path: string, from: string, to: string) => Promise<void>
  readonly write: (path: string, text: string) => Promise<void>
  /** One that the client offers over MCP. */
  readonly call: (name: string, args: Record<string, unknown>) => Promise<void>
}

interface ToolOptions {
  readonly cwd: string
  readonly signal: AbortSignal
  readonly said: Conversation
  readonly remote: Remote
  readonly send: (update: acp.SessionUpdate) => Promise<void>
}

interface Outcome<A> {
  readonly value: A
  readonly content: ReadonlyArray<acp.ToolCallContent>
  readonly hasFailed?: boolean
}

let calls = 0

export const makeTools = ({ cwd, signal, said, remote, send }: ToolOptions): Tools => {
  const use = async <A>(
    title: string,
    kind: acp.ToolKind,
    rawInput: Record<string, unknown>,
    paths: ReadonlyArray<string>,
    work: () => Promise<Outcome<A>>
  ): Promise<A> => {
    calls += 1
    const toolCallId = `call-${process.pid}-${calls}`
    const locations = paths.map((path) => ({ path: resolve(cwd, path) }))
    await send({ sessionUpdate: "tool_call", toolCallId, title, kind, status: "pending", rawInput, locations })
    await send({ sessionUpdate: "tool_call_update", toolCallId, status: "in_progress" })
    const end = async (status: "completed" | "failed", content: ReadonlyArray<acp.ToolCallContent>) => {
      said.add({ sessionUpdate: "tool_call", toolCallId, title, kind, status, rawInput, locations, content: [...content] })
      await send({ sessionUpdate: "tool_call_update", toolCallId, status, content: [...content] })
    }
    try {
      const { value, content, hasFailed = false } = await work()
      if (signal.aborted) throw new Cancelled()
      await end(hasFailed ? "failed" : "completed", content)
      return value
    } catch (error) {
      if (!(error instanceof Cancelled)) await end("failed", [text((error as Error).message)])
      throw error
    }
  }

  const change = (path: string, oldText: string | null, newText: string): acp.ToolCallContent => ({
    type: "diff",
    path: resolve(cwd, path),
    oldText,
    newText
  })

  return {
    run: (command) =>
      use(command, "execute", { command }, [], async () => {
        const ran = await shell(command, cwd, signal)
        return { value: ran, content: [text(`${ran.output}\nexit code ${ran.exitCode}`)], hasFailed: ran.exitCode !== 0 }
      }),
    read: (path) =>
      use(`Read ${path}`, "read", { path }, [path], async () => {
        const found = await readFile(resolve(cwd, path), "utf8")
        return { value: found, content: [text(found)] }
      }),
    edit: (path, from, to) =>
      use(`Edit ${path}`, "edit", { path, from, to }, [path], async () => {
        const before = await readFile(resolve(cwd, path), "utf8")
        if (before.split(from).length !== 2) throw new Error(`${path} does not hold this text exactly once: ${from}`)
        const after = before.replace(from, () => to)
        await writeFile(resolve(cwd, path), after)
        return { value: undefined, content: [change(path, before, after)] }
      }),
    write: (path, newText) =>
      use(`Write ${path}`, "edit", { path }, [path], async () => {
        const before = await readFile(resolve(cwd, path), "utf8").catch(() => null)
        await writeFile(resolve(cwd, path), newText)
        return { value: undefined, content: [change(path, before, newText)] }
      }),
    call: (name, args) =>
      use(name, "other", args, [], async () => {
        const { text: words, isError } = await remote.call(name, args, signal)
        return { value: undefined, content: [text(words)], hasFailed: isError }
      })
  }
}

const text = (words: string): acp.ToolCallContent => ({ type: "content", content: { type: "text", text: words } })
