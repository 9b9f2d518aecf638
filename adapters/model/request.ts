/** From what an agent sends to what an endpoint gets: the same words, from a sender without a name. */
import type { Dialect } from "../../actors/ports/models.ts"
import { anthropicVersion, type Route } from "./dialects.ts"
import { fieldsOf } from "./fields.ts"

export interface Asked {
  readonly model: string
  readonly body: Buffer
  /** A chat stream was asked what it costs by us, not by the agent, who is not to be bothered with the answer. */
  readonly hidesUsage: boolean
}

/** What the relay looks at, and how much of it there may be. */
const looked = ["model", "stream", "stream_options", "background"]
const valueBytesMax = 10_000

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What was asked, or a sentence that says why it cannot be. */
export const readRequest = (given: Uint8Array, { dialect, path }: Route): Asked | string => {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.length)
  const fields = fieldsOf(bytes)
  if (fields === null) return "the body is not a JSON object"
  const values = new Map<string, unknown>()
  for (const { name, from, to } of fields) {
    if (!looked.includes(name)) continue
    // Whoever reads it next might take the other one.
    if (values.has(name)) return `${name}: it is there twice`
    if (to - from > valueBytesMax) return `${name}: it is too long`
    try {
      values.set(name, JSON.parse(bytes.toString("utf8", from, to)))
    } catch {
      return `${name}: it is not JSON`
    }
  }
  const model = values.get("model")
  if (typeof model !== "string" || model === "") return "model: name the model to use"
  // Its end could only be asked for later, which nothing here serves or counts.
  if (dialect === "responses" && values.get("background") === true) return "background: not served here, leave it out"
  const options = values.get("stream_options")
  const isChatStream = path === "/chat/completions" && values.get("stream") === true
  const hidesUsage = isChatStream && !(isObject(options) && options["include_usage"] === true)
  if (!hidesUsage) return { model, body: bytes, hidesUsage }

  const asking = JSON.stringify({ ...(isObject(options) && options), include_usage: true })
  const place = fields.find(({ name }) => name === "stream_options")
  const brace = bytes.indexOf("{") + 1
  const body =
    place === undefined
      ? [bytes.subarray(0, brace), Buffer.from(`"stream_options":${asking},`), bytes.subarray(brace)]
      : [bytes.subarray(0, place.from), Buffer.from(asking), bytes.subarray(place.to)]
  return { model, body: Buffer.concat(body), hidesUsage }
}

/** All that may say more than the request itself: who asks, through what, in which conversation, stays here. */
const passed = ["accept", "anthropic-beta", "openai-beta"]

export const requestHeaders = (dialect: Dialect, given: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(passed.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]]))),
  ...(dialect === "messages" && { "anthropic-version": given["anthropic-version"] ?? anthropicVersion }),
  "content-type": "application/json",
  // So that what it costs, and a secret in it, can be read on the way.
  "accept-encoding": "identity",
  "user-agent": "proliferate"
})

const answered = /^(content-type|retry-after|retry-after-ms|x-should-retry|x-request-id|request-id|(x|anthropic)-ratelimit-.*)$/

export const answerHeaders = (
  given: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>,
  redacted: (text: string) => string
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) =>
      typeof value === "string" && answered.test(name) ? [[name, redacted(value)]] : []
    )
  )
