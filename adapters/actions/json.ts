/** JSON over HTTP for services that have no client library worth its weight. */
import { Declined, WireFailure } from "./failure.ts"

export interface JsonRequest {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE"
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

export const askJson = async (
  fetch: typeof globalThis.fetch,
  url: string,
  { method = "GET", headers = {}, body }: JsonRequest
) => {
  const answer = await fetch(url, {
    method,
    headers: { accept: "application/json", "user-agent": "proliferate", ...(body !== undefined && jsonBody), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) })
  })
  const text = await answer.text()
  if (!answer.ok) throw new Declined(`status ${answer.status}`)
  if (text === "") return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Whole: only who knows the secrets may cut it, where none is in half.
    throw new WireFailure(`no JSON: ${text}`)
  }
}

const jsonBody = { "content-type": "application/json" }

/** What the service says for itself, in whichever of these fields. */
export const saidIn = (body: Buffer, fields: ReadonlyArray<string>): string | undefined => {
  try {
    const said = JSON.parse(body.toString()) as Record<string, unknown>
    const words = fields.map((field) => said[field]).find((word) => word !== undefined && word !== null)
    return words === undefined ? undefined : typeof words === "string" ? words : JSON.stringify(words)
  } catch {
    return undefined
  }
}
