/**
 * Ten million journal rows: what they cost an activation and a commit, beside an empty database of the same server.
 *
 *   ours    a database with 100,000 actors of 100 rows each
 *   theirs  one with the measured actors alone, of one row each
 *
 * Filled by the server itself, indexes built after. Not run unless it is asked for by name: filling takes minutes.
 */
import { type Context, Effect, Layer } from "effect"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { layer as postgresFeed } from "../../adapters/postgres/feed.ts"
import { layer as postgresJournal } from "../../adapters/postgres/journal.ts"
import { migrate } from "../../adapters/postgres/migrate.ts"
import { client, connect, Postgres } from "../../adapters/postgres/pool.ts"
import type { Address } from "../../runtime/address.ts"
import { Committer } from "../../runtime/committer.ts"
import { Inspector } from "../../runtime/inspection.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { Router } from "../../runtime/router.ts"
import { counterActor } from "./counter.ts"
import { scratch } from "./postgres.ts"
import { quantile, type Row, rowOf } from "./rows.ts"

const actors = 100_000
const rowsEach = 100
const [rounds, perRound, crowd] = [15, 250, 300]
/** None is asked in two rounds: it would be in memory by then. */
const measured = (rounds + 1) * (perRound + crowd)

const idOf = (n: number) => `ctr_${String(n).padStart(7, "0")}`
/** Spread over all that there are: a page of each index that nobody has read lately. */
const addressAt = (n: number, of: number): Address => {
  const id = idOf((n * 7_919) % of)
  return { org: "org_bench", kind: "counter", id, home: id }
}

const fill = (url: string, count: number, rows: number) =>
  Effect.promise(async () => {
    const sql = client(url, {
      max: 1,
      connection: { statement_timeout: 0, maintenance_work_mem: "256MB", synchronous_commit: "off" }
    })
    const ids = `select 'ctr_' || lpad(n::text, 7, '0') as id, n from generate_series(0, ${count - 1}) as n`
    await sql.unsafe("alter table journal drop constraint journal_pkey; drop index journal_message")
    await sql.unsafe(
      `insert into journal (org, kind, id, rev, machine_version, message_id, event, taken, effects, notices, by, cause, at)
       select 'org_bench', 'counter', id, r, 1, 'message:' || r, '{"type":"next"}', '["counter.even -next-> counter.odd"]', '[]', '[]',
         'usr_01kbench00000000000000000', null, 0 from generate_series(1, ${rows}) as r, (${ids}) s`
    )
    await sql.unsafe("alter table journal add primary key (id, kind, rev)")
    await sql.unsafe("create unique index journal_message on journal ((kind || '/' || id || '/' || message_id))")
    await sql.unsafe(
      `insert into actors (org, kind, id, home, rev, epoch, machine_version, status, snapshot, resident, updated_at, noticed, noticed_rev)
       select 'org_bench', 'counter', id, id, ${rows}, 1, 1, 'counting', '{"value":"even","context":{"count":1}}', false, 0, 0, ${rows} from (${ids}) s`
    )
    await sql.unsafe(
      `insert into timers (org, kind, id, timer, rev, due, event)
       select 'org_bench', 'counter', id, 'xstate.after.deadline.counter.even', ${rows}, 1e15::int8, '{}' from (${ids}) s`
    )
    await sql.unsafe(
      `insert into feed_heads (org, home, epoch, seq, first, sources)
       select 'org_bench', id, 1, 8, 1, jsonb_build_object('counter/' || id, ${rows * 1_000 + 1}) from (${ids}) s`
    )
    // Those written last are activated when a router starts; this one is known to none.
    await sql.unsafe(
      `insert into actors (org, kind, id, home, rev, epoch, machine_version, status, snapshot, resident, updated_at)
       values ('org_bench', 'none', 'newest', 'newest', 1, 1, 1, '', '{}', false, 1e13)`
    )
    await sql.unsafe("vacuum (analyze) journal").simple()
    await sql.unsafe("vacuum (analyze) actors").simple()
    await sql.unsafe("checkpoint").simple()
    await sql.end()
  })

