/**
 * What is shown of a value: redacted, and at most 10 KB of JSON that every journal can keep. Where it is too large each part of it
 * gives a little: long texts first, then long lists, then depth, and it says in place what is not there. The work is bounded by
 * what is shown, not by what was given; the value is not changed.
 */
import { storableText } from "../runtime/text.ts"
import { isSecretPair, isSensitive, mark, redactStart } from "./redaction.ts"

export const displayedBytesMax = 10_240

interface Level {
  readonly characters: number
  readonly items: number
  readonly fields: number
  readonly depth: number
}

/** The first that fits is taken. */
const levels: ReadonlyArray<Level> = [
  { characters: 8_000, items: 1_000, fields: 500, depth: 12 },
  { characters: 2_000, items: 200, fields: 100, depth: 10 },
  { characters: 500, items: 100, fields: 60, depth: 8 },
  { characters: 200, items: 50, fields: 40, depth: 7 },
  { characters: 100, items: 30, fields: 30, depth: 6 },
  { characters: 80, items: 15, fields: 25, depth: 5 },
  { characters: 60, items: 8, fields: 20, depth: 4 },
  { characters: 40, items: 4, fields: 12, depth: 3 },
  { characters: 30, items: 2, fields: 8, depth: 2 }
]
const nameCharactersMax = 100

export interface Displayed {
  readonly value: unknown
  readonly isCut: boolean
}

const counted = (count: number, one: string) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value)) + 2

/** The fields of an object that may be shown, and how many there are. Asked once: an object of a million takes its time. */
type FieldsOf = (value: object) => { readonly names: ReadonlyArray<string>; readonly count: number }

const makeFieldsOf = (): FieldsOf => {
  const known = new WeakMap<object, ReturnType<FieldsOf>>()
  return (value) => {
    const found = known.get(value)
    if (found !== undefined) return found
    const names = Object.keys(value)
    const fields = { names: names.slice(0, levels[0]!.fields), count: names.length }
    known.set(value, fields)
    return fields
  }
}

const within = (given: unknown, level: Level, secrets: ReadonlyArray<string>, fieldsOf: FieldsOf): Displayed | null => {
  let left = displayedBytesMax
  let isCut = false
  const take = (value: unknown) => {
    left -= bytesOf(value)
    return value
  }
  const cut = (what: string) => {
    isCut = true
    return take(`… ${what}`)
  }

  const text = (value: string, charactersMax = level.characters) => {
    const shown = storableText(redactStart(value, charactersMax, secrets))
    if (value.length <= charactersMax) return shown
    isCut = true
    return `${shown}… ${counted(value.length - charactersMax, "more character")}`
  }

  const list = (value: ReadonlyArray<unknown>, depth: number) => {
    const shown: Array<unknown> = []
    for (const item of value.slice(0, level.items)) {
      if (left < 0) break
      shown.push(show(item, depth + 1) ?? null)
    }
    if (value.length > level.items) shown.push(cut(counted(value.length - level.items, "more item")))
    return shown
  }

  const record = (value: object, depth: number) => {
    const { names, count } = fieldsOf(value)
    const fields = value as Readonly<Record<string, unknown>>
    const isPair = isSecretPair(fields)
    const shown: Record<string, unknown> = {}
    for (const name of names.slice(0, level.fields)) {
      if (left < 0) break
      const entry = fields[name]
      const isHidden = isSensitive(name, entry) || (isPair && name === "value")
      const told = isHidden && entry !== null && typeof entry !== "boolean" ? take(mark) : show(entry, depth + 1)
      if (told !== undefined)
        Object.defineProperty(shown, take(text(name, nameCharactersMax)) as string, { value: told, ...plain })
    }
    if (count > level.fields) shown["…"] = cut(counted(count - level.fields, "more field"))
    return shown
  }

  const show = (value: unknown, depth: number): unknown => {
    if (typeof value === "string") return take(text(value))
    if (value === null || typeof value === "boolean") return take(value)
    if (typeof value === "number") return take(Number.isFinite(value) ? value : String(value))
    if (typeof value === "bigint") return take(text(String(value)))
    if (typeof value !== "object") return undefined
    left -= 2
    if (value instanceof Date) return take(Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString())
    if (ArrayBuffer.isView(value)) return cut(counted(value.byteLength, "byte"))
    if (Array.isArray(value)) return depth < level.depth ? list(value, depth) : cut(`a list of ${counted(value.length, "item")}`)
    return depth < level.depth ? record(value, depth) : cut(`an object of ${counted(fieldsOf(value).count, "field")}`)
  }

  const shown = show(given, 0) ?? null
  return left < 0 ? null : { value: shown, isCut }
}

/** A field may be called `__proto__`. */
const plain = { enumerable: true, configurable: true, writable: true }

/** `secrets` are values that must not be seen wherever they stand. */
export const displayed = (value: unknown, secrets: ReadonlyArray<string> = []): Displayed => {
  const fieldsOf = makeFieldsOf()
  for (const level of levels) {
    const shown = within(value, level, secrets, fieldsOf)
    if (shown !== null) return shown
  }
  return { value: "… too large to be shown", isCut: true }
}

const isNotWhole = (shown: string): boolean =>
  shown.includes(mark) || shown.startsWith("… ") || /… [\d,]+ more characters?$/.test(shown) || shown.includes("\ufffd")

/**
 * Where something that was there is not in what is shown of it, by the keys that lead there; none: anywhere. A text that only looks
 * so counts as well.
 */
export const notShown = (shown: unknown): ReadonlyArray<ReadonlyArray<string>> => {
  if (typeof shown === "string") return isNotWhole(shown) ? [[]] : []
  if (typeof shown !== "object" || shown === null) return []
  if (Array.isArray(shown) && typeof shown.at(-1) === "string" && isNotWhole(shown.at(-1))) return [[]]
  const fields = Object.entries(shown)
  if (fields.some(([name]) => name === "…" || isNotWhole(name))) return [[]]
  return fields.flatMap(([name, value]) => notShown(value).map((keys) => [name, ...keys]))
}
