/** What the relay serves under `/model`, and what each dialect calls things: paths, keys, errors. */
import type { Dialect } from "../../actors/ports/models.ts"

export interface Route {
  readonly method: "GET" | "POST"
  /** Whose errors are answered. */
  readonly dialect: Dialect
  /** Below an upstream's URL; null: answered here. */
  readonly path: string | null
  /** It makes a model work, and is counted. */
  readonly isMetered: boolean
}

/** By path. */
export const routes: Readonly<Record<string, Route>> = {
  "/v1/chat/completions": { method: "POST", dialect: "chat", path: "/chat/completions", isMetered: true },
  "/v1/responses": { method: "POST", dialect: "responses", path: "/responses", isMetered: true },
  "/v1/messages": { method: "POST", dialect: "messages", path: "/messages", isMetered: true },
  "/v1/messages/count_tokens": { method: "POST", dialect: "messages", path: "/messages/count_tokens", isMetered: false },
  "/v1/models": { method: "GET", dialect: "chat", path: null, isMetered: false }
}

/** How the host says to an endpoint who it is. */
export const keyHeader = (dialect: Dialect, key: string): Readonly<Record<string, string>> =>
  dialect === "messages" ? { "x-api-key": key } : { authorization: `Bearer ${key}` }

/** The version that a client which names none means. */
export const anthropicVersion = "2023-06-01"

interface Words {
  readonly type: string
  readonly code: string | null
}

const openai: Readonly<Record<number, Words>> = {
  401: { type: "authentication_error", code: "invalid_api_key" },
  403: { type: "permission_error", code: null },
  404: { type: "invalid_request_error", code: "model_not_found" },
  413: { type: "invalid_request_error", code: "request_too_large" },
  429: { type: "rate_limit_error", code: "rate_limit_exceeded" },
  500: { type: "server_error", code: null },
  502: { type: "server_error", code: null },
  503: { type: "server_error", code: null },
  504: { type: "server_error", code: null }
}
const anthropic: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  502: "api_error",
  503: "overloaded_error",
  504: "timeout_error"
}

/** An error as clients of the dialect expect it. `isFinal`: asking again cannot help, which the makers' own clients heed. */
export const errorBody = (dialect: Dialect, status: number, message: string, isFinal: boolean): string => {
  if (dialect === "messages") {
    return JSON.stringify({ type: "error", error: { type: anthropic[status] ?? "invalid_request_error", message } })
  }
  const { type, code } = openai[status] ?? { type: "invalid_request_error", code: null }
  return JSON.stringify({
    error: { message, type, param: null, code: status === 429 && isFinal ? "insufficient_quota" : code }
  })
}
