/**
 * `npm run bench -- --model`: what so many sessions need, from what a transition, an append and a session in memory cost in this very
 * run, under the workload that is printed with it. What breaks first is named. It is arithmetic: what grows faster than by number is
 * not in it, and one database is taken to be as fast a processor as this one.
 */
import type { Costs } from "./costs.ts"
import { together } from "./costs.ts"

export const workload = {
  /** Of all sessions, those that work on a given day; and what each of these does. */
  activeShare: 0.2,
  transitionsPerActiveDay: 120,
  /** Ten minutes of a model that says 80 tokens a second. */
  tokensPerActiveDay: 50_000,
  /** Of all sessions, in memory at the busiest time. */
  residentShare: 0.1,
  /** The busiest second, in times of the mean. */
  peak: 3,
  journalDays: 90,
  feedDays: 30
} as const

/** Of a server's process: one thread that decides, and what a heap holds before it pauses for long. Of one database: a large one. */
export const limits = {
  serverCores: 1,
  serverHeapBytes: 2e9,
  connections: 500,
  cores: 16,
  walBytesPerS: 200e6,
  iops: 20_000,
  bytes: 8e12
}
/** What is planned for: beyond it a queue grows before anyone can act. */
const full = 0.6
/** adapters/postgres/pool.ts: ten for everything, four for commits; and one that watches a cell. To each database. */
const connectionsPerServer = 15
const dayS = 86_400

export interface Need {
  readonly sessions: number
  readonly transitionsPerS: number
  readonly appendsPerS: number
  readonly servers: number
  readonly connections: number
  readonly databaseCores: number
  readonly walBytesPerS: number
  readonly iops: number
  readonly databaseBytes: number
  /** Databases that hold it, each full to six tenths (DATABASE_CELLS). What every server has with each of them is not less for more. */
  readonly cells: number
  /** What one of them bears: from here on another is needed, and no organisation may be larger. */
  readonly sessionsPerCell: number
  readonly breaksFirst: string
}

export const needOf = (sessions: number, { transition, append, ...bytes }: Costs, residentBytes: number): Need => {
  const { activeShare, transitionsPerActiveDay, tokensPerActiveDay, residentShare, peak, journalDays, feedDays } = workload
  const transitionsPerSessionDay = activeShare * transitionsPerActiveDay
  const transitionsPerS = (sessions * transitionsPerSessionDay * peak) / dayS
  const appendsPerSessionDay = (activeShare * tokensPerActiveDay) / together
  const appendsPerS = (sessions * appendsPerSessionDay * peak) / dayS
  const total = (of: "serverMs" | "databaseMs" | "walBytes" | "pages") =>
    transitionsPerS * transition[of] + appendsPerS * append[of]
  const serverCores = total("serverMs") / 1_000
  const resident = sessions * residentShare * residentBytes
  const servers = Math.ceil(Math.max(serverCores / limits.serverCores, resident / limits.serverHeapBytes) / full)
  const need = {
    connections: servers * connectionsPerServer,
    databaseCores: total("databaseMs") / 1_000,
    walBytesPerS: total("walBytes"),
    // Pages of checkpoints, and a sync for each append and for each batch, of which four are under way in a server.
    iops: total("pages") + appendsPerS + transitionsPerS / 4,
    databaseBytes:
      sessions * bytes.sessionBytes +
      sessions * transitionsPerSessionDay * journalDays * bytes.journalRowBytes +
      sessions * appendsPerSessionDay * feedDays * bytes.appendBytes
  }
  const divided: ReadonlyArray<readonly [string, number]> = [
    ["processors of the database", need.databaseCores / limits.cores],
    ["WAL", need.walBytesPerS / limits.walBytesPerS],
    ["operations of the disk", need.iops / limits.iops],
    ["bytes of the database (fewer PROLIFERATE_FEED_DAYS, or more databases)", need.databaseBytes / limits.bytes]
  ]
  const highest = (shares: typeof divided) => shares.reduce((most, one) => (one[1] > most[1] ? one : most))
  const [, ofOne] = highest(divided)
  const [what, share] = highest([
    ...divided,
    ["connections (of each server to each database)", need.connections / limits.connections]
  ])
  return {
    sessions,
    transitionsPerS,
    appendsPerS,
    servers,
    ...need,
    cells: Math.ceil(ofOne / full),
    sessionsPerCell: Math.floor((sessions * full) / ofOne),
    breaksFirst: `${what}, at ${Math.round(share * 100)}% of one database`
  }
}

const short = (value: number): string =>
  value >= 1e12
    ? `${(value / 1e12).toFixed(1)} T`
    : value >= 1e9
      ? `${(value / 1e9).toFixed(1)} G`
      : value >= 1e6
        ? `${(value / 1e6).toFixed(1)} M`
        : value >= 1e4
          ? `${(value / 1e3).toFixed(0)} k`
          : value.toPrecision(3)

const columns: ReadonlyArray<readonly [string, (need: Need) => string]> = [
  ["sessions", ({ sessions }) => sessions.toLocaleString("en")],
  ["transitions/s", ({ transitionsPerS }) => short(transitionsPerS)],
  ["appends/s", ({ appendsPerS }) => short(appendsPerS)],
  ["servers", ({ servers }) => String(servers)],
  ["connections", ({ connections }) => String(connections)],
  ["db cores", ({ databaseCores }) => short(databaseCores)],
  ["WAL B/s", ({ walBytesPerS }) => short(walBytesPerS)],
  ["IOPS", ({ iops }) => short(iops)],
  ["db bytes", ({ databaseBytes }) => short(databaseBytes)],
  ["databases", ({ cells }) => String(cells)],
  ["breaks first", ({ breaksFirst }) => breaksFirst]
]

export const modelText = (costs: Costs, residentBytes: number, needs: ReadonlyArray<Need>): string => {
  const cells = [columns.map(([head]) => head), ...needs.map((need) => columns.map(([, of]) => of(need)))]
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)))
  const rows = cells.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join("  ")
      .trimEnd()
  )
  const cost = (name: string, { serverMs, databaseMs, walBytes, pages }: Costs["transition"]) =>
    `${name}: ${serverMs.toFixed(3)} ms of a server, ${databaseMs.toFixed(3)} ms of PostgreSQL, ${walBytes.toFixed(0)} B of WAL, ${pages.toFixed(2)} pages`
  return [
    cost("a transition", costs.transition),
    cost(`an append of ${together} tokens`, costs.append),
    `a session: ${costs.sessionBytes.toFixed(0)} B of rows, ${residentBytes.toFixed(0)} B in memory; a journal row ${costs.journalRowBytes.toFixed(0)} B, an append ${costs.appendBytes.toFixed(0)} B`,
    `workload: ${JSON.stringify(workload)}`,
    `one database: ${JSON.stringify(limits)}, filled to ${full * 100}%`,
    "",
    ...rows,
    "",
    ...needs
      .slice(-1)
      .map(
        ({ sessionsPerCell }) =>
          `one database bears ${sessionsPerCell.toLocaleString("en")} sessions: for more, cells by organisation (DATABASE_CELLS), and no organisation may be larger`
      )
  ].join("\n")
}
