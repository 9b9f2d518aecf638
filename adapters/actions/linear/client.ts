/**
 * Linear's GraphQL over HTTP. Errors come with status 200 as well: https://linear.app/developers/graphql#errors, and so does being
 * asked to slow down, as 400: https://linear.app/developers/rate-limiting
 */
import { Declined, type Reading } from "../failure.ts"
import { askJson } from "../json.ts"
import type { Answer } from "../wire.ts"

export type LinearClient = (document: string, variables: Readonly<Record<string, unknown>>) => Promise<Record<string, unknown>>

interface GraphqlError {
  readonly message?: unknown
  readonly extensions?: { readonly type?: unknown; readonly code?: unknown; readonly userPresentableMessage?: unknown }
}

const reasons: Readonly<Record<string, Reading>> = {
  "authentication error": { reason: "needs-reauth", refused: true },
  "feature not accessible": { reason: "forbidden", refused: true },
  forbidden: { reason: "forbidden", refused: true },
  ratelimited: { reason: "rate-limited", refused: true },
  "usage limit exceeded": { reason: "forbidden", refused: true },
  "invalid input": { reason: "invalid", refused: true },
  "input error": { reason: "invalid", refused: true },
  "user error": { reason: "invalid", refused: true },
  "graphql error": { reason: "invalid", refused: true },
  "graphql validation failed": { reason: "invalid", refused: true },
  "bad user input": { reason: "invalid", refused: true }
}

/** Its headers say when, in epoch milliseconds. */
const pauseOf = (headers: Headers): Pick<Reading, "retryAfterMs"> => {
  const resets = ["x-ratelimit-requests-reset", "x-ratelimit-complexity-reset", "x-ratelimit-endpoint-requests-reset"]
    .map((name) => Number(headers.get(name) ?? Number.NaN))
    .filter(Number.isFinite)
  return headers.has("retry-after") || resets.length === 0 ? {} : { retryAfterMs: Math.max(0, Math.max(...resets) - Date.now()) }
}

const errorsIn = (said: unknown): ReadonlyArray<GraphqlError> => {
  const errors = (said as { readonly errors?: unknown } | null)?.errors
  return Array.isArray(errors) ? errors : []
}

export const readLinear = ({ body, headers }: Answer): Reading => {
  let said: unknown
  try {
    said = JSON.parse(body.toString())
  } catch {
    return {}
  }
  const [error] = errorsIn(said)
  if (error === undefined) return {}
  const { type, code, userPresentableMessage } = error.extensions ?? {}
  const kinds = [type, code].map((word) => String(word).toLowerCase().replaceAll("_", " "))
  const found = kinds.map((kind) => reasons[kind]).find((reading) => reading !== undefined)
  const message = String(userPresentableMessage ?? error.message ?? "")
  if (/^Entity not found/.test(String(error.message))) return { reason: "not-found", refused: true, message }
  return { ...(found ?? { failed: true }), message, ...(found?.reason === "rate-limited" && pauseOf(headers)) }
}

export const linearClient =
  (url: string, token: string, fetch: typeof globalThis.fetch): LinearClient =>
  async (document, variables) => {
    // A personal key is sent bare: https://linear.app/developers/graphql#personal-api-keys
    const authorization = token.startsWith("lin_api_") ? token : `Bearer ${token}`
    let answer: { readonly status: number; readonly headers: Headers } | null = null
    const noted: typeof globalThis.fetch = async (input, init) => {
      const response = await fetch(input, init)
      answer = response
      return response
    }
    const said = await askJson(noted, `${url}/graphql`, {
      method: "POST",
      headers: { authorization },
      body: { query: document, variables }
    })
    const { status = 200, headers = new Headers() } = (answer ?? {}) as { readonly status?: number; readonly headers?: Headers }
    if (errorsIn(said).length > 0)
      throw new Declined("GraphQL errors", readLinear({ status, headers, body: Buffer.from(JSON.stringify(said)) }))
    return ((said as { readonly data?: unknown } | null)?.data ?? {}) as Record<string, unknown>
  }
