/** What only a real server can do to the journal: end a connection under a lock, be absent, race, and plan badly. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule } from "effect"
import type postgres from "postgres"
import { commit as commitBatch } from "../../adapters/postgres/commit.ts"
import * as postgresJournal from "../../adapters/postgres/journal.ts"
import { client, Postgres } from "../../adapters/postgres/pool.ts"
import { Journal, type Transition } from "../../runtime/journal.ts"
import { begun, claim, commit, ensure, lend, reasonOf, reserve, session, tags, transition } from "../contract/journal/world.ts"
import { testPostgres } from "../support/postgres.ts"

const statement = readFileSync(join(import.meta.dirname, "../../sql/commit.sql"), "utf8")

/** The server process that waits for a lock to run the commit statement. */
const waiting = (sql: postgres.Sql) =>
  Effect.promise(
    () => sql<Array<{ readonly pid: number }>>`
    select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '-- commit.sql%'`
  ).pipe(
    Effect.repeat({
      until: (rows) => rows.length > 0,
      schedule: Schedule.spaced("5 millis").pipe(Schedule.upTo({ times: 1_000 }))
    }),
    Effect.map(([row]) => row!.pid)
  )

interface Plan {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Index Cond"?: string
  readonly "TID Cond"?: string
  readonly Plans?: ReadonlyArray<Plan>
}

const scansOf = (plan: Plan): ReadonlyArray<Plan> => [
  ...(plan["Node Type"].includes("Scan") ? [plan] : []),
  ...(plan.Plans ?? []).flatMap(scansOf)
]

