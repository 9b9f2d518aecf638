/** What the relay says itself, in the words of the dialect that was asked in. */
import { Stream } from "effect"
import type { Dialect } from "../../actors/ports/models.ts"
import type { ModelResponse } from "../../actors/ports/proxy.ts"
import { errorBody } from "./dialects.ts"

export interface Refusal {
  readonly status: number
  readonly message: string
  readonly retryAfterS?: number
  /** Asking again cannot help, which the makers' own clients heed. */
  readonly isFinal?: boolean
}

export const jsonResponse = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): ModelResponse => {
  const body = Buffer.from(text)
  return {
    status,
    headers: { "content-type": "application/json", "content-length": String(body.length), ...headers },
    body: Stream.succeed(body)
  }
}

export const refusal = (dialect: Dialect, { status, message, retryAfterS, isFinal = false }: Refusal): ModelResponse =>
  jsonResponse(status, errorBody(dialect, status, message, isFinal), {
    ...(retryAfterS !== undefined && { "retry-after": String(retryAfterS) }),
    ...(isFinal && { "x-should-retry": "false" })
  })
