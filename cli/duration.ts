/** How long, as people write it on a command line: 90s, 30m, 8h, 30d. */
import { Effect } from "effect"
import { type Failed, usage } from "./failure.ts"

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

export const durationMs = (flag: string, given: string): Effect.Effect<number, Failed> => {
  const [, count, unit] = /^(\d{1,7})\s*([smhd])$/.exec(given.trim()) ?? []
  return count === undefined
    ? Effect.fail(usage(`${flag} ${given} is no time`, "Such as 90s, 30m, 8h or 30d."))
    : Effect.succeed(Number(count) * units[unit!]!)
}
