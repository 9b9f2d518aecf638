/** What an effect carries of its call, so that it can be found: nothing that says which call of ours it was. */
import { createHash } from "node:crypto"

const digest = (key: string) => createHash("sha256").update(key).digest("hex")

export const markOf = (key: string): string => `proliferate:${digest(key).slice(0, 24)}`

/** Unseen in Markdown that is shown. */
export const hiddenMark = (key: string): string => `<!-- ${markOf(key)} -->`

/** A version 4 UUID, the same for the same key. */
export const uuidOf = (key: string): string => {
  const hex = digest(key)
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
