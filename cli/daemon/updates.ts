/**
 * What an ACP agent says in a turn (`session/update`), as events of ours. Kinds we do not know are for others; what is not of the
 * shape that its kind promises is reported as malformed. Tool calls are merged by id: each event carries title, kind and status
 * as they stand, and input, output and paths where they changed.
 */
import { Option, Predicate, Schema } from "effect"
import type { Limits } from "./limits.ts"
import type { Narrator } from "./narrator.ts"
import { clean, cutEnd, cutMiddle } from "./text.ts"
import { printed, toolOutput } from "./tool-output.ts"

const maybe = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const Words = Schema.Struct({ content: Schema.Record(Schema.String, Schema.Unknown), messageId: maybe(Schema.String) })
const ToolCall = Schema.Struct({
  toolCallId: Schema.String,
  title: maybe(Schema.String),
  kind: maybe(Schema.String),
  status: maybe(Schema.String),
  rawInput: maybe(Schema.Unknown),
  rawOutput: maybe(Schema.Unknown),
  content: maybe(Schema.Array(Schema.Unknown)),
  locations: maybe(Schema.Array(Schema.Struct({ path: Schema.String }))),
  _meta: maybe(Schema.Unknown)
})
const Plan = Schema.Struct({
  entries: Schema.Array(Schema.Struct({ content: Schema.String, priority: maybe(Schema.String), status: maybe(Schema.String) }))
})
const Update = Schema.Struct({
  sessionId: Schema.String,
  update: Schema.StructWithRest(Schema.Struct({ sessionUpdate: Schema.String }), [Schema.Record(Schema.String, Schema.Unknown)])
})

const asWords = Schema.decodeUnknownOption(Words)
const asToolCall = Schema.decodeUnknownOption(ToolCall)
const asPlan = Schema.decodeUnknownOption(Plan)
const asUpdate = Schema.decodeUnknownOption(Update)

const statuses: Record<string, string> = { pending: "pending", in_progress: "running", completed: "completed", failed: "failed" }

/** Returns whether the update could be read. */
export type Hear = (params: unknown) => boolean

export const makeTurnEar = (turnId: string, narrator: Narrator, limits: Limits): Hear => {
  const tools = new Map<string, { title: string; toolKind: string; status: string; printed: string }>()
  let speech = { kind: "", count: 0 }

  const hearWords = (kind: "message" | "thought", update: unknown) => {
    const words = Option.getOrNull(asWords(update))
    if (words === null) return false
    const { content, messageId } = words
    if (speech.kind !== kind) speech = { kind, count: speech.count + 1 }
    const id = messageId ? cutEnd(clean(messageId), 128) : `${turnId}:${speech.count}`
    const text = typeof content["text"] === "string" ? content["text"] : `[${content["type"]}]`
    narrator.say(kind, id, { turnId, messageId: id }, text)
    return true
  }

  const hearTool = (update: unknown) => {
    const call = Option.getOrNull(asToolCall(update))
    if (call === null) return false
    speech = { kind: "tool", count: speech.count }
    const toolCallId = cutEnd(clean(call.toolCallId), 128)
    const known = tools.get(toolCallId)
    const tool = {
      title: cutEnd(clean(call.title ?? known?.title ?? toolCallId), 500),
      toolKind: cutEnd(clean(call.kind ?? known?.toolKind ?? "other"), 32),
      status: statuses[call.status ?? ""] ?? known?.status ?? "pending"
    }
    const text = cutMiddle((known?.printed ?? "") + printed(call._meta), limits.toolOutputCharacters)
    tools.delete(toolCallId)
    tools.set(toolCallId, { ...tool, printed: text })
    if (tools.size > limits.toolCallsMax) tools.delete(tools.keys().next().value!)
    // A piece that changes nothing else is told with what comes next.
    if (known !== undefined && text !== known.printed && tool.status === "running" && !call.content && !call.title) return true
    const output = toolOutput(call.content ?? [], call.rawOutput) || (tool.status === "running" ? "" : text)
    narrator.tell("tool", {
      turnId,
      toolCallId,
      ...tool,
      ...(Predicate.isNotNullish(call.rawInput) && { input: bounded(call.rawInput, limits.toolInputCharacters) }),
      ...(output !== "" && { output: cutMiddle(clean(output), limits.toolOutputCharacters) }),
      ...(call.locations?.length && { paths: call.locations.slice(0, 50).map(({ path }) => cutEnd(path, 1_024)) })
    })
    return true
  }

  const hearPlan = (update: unknown) => {
    const plan = Option.getOrNull(asPlan(update))
    if (plan === null) return false
    const entries = plan.entries.slice(0, limits.planEntriesMax).map(({ content, priority, status }) => ({
      content: cutEnd(content, 2_000),
      priority: cutEnd(priority ?? "medium", 32),
      status: cutEnd(status ?? "pending", 32)
    }))
    narrator.tell("plan", { turnId, entries })
    return true
  }

  return (params) => {
    const heard = Option.getOrNull(asUpdate(params))
    if (heard === null) return false
    const { sessionUpdate, ...update } = heard.update
    switch (sessionUpdate) {
      case "agent_message_chunk":
        return hearWords("message", update)
      case "agent_thought_chunk":
        return hearWords("thought", update)
      case "tool_call":
      case "tool_call_update":
        return hearTool(update)
      case "plan":
        return hearPlan(update)
      case "usage_update":
        tellUsage(turnId, update, narrator, limits)
        return true
      default:
        return true
    }
  }
}

const Commands = Schema.Struct({
  availableCommands: Schema.Array(Schema.Struct({ name: Schema.String, description: maybe(Schema.String) }))
})
const asCommands = Schema.decodeUnknownOption(Commands)

/** What an agent takes after a slash, where that is what an update says; it may come between turns. */
export const commandsIn = (params: unknown, limits: Limits) => {
  const update = Option.getOrNull(asUpdate(params))?.update
  if (update?.sessionUpdate !== "available_commands_update") return null
  const told = Option.getOrNull(asCommands(update))
  return (told?.availableCommands ?? []).slice(0, limits.commandsMax).map(({ name, description }) => ({
    name: cutEnd(clean(name), 64),
    description: cutEnd(clean(description ?? ""), 200)
  }))
}

/** Usage is told as the agent tells it; one that is no mere set of numbers is not worth storing. */
export const tellUsage = (turnId: string, usage: Record<string, unknown>, narrator: Narrator, limits: Limits) => {
  const { _meta, ...told } = usage
  if (JSON.stringify(told).length <= limits.usageCharacters) narrator.tell("usage", { ...told, turnId })
}

/** Small values stay what they are; large ones become the beginning and end of their text. */
const bounded = (value: unknown, charactersMax: number): unknown => {
  const text = typeof value === "string" ? value : JSON.stringify(value)
  return text.length <= charactersMax ? value : cutMiddle(text, charactersMax)
}
