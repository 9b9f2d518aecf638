/**
 * What an answer cost, as it says itself: in its body, or in events of its stream. Where the end of a stream never comes, it is
 * estimated: what was asked by its length, what was said by the events that came. Pure but for its own count.
 *
 *   `input` counts cached tokens in every dialect (Anthropic's own number leaves them out), `cached` those that were read from a cache.
 */
import type { Dialect } from "../../actors/ports/models.ts"

export interface Cost {
  readonly input: number
  readonly output: number
  readonly cached: number
  readonly estimated: boolean
}

type Json = { readonly [name: string]: unknown }

interface Told {
  readonly input: number | null
  readonly output: number | null
  readonly cached: number | null
}

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Json)[name] : undefined
const count = (value: unknown): number | null =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null
const isThere = (value: unknown): boolean => typeof value === "object" && value !== null

/** The usage object of a dialect in our words; null where it does not say. */
const told: Readonly<Record<Dialect, (usage: unknown) => Told>> = {
  chat: (usage) => ({
    input: count(field(usage, "prompt_tokens")),
    output: count(field(usage, "completion_tokens")),
    cached: count(field(field(usage, "prompt_tokens_details"), "cached_tokens"))
  }),
  responses: (usage) => ({
    input: count(field(usage, "input_tokens")),
    output: count(field(usage, "output_tokens")),
    cached: count(field(field(usage, "input_tokens_details"), "cached_tokens"))
  }),
  messages: (usage) => {
    const cached = count(field(usage, "cache_read_input_tokens"))
    const input = count(field(usage, "input_tokens"))
    const written = count(field(usage, "cache_creation_input_tokens")) ?? 0
    return {
      input: input === null ? null : input + written + (cached ?? 0),
      output: count(field(usage, "output_tokens")),
      cached
    }
  }
}

/** Where an event of a stream tells the usage; `isLast`: it is all of it. */
const within: Readonly<Record<Dialect, (event: unknown) => { readonly usage: unknown; readonly isLast: boolean }>> = {
  chat: (event) => ({ usage: field(event, "usage"), isLast: true }),
  responses: (event) => ({ usage: field(field(event, "response"), "usage"), isLast: true }),
  messages: (event) =>
    field(event, "type") === "message_start"
      ? { usage: field(field(event, "message"), "usage"), isLast: false }
      : { usage: field(event, "usage"), isLast: true }
}

/** The chunk that a chat stream ends with when it was asked what it cost: no words, only the cost. */
export const isUsageChunk = (event: unknown): boolean => {
  const choices = field(event, "choices")
  return Array.isArray(choices) && choices.length === 0 && isThere(field(event, "usage"))
}

export interface Meter {
  /** An answer that is no stream. */
  readonly body: (json: unknown) => void
  /** Null: an event without JSON, or a part of one that was too long to look into. */
  readonly event: (json: unknown) => void
  readonly cost: () => Cost
}

export const makeMeter = (dialect: Dialect, estimate: { readonly bodyBytes: number; readonly bytesPerToken: number }): Meter => {
  let [input, output, cached]: Array<number | null> = [null, null, null]
  let events = 0
  let isTold = false

  const take = (usage: unknown, isLast: boolean) => {
    if (!isThere(usage)) return
    const next = told[dialect](usage)
    input = next.input ?? input!
    output = next.output ?? output!
    cached = next.cached ?? cached!
    isTold ||= isLast && output !== null
  }

  return {
    body: (json) => take(field(json, "usage"), true),
    event: (json) => {
      events += 1
      const { usage, isLast } = within[dialect](json)
      take(usage, isLast)
    },
    cost: () => ({
      input: input ?? Math.ceil(estimate.bodyBytes / estimate.bytesPerToken),
      output: isTold ? output! : Math.max(output ?? 0, events),
      cached: cached ?? 0,
      estimated: !isTold || input === null
    })
  }
}