const inDatabase = (url: string, onActivated: () => void) => {
  const stores = Layer.mergeAll(postgresJournal, postgresFeed).pipe(
    Layer.provideMerge(
      Layer.effect(
        Postgres,
        Effect.tap(connect(url), ({ sql }) => migrate(sql))
      )
    )
  )
  return localRouter([counterActor]).pipe(
    Layer.provideMerge(Layer.mergeAll(Committer.layer, localFeeds)),
    Layer.provideMerge(LocalCoordination.layer),
    Layer.provideMerge(stores),
    Layer.provide(Layer.succeed(Inspector, ({ type }) => type === "actor.activated" && onActivated()))
  )
}

export const benchRows = Effect.gen(function* () {
  const { url } = yield* startEmbedded({ dataDir: yield* scratch })
  const urlOf = (name: string) => url.replace(/\/[^/]*$/, `/${name}`)
  const admin = client(url, { max: 1 })
  for (const name of ["filled", "bare"]) {
    yield* Effect.promise(() => admin.unsafe(`create database ${name}`))
    yield* Effect.scoped(Effect.flatMap(connect(urlOf(name)), ({ sql }) => migrate(sql)))
  }
  yield* Effect.promise(() => admin.end())
  yield* fill(urlOf("filled"), actors, rowsEach)
  yield* fill(urlOf("bare"), measured, 1)

  const sides = yield* Effect.forEach(
    [
      { name: "filled", count: actors },
      { name: "bare", count: measured }
    ],
    Effect.fnUntraced(function* ({ name, count }) {
      let activatedAt = 0
      const services: Context.Context<Router> = yield* Layer.build(
        inDatabase(urlOf(name), () => {
          activatedAt = performance.now()
        })
      )
      let [used, asked] = [0, 0]
      const ask = (address: Address) =>
        Router.use((router) => router.ask(address, { id: `next:${++asked}`, event: { type: "next" }, by: null })).pipe(
          Effect.provideContext(services)
        )
      /** Milliseconds from the question to where it stands in memory, and of a commit after that. */
      const round = Effect.gen(function* () {
        const [activations, commits]: [Array<number>, Array<number>] = [[], []]
        for (let n = 0; n < perRound; n++) {
          const address = addressAt(used++, count)
          const askedAt = performance.now()
          yield* ask(address)
          activations.push(activatedAt - askedAt)
          const againAt = performance.now()
          yield* ask(address)
          commits.push(performance.now() - againAt)
        }
        const all = Array.from({ length: crowd }, () => addressAt(used++, count))
        yield* Effect.forEach(all, ask, { concurrency: "unbounded", discard: true })
        const startedAt = performance.now()
        const eight = (address: Address) =>
          Effect.forEach(
            Array.from({ length: 8 }, () => address),
            ask,
            { discard: true }
          )
        yield* Effect.forEach(all, eight, { concurrency: "unbounded", discard: true })
        const rate = (crowd * 8 * 1_000) / (performance.now() - startedAt)
        return { activation: quantile(activations, 0.5), commit: quantile(commits, 0.5), rate }
      })
      return { round, found: [] as Array<{ activation: number; commit: number; rate: number }> }
    })
  )
  for (let at = 0; at <= rounds; at++) {
    for (const { round, found } of at % 2 === 0 ? sides : sides.toReversed()) found.push(yield* round)
  }
  const [full, bare] = sides.map(({ found }) => found.slice(1))
  const row = (name: string, unit: "ms" | "per s", of: "activation" | "commit" | "rate"): Row =>
    rowOf(
      `${name}, ten million rows`,
      "an empty database",
      unit,
      full!.map((round) => round[of]),
      bare!.map((round) => round[of]),
      1 / 1.2
    )
  return [
    row("activation p50", "ms", "activation"),
    row("commit p50", "ms", "commit"),
    row("durable transitions 300", "per s", "rate")
  ]
})
