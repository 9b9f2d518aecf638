/**
 * Three dialects as their public descriptions have them: what a request says, and how an answer is written, whole or as a stream of
 * events. A tool call's arguments come in two pieces, so that nobody who reads them gets by with the first.
 */
import type { Entry, Turn } from "./model-scripts.ts"

export type Json = Readonly<Record<string, any>>

export interface Answer {
  readonly id: string
  readonly model: string
  readonly turn: Turn
  /** Their names and arguments as the asking agent's own tools have them. */
  readonly calls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly json: string }>
  /** `input` counts what was cached as well. */
  readonly usage: { readonly input: number; readonly output: number; readonly cached: number }
  /** A chat stream is asked for it. */
  readonly tellsUsage: boolean
}

export interface Tool {
  readonly name: string
  /** Names of its arguments, with the schema of each. */
  readonly properties: Readonly<Record<string, Json>>
}

export interface Wire {
  readonly conversation: (body: Json) => ReadonlyArray<Entry>
  readonly tools: (body: Json) => ReadonlyArray<Tool>
  readonly whole: (answer: Answer) => Json
  /** Lines of server-sent events, one element an event. */
  readonly events: (answer: Answer) => Generator<string>
}

const textOf = (content: unknown): string =>
  typeof content === "string"
    ? content
    : Array.isArray(content)
      ? content.map((part: Json) => part["text"] ?? (part["content"] === undefined ? "" : textOf(part["content"]))).join("\n")
      : ""
const imagesIn = (content: unknown): number =>
  Array.isArray(content) ? content.filter(({ type }: Json) => /image/.test(type)).length : 0
const toolOf = (name: string, schema: Json | undefined): Tool => ({ name, properties: schema?.["properties"] ?? {} })
const wordsOf = (text: string) => text.split(/(?<= )/)
const halves = (json: string) => [json.slice(0, json.length >> 1), json.slice(json.length >> 1)]
const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const event = (type: string, value: Json) => `event: ${type}\n${data({ type, ...value })}`

const said = (role: string, content: unknown): Entry =>
  role === "user"
    ? { role: "user", text: textOf(content), images: imagesIn(content) }
    : { role: role === "assistant" ? "assistant" : "system", text: textOf(content) }

const chat: Wire = {
  conversation: ({ messages = [] }) =>
    messages.flatMap(({ role, content, tool_calls }: Json): ReadonlyArray<Entry> => {
      if (role === "tool") return [{ role: "result", text: textOf(content) }]
      return [said(role, content), ...(tool_calls ?? []).map(() => ({ role: "call" as const }))]
    }),
  tools: ({ tools = [] }) => tools.map((tool: Json) => toolOf(tool["function"]?.name, tool["function"]?.parameters)),
  whole: ({ id, model, turn, calls, usage }) => ({
    id,
    object: "chat.completion",
    created: 1,
    model,
    choices: [
      {
        index: 0,
        finish_reason: calls.length > 0 ? "tool_calls" : "stop",
        message: {
          role: "assistant",
          content: turn.text,
          ...(calls.length > 0 && {
            tool_calls: calls.map(({ id, name, json }) => ({ id, type: "function", function: { name, arguments: json } }))
          })
        }
      }
    ],
    usage: chatUsage(usage)
  }),
  *events({ id, model, turn, calls, usage, tellsUsage }) {
    const chunk = (delta: Json, finish_reason: string | null = null) =>
      data({
        id,
        object: "chat.completion.chunk",
        created: 1,
        model,
        choices: [{ index: 0, delta, finish_reason }],
        ...(tellsUsage && { usage: null })
      })
    yield chunk({ role: "assistant", content: "" })
    for (const word of turn.thought === undefined ? [] : wordsOf(turn.thought)) yield chunk({ reasoning_content: word })
    for (const word of wordsOf(turn.text)) yield chunk({ content: word })
    for (const [index, { id, name, json }] of calls.entries()) {
      yield chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] })
      for (const half of halves(json)) yield chunk({ tool_calls: [{ index, function: { arguments: half } }] })
    }
    yield chunk({}, calls.length > 0 ? "tool_calls" : "stop")
    if (tellsUsage) {
      yield data({ id, object: "chat.completion.chunk", created: 1, model, choices: [], usage: chatUsage(usage) })
    }
    yield "data: [DONE]\n\n"
  }
}

const chatUsage = ({ input, output, cached }: Answer["usage"]) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: { cached_tokens: cached }
})

