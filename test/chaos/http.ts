/** One request as a client sends it: with a limit, and told apart by what may be sent again and what may not. */
const answerWithinMs = 6_000

export type Reply =
  | { readonly _tag: "Ok"; readonly status: number; readonly body: any }
  /** The server has decided. */
  | { readonly _tag: "Refused"; readonly status: number; readonly body: any }
  /** It may have been taken or not. */
  | { readonly _tag: "Silent"; readonly why: string }

export const request = async (
  url: string,
  token: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {}
): Promise<Reply> => {
  try {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(answerWithinMs)
    })
    const text = await response.text()
    const parsed = text === "" ? null : JSON.parse(text)
    if (response.ok) return { _tag: "Ok", status: response.status, body: parsed }
    if (response.status >= 500 || response.status === 429)
      return { _tag: "Silent", why: `${response.status} ${parsed?.detail ?? ""}` }
    return { _tag: "Refused", status: response.status, body: parsed }
  } catch (error) {
    return { _tag: "Silent", why: String((error as Error).message) }
  }
}
