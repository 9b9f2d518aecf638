/** GitHub's client library, as everything that speaks with GitHub here uses it, and how GitHub says no. */
import type { Octokit } from "@octokit/rest"
import type { Reading } from "../failure.ts"
import { saidIn } from "../json.ts"
import type { Answer } from "../wire.ts"

/** Where GitHub does not say when: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api */
const pauseMs = 60_000

/** GitHub asks for less by 403 as well as by 429, and says when in one of two headers. */
export const readGithub = ({ status, headers, body }: Answer): Reading => {
  const message = [saidIn(body, ["message"]), saidIn(body, ["errors"])].filter((words) => words !== undefined).join(": ")
  const isSpent = headers.get("x-ratelimit-remaining") === "0"
  const isLimited = status === 429 || (status === 403 && (isSpent || headers.has("retry-after") || /rate limit/i.test(message)))
  if (!isLimited) return { message }
  const resetAt = Number(headers.get("x-ratelimit-reset") ?? Number.NaN) * 1_000
  const untilReset = isSpent && Number.isFinite(resetAt) ? Math.max(0, resetAt - Date.now()) : pauseMs
  return { reason: "rate-limited", refused: true, message, ...(!headers.has("retry-after") && { retryAfterMs: untilReset }) }
}

export const service = { integration: "github", displayName: "GitHub", read: readGithub }

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export const octokitAt =
  (apiUrl: string) =>
  async (token: string, fetch: typeof globalThis.fetch): Promise<Octokit> => {
    const { Octokit } = await import("@octokit/rest")
    return new Octokit({ auth: token, baseUrl: apiUrl, userAgent: "proliferate", log: silent, request: { fetch } })
  }