const responses: Wire = {
  conversation: ({ instructions, input = [] }) => [
    ...(instructions ? [{ role: "system" as const, text: textOf(instructions) }] : []),
    ...(typeof input === "string" ? [said("user", input)] : []),
    ...(typeof input === "string" ? [] : input).flatMap((item: Json): ReadonlyArray<Entry> => {
      if (/_call_output$/.test(item["type"])) return [{ role: "result", text: textOf(item["output"]) }]
      if (/_call$/.test(item["type"])) return [{ role: "call" }]
      return item["role"] === undefined ? [] : [said(item["role"], item["content"])]
    })
  ],
  tools: ({ tools = [] }) => tools.map(({ name, type, parameters }: Json) => toolOf(name ?? type, parameters)),
  whole: (answer) => responseOf(answer, "completed"),
  *events(answer) {
    let sequence_number = 0
    const numbered = (type: string, value: Json) => event(type, { sequence_number: sequence_number++, ...value })
    const begun = { ...responseOf(answer, "in_progress"), output: [], usage: null }
    yield numbered("response.created", { response: begun })
    yield numbered("response.in_progress", { response: begun })
    for (const [output_index, item] of responseOf(answer, "completed").output.entries()) {
      const place = { item_id: item["id"], output_index }
      if (item["type"] === "reasoning") {
        const [part] = item["summary"] as ReadonlyArray<Json>
        const inside = { ...place, summary_index: 0 }
        yield numbered("response.output_item.added", { output_index, item: { ...item, summary: [] } })
        yield numbered("response.reasoning_summary_part.added", { ...inside, part: { ...part, text: "" } })
        for (const delta of wordsOf(part!["text"])) yield numbered("response.reasoning_summary_text.delta", { ...inside, delta })
        yield numbered("response.reasoning_summary_text.done", { ...inside, text: part!["text"] })
        yield numbered("response.reasoning_summary_part.done", { ...inside, part })
      } else if (item["type"] === "message") {
        const [part] = item["content"] as ReadonlyArray<Json>
        const inside = { ...place, content_index: 0 }
        yield numbered("response.output_item.added", { output_index, item: { ...item, status: "in_progress", content: [] } })
        yield numbered("response.content_part.added", { ...inside, part: { ...part, text: "" } })
        for (const delta of wordsOf(part!["text"]))
          yield numbered("response.output_text.delta", { ...inside, delta, logprobs: [] })
        yield numbered("response.output_text.done", { ...inside, text: part!["text"], logprobs: [] })
        yield numbered("response.content_part.done", { ...inside, part })
      } else {
        yield numbered("response.output_item.added", { output_index, item: { ...item, status: "in_progress", arguments: "" } })
        for (const delta of halves(item["arguments"]))
          yield numbered("response.function_call_arguments.delta", { ...place, delta })
        yield numbered("response.function_call_arguments.done", { ...place, arguments: item["arguments"] })
      }
      yield numbered("response.output_item.done", { output_index, item })
    }
    yield numbered("response.completed", { response: responseOf(answer, "completed") })
  }
}

const responseOf = ({ id, model, turn, calls, usage }: Answer, status: string) => ({
  id,
  object: "response",
  created_at: 1,
  model,
  status,
  error: null,
  incomplete_details: null,
  output: [
    ...(turn.thought === undefined
      ? []
      : [{ type: "reasoning", id: `rs_${id}`, summary: [{ type: "summary_text", text: turn.thought }] }]),
    {
      type: "message",
      id: `msg_${id}`,
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: turn.text, annotations: [] }]
    },
    ...calls.map(({ id, name, json }) => ({
      type: "function_call",
      id: `fc_${id}`,
      call_id: id,
      name,
      arguments: json,
      status: "completed"
    }))
  ] as ReadonlyArray<Json>,
  usage: {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cached },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: usage.input + usage.output
  }
})

const messages: Wire = {
  conversation: ({ system, messages = [] }) => [
    ...(system === undefined ? [] : [{ role: "system" as const, text: textOf(system) }]),
    ...messages.flatMap(({ role, content }: Json): ReadonlyArray<Entry> => {
      const parts: ReadonlyArray<Json> = Array.isArray(content) ? content : []
      const results = parts.filter(({ type }) => type === "tool_result")
      // What stands beside a tool's result is the agent's reminder, not a person's word.
      if (results.length > 0) return results.map((part) => ({ role: "result", text: textOf(part["content"]) }))
      return [said(role, content), ...parts.filter(({ type }) => type === "tool_use").map(() => ({ role: "call" as const }))]
    })
  ],
  tools: ({ tools = [] }) => tools.map(({ name, input_schema }: Json) => toolOf(name, input_schema)),
  whole: ({ id, model, turn, calls, usage }) => ({
    ...messageOf(id, model),
    content: [
      ...(turn.thought === undefined ? [] : [{ type: "thinking", thinking: turn.thought, signature: "signed" }]),
      { type: "text", text: turn.text },
      ...calls.map(({ id, name, json }) => ({ type: "tool_use", id, name, input: JSON.parse(json) }))
    ],
    stop_reason: calls.length > 0 ? "tool_use" : "end_turn",
    usage: { ...messageUsage(usage), output_tokens: usage.output }
  }),
  *events({ id, model, turn, calls, usage }) {
    yield event("message_start", { message: { ...messageOf(id, model), usage: { ...messageUsage(usage), output_tokens: 1 } } })
    yield event("ping", {})
    let index = 0
    const delta = (type: string, field: string, piece: string) =>
      event("content_block_delta", { index, delta: { type, [field]: piece } })
    const begin = (content_block: Json) => event("content_block_start", { index, content_block })
    const end = () => event("content_block_stop", { index: index++ })
    if (turn.thought !== undefined) {
      yield begin({ type: "thinking", thinking: "", signature: "" })
      for (const word of wordsOf(turn.thought)) yield delta("thinking_delta", "thinking", word)
      yield delta("signature_delta", "signature", "signed")
      yield end()
    }
    yield begin({ type: "text", text: "" })
    for (const word of wordsOf(turn.text)) yield delta("text_delta", "text", word)
    yield end()
    for (const { id, name, json } of calls) {
      yield begin({ type: "tool_use", id, name, input: {} })
      for (const half of halves(json)) yield delta("input_json_delta", "partial_json", half)
      yield end()
    }
    yield event("message_delta", {
      delta: { stop_reason: calls.length > 0 ? "tool_use" : "end_turn", stop_sequence: null },
      usage: { output_tokens: usage.output }
    })
    yield event("message_stop", {})
  }
}

const messageOf = (id: string, model: string) => ({
  id,
  type: "message",
  role: "assistant",
  model,
  content: [],
  stop_reason: null as string | null,
  stop_sequence: null
})
/** Anthropic's input is what was neither read from a cache nor written to it. */
const messageUsage = ({ input, cached }: Answer["usage"]) => ({
  input_tokens: input - cached,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: cached
})

export const wires = { chat, responses, messages } as const
