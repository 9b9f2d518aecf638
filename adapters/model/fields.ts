/**
 * Where the fields of a JSON object stand, found without building it: an object of 32 MB can take seconds and gigabytes by its shape
 * alone, which a sandbox could make the server spend; looking over its bytes takes tenths of a second and nothing. Strict about the
 * object itself; what is inside its values is for the endpoint to judge.
 */

export interface Field {
  readonly name: string
  /** Of its value: first byte, and the one behind its last. */
  readonly from: number
  readonly to: number
}

/** Of one object. A request has a dozen. */
const fieldsMax = 1_000
/** The names that anyone asks for are shorter, however they are escaped. */
const nameBytesMax = 200

const [quote, backslash, comma, colon] = [34, 92, 44, 58]
const [openBrace, closeBrace, openBracket, closeBracket] = [123, 125, 91, 93]

/** The quote that ends a string whose first character is at `from`, or -1. */
const endOfString = (bytes: Buffer, from: number): number => {
  let at = from
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
  return at < bytes.length ? at : -1
}

const isOfLiteral = (byte: number | undefined) =>
  byte !== undefined &&
  ((byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 122) || byte === 43 || byte === 45 || byte === 46 || byte === 69)

/** Behind the value that begins at `from`, or -1. */
const endOfValue = (bytes: Buffer, from: number): number => {
  const first = bytes[from]
  if (first === quote) return endOfString(bytes, from + 1) + 1 || -1
  if (first !== openBrace && first !== openBracket) {
    let at = from
    while (isOfLiteral(bytes[at])) at += 1
    return at === from ? -1 : at
  }
  let depth = 0
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === quote) {
      at = endOfString(bytes, at + 1)
      if (at === -1) return -1
    } else if (byte === openBrace || byte === openBracket) depth += 1
    else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1
      if (depth === 0) return at + 1
    }
  }
  return -1
}

const nameIn = (bytes: Buffer, from: number, to: number): string | null => {
  if (to - from > nameBytesMax) return ""
  try {
    return JSON.parse(bytes.toString("utf8", from, to))
  } catch {
    return null
  }
}

/** Null: this is no JSON object, or one of very many fields. */
export const fieldsOf = (bytes: Buffer): ReadonlyArray<Field> | null => {
  const fields: Array<Field> = []
  let at = 0
  const next = () => {
    while (bytes[at] === 32 || bytes[at] === 9 || bytes[at] === 10 || bytes[at] === 13) at += 1
    return bytes[at]
  }
  const rest = () => {
    at += 1
    return next() === undefined ? fields : null
  }

  if (next() !== openBrace) return null
  at += 1
  if (next() === closeBrace) return rest()
  while (fields.length < fieldsMax) {
    if (next() !== quote) return null
    const end = endOfString(bytes, at + 1)
    const name = end === -1 ? null : nameIn(bytes, at, end + 1)
    if (name === null) return null
    at = end + 1
    if (next() !== colon) return null
    at += 1
    next()
    const from = at
    at = endOfValue(bytes, from)
    if (at === -1) return null
    fields.push({ name, from, to: at })
    const byte = next()
    if (byte === closeBrace) return rest()
    if (byte !== comma) return null
    at += 1
  }
  return null
}