layer(Layer.provideMerge(postgresJournal.layer, testPostgres), { excludeTestServices: true })("the journal in postgres", (it) => {
  it.effect("batches that take and make sure of one budget at once wait for each other, and never in a circle", () =>
    Effect.gen(function* () {
      const { sql } = yield* Postgres
      yield* begun(session("lender-2"), 1, { records: [lend("popular")] })
      const batchOf = (round: number, one: number) =>
        Array.from({ length: 16 }, (_, n) =>
          transition(session(`popular-${round}-${n}-${one}`), 0, {
            records: [n % 2 === 0 ? ensure("popular") : reserve("popular")]
          })
        )
      const took: Array<number> = []
      for (let round = 0; round < 20; round++) {
        const beganAt = performance.now()
        const verdicts = yield* Effect.promise(() =>
          Promise.all([1, 2, 3, 4].map((one) => commitBatch(sql, batchOf(round, one))))
        )
        took.push(performance.now() - beganAt)
        assert.deepStrictEqual(new Set(tags(verdicts.flat())), new Set(["Won"]))
      }
      const [row] = yield* Effect.promise(() => sql`select used::float8 from budgets where id = 'popular'`)
      assert.strictEqual(row?.["used"], 640)
      // A circle is found after a second.
      assert.isBelow(took.sort((a, b) => a - b)[10]!, 900)
    })
  )

  it.effect("does not know of a commit whose connection the server ended, and settles it by sending it again", () =>
    Effect.gen(function* () {
      const { sql } = yield* Postgres
      yield* begun(session("locked"))
      const batch = [transition(session("fresh"), 0), transition(session("locked"), 1)]
      const blocker = yield* Effect.promise(() => sql.reserve())
      yield* Effect.promise(() => blocker`begin`)
      yield* Effect.promise(() => blocker`select from actors where id = 'ses_locked' for update`)
      const inFlight = yield* Effect.forkChild(reasonOf(commit(...batch)), { startImmediately: true })
      const pid = yield* waiting(sql)
      yield* Effect.promise(() => sql`select pg_terminate_backend(${pid})`)
      assert.strictEqual(yield* Fiber.join(inFlight), "unknown")
      yield* Effect.promise(() => blocker`rollback`)
      blocker.release()
      assert.deepStrictEqual(tags(yield* commit(...batch)), ["Won", "Won"])
      assert.deepStrictEqual(yield* commit(...batch), [
        { _tag: "Duplicate", rev: 1 },
        { _tag: "Duplicate", rev: 2 }
      ])
    })
  )

  it.effect("says that nothing was written when no server answers", () =>
    Effect.gen(function* () {
      const nowhere = client("postgres://postgres@127.0.0.1:1/nowhere", { max: 1 })
      const journal = postgresJournal.postgresJournal({ sql: nowhere, committer: nowhere })
      assert.strictEqual(yield* reasonOf(journal.commit([transition(session("a"), 0)])), "unavailable")
      assert.strictEqual(yield* reasonOf(journal.load(session("a"))), "unavailable")
    })
  )

  it.effect(
    "takes uses of one budget for all of a batch in one statement; where there are too few, in the order of the batch",
    () =>
      Effect.gen(function* () {
        const { sql } = yield* Postgres
        yield* begun(session("lender"), 1, { records: [lend("plenty", 100), lend("scarce", 10)] })
        let statements = 0
        const counting = (of: { readonly unsafe: (...args: any) => any }) => ({
          unsafe: (...args: ReadonlyArray<unknown>) => {
            statements += 1
            return of.unsafe(...args)
          }
        })
        const watched = {
          ...counting(sql as never),
          begin: (run: (transaction: unknown) => Promise<unknown>) =>
            sql.begin((transaction) => run(counting(transaction as never)))
        } as unknown as postgres.Sql
        const takers = (budget: string, count: number) =>
          Array.from({ length: count }, (_, n) =>
            transition(session(`${budget}-${String(63 - n).padStart(2, "0")}`), 0, { records: [reserve(budget), ensure(budget)] })
          )
        const all = yield* Effect.promise(() => commitBatch(watched, takers("plenty", 64)))
        assert.deepStrictEqual([statements, new Set(tags(all))], [1, new Set(["Won"])])
        const some = yield* Effect.promise(() => commitBatch(watched, takers("scarce", 64)))
        assert.deepStrictEqual(tags(some), [...Array(10).fill("Won"), ...Array(54).fill("Rejected")])
        const used = yield* Effect.promise(
          () => sql`select id, used::float8 from budgets where id in ('plenty', 'scarce') order by id`
        )
        assert.deepStrictEqual(
          used.map(({ id, used }) => [id, used]),
          [
            ["plenty", 64],
            ["scarce", 10]
          ]
        )
        // What is lent is there for who comes after it in the same batch, whoever shares it.
        statements = 0
        const lending = transition(session("another"), 0, { records: [lend("fresh", 2), reserve("fresh")] })
        const mixed = yield* Effect.promise(() => commitBatch(watched, [lending, ...takers("fresh", 2)]))
        assert.deepStrictEqual(tags(mixed), ["Won", "Won", "Rejected"])
      })
  )

  it.effect("keeps nothing of a batch that names a claim twice when its second statement is refused", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const records = [claim("twice")]
      const bad = { records, event: { type: "next", text: "a\u0000b" } }
      assert.strictEqual(
        yield* reasonOf(commit(transition(session("w1"), 0, { records }), transition(session("w2"), 0, bad))),
        "refused"
      )
      assert.strictEqual(yield* journal.load(session("w1")), null)
    })
  )

  it.effect("two owners of the same actors who commit them in opposite orders both get their verdicts", () =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 32 }, (_, n) => `r${n}`)
      for (let base = 0; base < 6; base++) {
        const batchOf = (owner: string): ReadonlyArray<Transition> =>
          ids.map((id) => transition(session(id), base, { messageId: `${owner} ${base}`, records: [claim(`${base} ${id}`)] }))
        const [left, right] = yield* Effect.all([commit(...batchOf("left")), commit(...batchOf("right").toReversed())], {
          concurrency: "unbounded"
        })
        const pairs = ids.map((_, n) => [left![n]!._tag, right!.toReversed()[n]!._tag].sort().join())
        assert.deepStrictEqual(new Set(pairs), new Set(["Fenced,Won"]))
      }
    })
  )

  it.effect("probes every table by its key, even when the statement is planned before there is a row", () =>
    Effect.gen(function* () {
      const { sql, committer } = yield* Postgres
      yield* Effect.promise(() => sql`truncate actors, journal, commands, timers, claims, projections`)
      const explained = yield* Effect.promise(() =>
        committer.begin(async (tx) => {
          await tx.unsafe(`prepare commit_statement(text) as ${statement}`)
          const [row] = await tx.unsafe("explain (format json) execute commit_statement('[]')")
          await tx.unsafe("deallocate commit_statement")
          return row!["QUERY PLAN"][0].Plan as Plan
        })
      )
      const scans = scansOf(explained).filter((scan) => scan["Relation Name"] ?? scan["Node Type"] === "Bitmap Index Scan")
      const tables = new Set(scans.map((scan) => scan["Relation Name"]))
      for (const table of ["actors", "journal", "commands", "timers", "claims"]) assert.isTrue(tables.has(table), table)
      for (const scan of scans) {
        const isKeyed = /Index/.test(scan["Node Type"]) ? scan["Index Cond"] : scan["TID Cond"]
        // A bitmap's heap is read where its index, asked for above, points to.
        assert.isTrue(
          isKeyed !== undefined || scan["Node Type"] === "Bitmap Heap Scan",
          JSON.stringify({ ...scan, Plans: undefined })
        )
      }
    })
  )

  for (const [table, ask] of [
    ["commands", "select from proliferate.claim_commands(64, 1000, jsonb_build_object('session', 1), 64, '{}')"],
    ["timers", "select from proliferate.due_timers(0, 64, jsonb_build_object('session', 1))"]
  ] as const) {
    it.effect(`reads no more ${table} than it hands out, however many are due, on tables that no one has analyzed`, () =>
      Effect.gen(function* () {
        const { sql } = yield* Postgres
        yield* Effect.promise(() => sql`truncate actors, commands, timers`)
        yield* Effect.promise(
          () => sql`insert into actors select 'org_1', 'session', 'ses_' || n, 'ses_' || n, 1, 1, 1, 'running', '{}', false, null, 0
          from generate_series(1, 5000) as n`
        )
        yield* Effect.promise(
          () => sql`insert into commands (key, org, kind, id, rev, idx, name, params, due)
          select 'session:ses_' || n || ':1:0', 'org_1', 'session', 'ses_' || n, 1, 0, 'go', '{}', n from generate_series(1, 5000) as n`
        )
        yield* Effect.promise(
          () =>
            sql`insert into timers select 'org_1', 'session', 'ses_' || n, 'idle', 1, n, '{}' from generate_series(1, 5000) as n`
        )
        const [rows, read] = yield* Effect.promise(() =>
          sql.begin(async (tx) => {
            const { count } = await tx.unsafe(ask)
            const [seen] = await tx`
              select (seq_tup_read + idx_tup_fetch)::float8 as rows from pg_stat_xact_user_tables where relname = ${table}`
            return [count, seen!["rows"]]
          })
        )
        assert.strictEqual(rows, 64)
        // Chosen, locked, written; and one look at what comes after the only organisation.
        assert.isAtMost(read, 3 * 64 + 2)
      })
    )
  }
})
