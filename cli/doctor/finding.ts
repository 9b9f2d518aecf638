/** One thing that a server needs or would like, as it was found on this machine. */

export interface Finding {
  readonly name: string
  /** `lack`: a server runs without it; `broken`: `npm start` could not work. */
  readonly state: "ok" | "lack" | "broken"
  /** What was found. */
  readonly found: string
  /** What the lack of it costs; null when nothing is lacking. */
  readonly cost: string | null
  /** A command that mends it, or what to change; null when nothing is to be done. */
  readonly fix: string | null
}

export const ok = (name: string, found: string): Finding => ({ name, state: "ok", found, cost: null, fix: null })
export const lack = (name: string, found: string, cost: string, fix: string | null): Finding => ({
  name,
  state: "lack",
  found,
  cost,
  fix
})
export const broken = (name: string, found: string, cost: string, fix: string | null): Finding => ({
  name,
  state: "broken",
  found,
  cost,
  fix
})
