/** From what an agent sends to what an endpoint gets: the same words, from a sender without a name. */
import type { Dialect } from "../../actors/ports/models.ts"
import { anthropicVersion, type Route } from "./dialects.ts"

export interface Asked {
  readonly model: string
  /** Written anew from what was read, so that what is sent is what was checked, whatever else the bytes could be read as. */
  readonly body: Buffer
  /** A chat stream was asked what it costs by us, not by the agent, who is not to be bothered with the answer. */
  readonly hidesUsage: boolean
}

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** What was asked, or a sentence that says why it cannot be. */
export const readRequest = (bytes: Uint8Array, { dialect, path }: Route): Asked | string => {
  let given: unknown
  try {
    given = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"))
  } catch {
    return "the body is not JSON"
  }
  if (!isObject(given)) return "the body is not a JSON object"
  const { model } = given
  if (typeof model !== "string" || model === "") return "model: name the model to use"
  // Its end could only be asked for later, which nothing here serves or counts.
  if (dialect === "responses" && given["background"] === true) return "background: not served here, leave it out"
  const options = given["stream_options"]
  const isChatStream = path === "/chat/completions" && given["stream"] === true
  const hidesUsage = isChatStream && !(isObject(options) && options["include_usage"] === true)
  const sent = hidesUsage ? { ...given, stream_options: { ...(isObject(options) && options), include_usage: true } } : given
  try {
    return { model, body: Buffer.from(JSON.stringify(sent)), hidesUsage }
  } catch {
    return "the body is nested too deeply"
  }
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
