// An ACP agent that tells what it was given: in its mode, its model, its environment and each prompt. `--offers` picks the shape in
// which it offers modes and models: options, modes, nothing. `--forgets`: it loads no conversation.
import { createInterface } from "node:readline"

const offers = process.argv.find((part) => part.startsWith("--offers="))?.slice(9) ?? "options"
const forgets = process.argv.includes("--forgets")
let mode = "asking"
let model = process.env.TOLD_MODEL || "first"
let session = "s1"

const select = (id, currentValue, values) => ({
  id,
  name: id,
  category: id,
  type: "select",
  currentValue,
  options: values.map((value) => ({ value, name: value }))
})
const offered = () =>
  offers === "options"
    ? { configOptions: [select("mode", mode, ["asking", "doing"]), select("model", model, ["at/first", "at/second"])] }
    : offers === "modes"
      ? {
          modes: { currentModeId: mode, availableModes: ["asking", "doing"].map((id) => ({ id, name: id })) },
          models: {
            currentModelId: model,
            availableModels: ["at/first", "at/second"].map((modelId) => ({ modelId, name: modelId }))
          }
        }
      : {}
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
const update = (update) => send({ method: "session/update", params: { sessionId: session, update } })

const shown = (block) => {
  if (block.type === "text") return `text ${block.text}`
  if (block.type === "image") return `image ${block.mimeType} ${Buffer.from(block.data, "base64").length}`
  if (block.type === "resource") return `resource ${block.resource.mimeType} ${block.resource.text}`
  return `${block.type} ${block.mimeType} ${block.name} ${block.uri}`
}

const answers = {
  initialize: () => ({
    protocolVersion: 1,
    agentInfo: { name: "telling", title: "Telling agent", version: "1.2.3" },
    agentCapabilities: { loadSession: !forgets, promptCapabilities: { image: true, embeddedContext: true } }
  }),
  "session/new": () => {
    setTimeout(
      () =>
        update({ sessionUpdate: "available_commands_update", availableCommands: [{ name: "tidy", description: "Tidies up" }] }),
      0
    )
    return { sessionId: session, ...offered() }
  },
  "session/load": ({ sessionId }) => {
    session = sessionId
    return offered()
  },
  "session/set_mode": ({ modeId }) => {
    mode = modeId
    return {}
  },
  "session/set_model": ({ modelId }) => {
    model = modelId
    return {}
  },
  "session/set_config_option": ({ configId, value }) => {
    if (configId === "mode") mode = value
    else model = value
    return offered()
  },
  "session/prompt": ({ prompt }) => {
    const text = [`pid ${process.pid}`, `mode ${mode}`, `model ${model}`, ...prompt.map(shown)].join("\n")
    update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } })
    return { stopReason: "end_turn" }
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  const answer = answers[method]
  if (answer === undefined) send({ id, error: { code: -32601, message: `no ${method}` } })
  else send({ id, result: answer(params) })
})
