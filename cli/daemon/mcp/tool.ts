/** A tool as an agent is given it, and what becomes of a call of it. */
import type { Tool as Shown } from "@modelcontextprotocol/sdk/types.js"
import type { Effect } from "effect"
import type { Failed } from "../../failure.ts"

export interface Asked {
  readonly args: Readonly<Record<string, unknown>>
  /** Of this call: who asks for it again asks for the same. */
  readonly toolCallId: string
  /** Says that it goes on, to whoever would take silence for the end. */
  readonly progress: (message: string) => void
}

/** `isError`: the model is told that it did not work, and what to do. */
export interface Said {
  readonly text: string
  readonly isError: boolean
}

export interface Tool {
  readonly shown: Shown
  readonly run: (asked: Asked) => Effect.Effect<Said, Failed>
}

export const said = (value: unknown): Said => ({
  text: typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "null"),
  isError: false
})
export const failed = ({ what, todo }: Failed): Said => ({ text: `${what}\n${todo}`, isError: true })

/** For schemas of our own. */
export const text = (description: string, more: Record<string, unknown> = {}) => ({ type: "string", description, ...more })

export const own = (
  name: string,
  title: string,
  description: string,
  properties: Record<string, object>,
  required: ReadonlyArray<string>,
  idempotentHint: boolean
): Tool["shown"] => ({
  name,
  title,
  description,
  inputSchema: { type: "object", properties, required: [...required], additionalProperties: false },
  annotations: { title, readOnlyHint: false, destructiveHint: false, idempotentHint, openWorldHint: false }
})
