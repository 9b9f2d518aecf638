/** What the demo says at its end: a table of timings for people, one object for programs. */
import type { Paint } from "../output.ts"
import type { Heard } from "./watch.ts"

export interface Timings {
  readonly sandboxReady: number
  readonly agentReady: number
  readonly firstToken: number
  readonly pause: number
  readonly resume: number
  readonly gatewayHopP50: number
  readonly gatewayHopP99: number
}

export interface Result {
  readonly ok: boolean
  readonly sessionId: string
  readonly agent: string
  readonly isolation: string
  readonly turns: number
  readonly resumed: boolean
  readonly events: number
  readonly filesChanged: number
  readonly pushedCommit: string | null
  readonly testBefore: string
  readonly testAfter: string
  readonly timingsMs: Timings
}

const percentile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN

/** From the daemon's write to our receive, of what came live. One machine, one clock; it cannot come before it was written. */
export const hops = (heard: ReadonlyArray<Heard>): { readonly p50: number; readonly p99: number; readonly count: number } => {
  const times = heard
    .filter(({ event, isLive }) => isLive && event.source.startsWith("daemon"))
    .map(({ event, atMs }) => Math.max(0, atMs - event.at))
    .sort((a, b) => a - b)
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), count: times.length }
}

export const rounded = (timings: Timings): Timings =>
  Object.fromEntries(Object.entries(timings).map(([name, ms]) => [name, Math.round(ms * 100) / 100])) as unknown as Timings

const ms = (value: number): string =>
  value >= 1_000 ? `${(value / 1_000).toFixed(2)} s` : `${value.toFixed(value < 10 ? 2 : 0)} ms`

export const timingsTable = (timings: Timings, hopCount: number, paint: Paint): string => {
  const rows: ReadonlyArray<readonly [string, number, string]> = [
    ["sandbox ready", timings.sandboxReady, "from `sessions create`"],
    ["agent ready", timings.agentReady, "from `sessions create`, cloned and started"],
    ["first token", timings.firstToken, "from `sessions create` to the agent's first word here"],
    ["pause", timings.pause, "from the request to a saved snapshot and no sandbox"],
    ["resume", timings.resume, "from the request to an agent that takes prompts"],
    ["gateway hop p50", timings.gatewayHopP50, `from the daemon's write to this process, ${hopCount} events`],
    ["gateway hop p99", timings.gatewayHopP99, ""]
  ]
  return rows.map(([name, value, what]) => `  ${name.padEnd(16)} ${ms(value).padStart(9)}   ${paint("dim", what)}`).join("\n")
}
