/**
 * Text that every journal can keep: PostgreSQL's jsonb takes neither NUL nor half of a surrogate pair, and words of programs that
 * were cut somewhere hold both. Each is replaced by U+FFFD.
 */
import { reasonCharactersMax } from "./limits.ts"

const unstorable = /[\u0000\ud800-\udfff]/gu

export const storableText = (text: string): string => text.replace(unstorable, "\ufffd")

/** The same value if all of it can be stored, else one that can. */
export const storable = <A>(value: A): A => {
  const text = JSON.stringify(value)
  if (text === undefined) return value
  const clean = JSON.stringify(value, (_, part) =>
    typeof part === "string"
      ? storableText(part)
      : part !== null && typeof part === "object" && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).map(([key, entry]) => [storableText(key), entry]))
        : part
  )
  return clean === text ? value : JSON.parse(clean)
}

/** Why something failed, for people: one storable line or few. */
export const reasonOf = (error: unknown): string => {
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return storableText(words.slice(0, reasonCharactersMax))
}
