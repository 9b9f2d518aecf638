/** Text of strangers, made fit to be stored and shown: no NUL, no half characters, no endless strings. */

/** PostgreSQL stores neither NUL nor half a surrogate pair in jsonb. */
export const clean = (text: string): string => (text.includes("\0") ? text.replaceAll("\0", "") : text).toWellFormed()

/** The first and the last part, with what is missing between them said. */
export const cutMiddle = (text: string, charactersMax: number): string => {
  if (text.length <= charactersMax) return text
  const half = Math.floor((charactersMax - 60) / 2)
  return `${text.slice(0, half)}\n… ${text.length - 2 * half} characters are not shown …\n${text.slice(-half)}`
}

export const cutEnd = (text: string, charactersMax: number): string =>
  text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`

/** A value as JSON would carry it, its strings and keys cleaned. */
export const cleanJson = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "null"
  // Only escapes can hold what `clean` removes; without one the walk is not worth its time.
  if (!/\\u(?:0000|d[89a-f])/i.test(text)) return text
  const walk = (node: unknown): unknown => {
    if (typeof node === "string") return clean(node)
    if (Array.isArray(node)) return node.map(walk)
    if (typeof node !== "object" || node === null) return node
    return Object.fromEntries(Object.entries(node).map(([key, child]) => [clean(key), walk(child)]))
  }
  return JSON.stringify(walk(JSON.parse(text)))
}

/** URLs may carry a password; messages must not. */
export const withoutPasswords = (text: string): string => text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s'"]*@/gi, "$1")
