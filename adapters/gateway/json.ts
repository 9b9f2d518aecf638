/** JSON as it comes from outside: UTF-8 or nothing, and an error that says where. */

const whitespace = /[ \t\n\r]*/y
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

/** The index at which `text` stops being the beginning of a JSON document. */
export const faultIn = (text: string): number => {
  let at = 0
  const open: Array<"]" | "}"> = []
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.test(text)
    if (found) at = pattern.lastIndex
    return found
  }
  const takeOne = (character: string): boolean => {
    take(whitespace)
    if (text[at] !== character) return false
    at += 1
    return true
  }
  const key = (): boolean => take(whitespace) && take(string) && takeOne(":")
  /** A value, or the beginning of one that holds others. No recursion: the text may nest as deep as it is long. */
  const value = (): boolean => {
    while (true) {
      const closes = takeOne("[") ? "]" : takeOne("{") ? "}" : null
      if (closes === null) return take(whitespace) && (take(string) || take(scalar))
      if (takeOne(closes)) return true
      open.push(closes)
      if (closes === "}" && !key()) return false
    }
  }
  if (!value()) return at
  while (open.length > 0) {
    const closes = open.at(-1)!
    if (takeOne(closes)) open.pop()
    else if (!(takeOne(",") && (closes === "]" || key()) && value())) return at
  }
  take(whitespace)
  return at
}

export type Parsed = { readonly value: unknown } | { readonly fault: string }

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export const parseText = (text: string): Parsed => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    const at = faultIn(text)
    if (at >= text.length) return { fault: "is not valid JSON: it ends too early" }
    const before = text.slice(0, at).split("\n")
    return { fault: `is not valid JSON at line ${before.length}, column ${before.at(-1)!.length + 1}` }
  }
}

export const parseBytes = (bytes: Uint8Array): Parsed => {
  try {
    return parseText(utf8.decode(bytes))
  } catch {
    return { fault: "is not UTF-8 text" }
  }
}
