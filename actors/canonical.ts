/** One text for one value, whatever the order of its fields, and the hash that says two are the same. */
import { createHash } from "node:crypto"

export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner
  )

/** SHA-256 of the canonical text. */
export const hashOfValue = (value: unknown): string => createHash("sha256").update(canonical(value)).digest("hex")
