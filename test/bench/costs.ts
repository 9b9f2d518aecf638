/** What one transition and one append to a feed cost, measured on this machine: processors, WAL, pages, bytes. For test/bench/model.ts. */
import { readdirSync, readFileSync } from "node:fs"
import { Effect } from "effect"
import type postgres from "postgres"
import { Postgres } from "../../adapters/postgres/pool.ts"
import { sessionMachine } from "../../machines/session.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { Router } from "../../runtime/router.ts"
import { eventOf } from "./feed-bytes.ts"
import { storeIdle } from "./session.ts"

const actors = 300
const transitionsEach = 40
const homes = 50
const appendsEach = 60
/** Tokens that are stored together: those of 100 ms. */
export const together = 8
const storedSessions = 5_000
const ticksPerS = 100

export interface Costs {
  /** Of each transition, and of each append to a feed. */
  readonly transition: Cost
  readonly append: Cost
  /** Rows of one session that stays: actor, timer, list, head of its feed. */
  readonly sessionBytes: number
  readonly journalRowBytes: number
  readonly appendBytes: number
}

export interface Cost {
  readonly serverMs: number
  readonly databaseMs: number
  readonly walBytes: number
  readonly pages: number
}

/** Milliseconds of processor that a process and all below it have used, dead children of the postmaster included. */
const cpuMsBelow = (root: number): number => {
  const stats = readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const fields = readFileSync(`/proc/${name}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ")
      const [ppid, ...ticks] = [1, 11, 12].map((at) => Number(fields[at]))
      return [{ pid: Number(name), ppid: ppid!, ms: (ticks.reduce((sum, tick) => sum + tick, 0) * 1_000) / ticksPerS }]
    } catch {
      return []
    }
  })
  const below = (pid: number): number =>
    stats.filter(({ ppid }) => ppid === pid).reduce((sum, child) => sum + child.ms + below(child.pid), 0)
  return (stats.find(({ pid }) => pid === root)?.ms ?? 0) + below(root)
}

const costOf = Effect.fnUntraced(function* <E, R>(
  sql: postgres.Sql,
  postmaster: number,
  times: number,
  work: Effect.Effect<void, E, R>
) {
  const look = Effect.promise(async () => {
    await sql`checkpoint`
    const [row] = await sql`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal,
      (select buffers_written::float8 from pg_stat_checkpointer) as pages`
    return { wal: row!["wal"] as number, pages: row!["pages"] as number }
  })
  const before = yield* look
  const [server, database] = [process.cpuUsage(), cpuMsBelow(postmaster)]
  yield* work
  const used = process.cpuUsage(server)
  const databaseMs = cpuMsBelow(postmaster) - database
  const after = yield* look
  const cost: Cost = {
    serverMs: (used.user + used.system) / 1_000 / times,
    databaseMs: databaseMs / times,
    walBytes: (after.wal - before.wal) / times,
    pages: (after.pages - before.pages) / times
  }
  return cost
})

export const costs = Effect.gen(function* () {
  const { sql } = yield* Postgres
  const [router, feeds] = [yield* Router, yield* Feeds]
  const one = (statement: string) =>
    Effect.map(
      Effect.promise(() => sql.unsafe(statement)),
      ([row]) => Number(row!["n"])
    )
  const bytes = (...tables: ReadonlyArray<string>) =>
    one(`select ${tables.map((table) => `pg_total_relation_size('${table}')`).join(" + ")} as n`)
  // The process that asks is a child of the postmaster.
  const backend = yield* one("select pg_backend_pid() as n")
  const postmaster = Number(
    readFileSync(`/proc/${backend}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ")[1]
  )

  const transitions = (round: string, each: number) =>
    Effect.forEach(
      Array.from({ length: actors }, (_, n) => ({
        org: "org_bench",
        kind: "counter",
        id: `${round}_${n}`,
        home: `${round}_${n}`
      })),
      (address) =>
        Effect.forEach(
          Array.from({ length: each }, (_, n) => n),
          (n) => router.ask(address, { id: `next:${n}`, event: { type: n === 0 ? "create" : "next" }, by: "usr_01kbench" }),
          { discard: true }
        ),
      { concurrency: "unbounded", discard: true }
    )
  const appends = (round: string, each: number) =>
    Effect.forEach(
      Array.from({ length: homes }, (_, n) => ({ org: "org_bench", id: `${round}_${n}` })),
      (home) =>
        Effect.forEach(
          Array.from({ length: each }, (_, n) => n * together),
          (from) =>
            feeds.publish(
              home,
              Array.from({ length: together }, (_, n) => eventOf(from + n + 1))
            ),
          { discard: true }
        ),
      { concurrency: "unbounded", discard: true }
    )
  yield* transitions("warm", 10)
  yield* appends("warm", 10)

  const [journalBefore, feedBefore] = [yield* bytes("journal"), yield* bytes("feed_chunks")]
  const transition = yield* costOf(sql, postmaster, actors * transitionsEach, transitions("cost", transitionsEach))
  const append = yield* costOf(sql, postmaster, homes * appendsEach, appends("cost", appendsEach))
  const journalRowBytes = ((yield* bytes("journal")) - journalBefore) / (actors * transitionsEach)
  const appendBytes = ((yield* bytes("feed_chunks")) - feedBefore) / (homes * appendsEach)
  const rowsBefore = yield* bytes("actors", "timers", "feed_heads")
  yield* storeIdle("model", storedSessions, Number(sessionMachine.version ?? 1))
  const sessionBytes = ((yield* bytes("actors", "timers", "feed_heads")) - rowsBefore) / storedSessions
  return { transition, append, sessionBytes, journalRowBytes, appendBytes } satisfies Costs
})
