/**
 * What a rule or a grant may say of the arguments of a call. Pure.
 *
 *   T1  A constraint holds only for a value that is there and of its type: what is missing, or is of another type, never fits.
 *   T2  A path walks through what a JSON document holds itself: no prototype, no `length`, no character of a string.
 *   T3  `implies` errs to one side: where it says yes, every document that fits the one fits the other.
 */
import { Schema } from "effect"

export const Constraint = Schema.Struct({
  /** Keys and indices joined by dots, such as `labels.0`; a dot or a backslash of a key has a backslash before it. */
  path: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200)),
  op: Schema.Literals(["equals", "prefix", "oneOf", "atMost", "atLeast"]),
  /** Any JSON for `equals`, a list of such for `oneOf`, a text for `prefix`, a number for the bounds. */
  value: Schema.Json
})
export type Constraint = typeof Constraint.Type

const keysByPath = new Map<string, ReadonlyArray<string>>()
/** More paths than people write; beyond, they are taken apart each time. */
const pathsKnownMax = 10_000

const apart = (path: string): ReadonlyArray<string> => {
  const keys: Array<string> = []
  let key = ""
  for (let at = 0; at < path.length; at++) {
    if (path[at] === ".") {
      keys.push(key)
      key = ""
    } else key += path[at] === "\\" ? (path[++at] ?? "") : path[at]
  }
  return [...keys, key]
}

export const keysOf = (path: string): ReadonlyArray<string> => {
  const known = keysByPath.get(path)
  if (known !== undefined) return known
  const keys = apart(path)
  if (keysByPath.size < pathsKnownMax) keysByPath.set(path, keys)
  return keys
}

/** A path to one key, whatever characters that has. */
export const pathTo = (key: string): string => key.replace(/[.\\]/g, "\\$&")

const isIndex = /^(?:0|[1-9]\d*)$/

/** Undefined: there is no such value. JSON has no `undefined` of its own. */
export const valueAt = (document: unknown, keys: ReadonlyArray<string>): unknown => {
  let value = document
  for (const key of keys) {
    if (typeof value !== "object" || value === null) return undefined
    if (Array.isArray(value) ? !isIndex.test(key) : !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

export const isSameJson = (one: unknown, other: unknown): boolean => {
  if (one === other) return one !== undefined
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false
  if (Array.isArray(one) || Array.isArray(other))
    return (
      Array.isArray(one) &&
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((each, at) => isSameJson(each, other[at]))
    )
  const keys = Object.keys(one)
  return (
    keys.length === Object.keys(other).length &&
    keys.every(
      (key) =>
        Object.hasOwn(other, key) && isSameJson((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key])
    )
  )
}

/** Of a constraint, what it says of the value at its path. */
export const fitsValue = (op: Constraint["op"], said: unknown, value: unknown): boolean => {
  if (value === undefined) return false
  switch (op) {
    case "equals":
      return isSameJson(value, said)
    case "oneOf":
      return Array.isArray(said) && said.some((each) => isSameJson(value, each))
    case "prefix":
      return typeof said === "string" && typeof value === "string" && value.startsWith(said)
    case "atMost":
      return typeof said === "number" && typeof value === "number" && value <= said
    case "atLeast":
      return typeof said === "number" && typeof value === "number" && value >= said
    default:
      return false
  }
}

export const fits = ({ path, op, value }: Constraint, document: unknown): boolean =>
  fitsValue(op, value, valueAt(document, keysOf(path)))

export const fitsAll = (constraints: ReadonlyArray<Constraint>, document: unknown): boolean => {
  for (const constraint of constraints) if (!fits(constraint, document)) return false
  return true
}

/** The values that it allows, where they can be counted. */
const valuesOf = ({ op, value }: Constraint): ReadonlyArray<unknown> | null => {
  if (op === "equals") return [value]
  return op === "oneOf" ? (Array.isArray(value) ? value : []) : null
}

const wants = { equals: null, oneOf: null, prefix: "string", atMost: "number", atLeast: "number" } as const

export const implies = (narrow: Constraint, wide: Constraint): boolean => {
  const type = wants[narrow.op]
  // It fits nothing at all.
  if (type !== null && typeof narrow.value !== type) return true
  const [above, below] = [keysOf(narrow.path), keysOf(wide.path)]
  if (above.length > below.length || above.some((key, at) => key !== below[at])) return false
  const values = valuesOf(narrow)
  if (values !== null) return values.every((value) => fitsValue(wide.op, wide.value, valueAt(value, below.slice(above.length))))
  if (above.length !== below.length || narrow.op !== wide.op || typeof wide.value !== type) return false
  if (narrow.op === "prefix") return (narrow.value as string).startsWith(wide.value as string)
  return narrow.op === "atMost"
    ? (narrow.value as number) <= (wide.value as number)
    : (narrow.value as number) >= (wide.value as number)
}

const words = { equals: "is", prefix: "begins with", oneOf: "is one of", atMost: "is at most", atLeast: "is at least" } as const

/** For people: what they said themselves, never what a call brought. */
export const constraintText = ({ path, op, value }: Constraint): string => `${path} ${words[op]} ${JSON.stringify(value)}`

export const constraintsText = (constraints: ReadonlyArray<Constraint>): string => constraints.map(constraintText).join(" and ")
