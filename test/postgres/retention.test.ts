/** Old rows: what goes and what stays, and that nothing is lost wherever a server is killed in the middle (D1 to D4). */
import { createHash } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as ArchiveFiles from "../../adapters/archive/files.ts"
import { postgresCalls } from "../../adapters/postgres/calls.ts"
import * as postgresFeed from "../../adapters/postgres/feed.ts"
import * as postgresJournal from "../../adapters/postgres/journal.ts"
import { Postgres } from "../../adapters/postgres/pool.ts"
import { postgresOldRows } from "../../adapters/postgres/retention.ts"
import { FeedStore } from "../../runtime/feed.ts"
import { Journal, type Transition } from "../../runtime/journal.ts"
import { Archive, batchRowsMax, type Kept, OldRows, Retention, RetentionError } from "../../runtime/retention.ts"
import { begun, commit, session, tags, transition } from "../contract/journal/world.ts"
import { testPostgres } from "../support/postgres.ts"

const day = 86_400_000
const policy = { journal: 90, feed: 30, commands: 30 }
const longMs = 60_000

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-archive-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

const clear = Postgres.use(({ sql }) =>
  Effect.promise(() =>
    sql.unsafe(`truncate actors, journal, commands, timers, claims, feed_heads, feed_chunks, archives, proliferate.fake_now;
      insert into proliferate.fake_now values (1700000000000)`)
  )
)
const passDays = (days: number) =>
  Postgres.use(({ sql }) => Effect.promise(() => sql`update proliferate.fake_now set now_ms = now_ms + ${days * day}`))

const count = (table: string) =>
  Postgres.use(({ sql }) =>
    Effect.map(
      Effect.promise(() => sql.unsafe(`select count(*)::int4 as n from ${table}`)),
      ([row]) => row!["n"]
    )
  )

/** What the archive holds, by its manifests alone. */
const archived = (directory: string, what: Kept): ReadonlyArray<Record<string, unknown>> => {
  const shelf = join(directory, what)
  const manifests = readdirSync(directory).includes(what) ? readdirSync(shelf).filter((name) => name.endsWith(".json")) : []
  return manifests.flatMap((name) => {
    const { file, rows, sha256 } = JSON.parse(readFileSync(join(shelf, name), "utf8"))
    const bytes = readFileSync(join(shelf, file))
    assert.strictEqual(createHash("sha256").update(bytes).digest("hex"), sha256)
    const lines = gunzipSync(bytes).toString("utf8").trim().split("\n")
    assert.strictEqual(lines.length, rows)
    return lines.map((line) => JSON.parse(line))
  })
}

const inDirectory = (directory: string, oldRows?: (rows: OldRows["Service"]) => OldRows["Service"]) =>
  Effect.gen(function* () {
    const postgres = yield* Postgres
    const rows = postgresOldRows(postgres)
    const ports = Layer.mergeAll(ArchiveFiles.layer(directory), Layer.succeed(OldRows, oldRows?.(rows) ?? rows))
    return yield* Retention.pipe(Effect.provide(Retention.layer(policy).pipe(Layer.provide(ports))))
  })

const event = (n: number) => ({
  source: "daemon/d1",
  sourceSeq: n,
  kind: "text",
  agent: null,
  parent: null,
  rev: null,
  at: n,
  body: { text: `event ${n}` }
})

const spoke = Effect.fnUntraced(function* (id: string, events: number) {
  const store = yield* FeedStore
  const home = { org: "org_1", id: `ses_${id}` }
  yield* store.append(
    home,
    yield* store.head(home),
    Array.from({ length: events }, (_, n) => event(n + 1))
  )
})

const waits: Partial<Transition> = { timers: new Map([["idle", { delayMs: 1, event: { type: "idle" } }]]) }
const stores = Layer.mergeAll(postgresJournal.layer, postgresFeed.layer)

layer(Layer.provideMerge(stores, testPostgres), { excludeTestServices: true })("old rows", (it) => {
  const story = (title: string, body: (directory: string) => Effect.Effect<void, unknown, Postgres | Journal | FeedStore>) =>
    it.effect(title, () => Effect.scoped(Effect.andThen(clear, Effect.flatMap(scratch, body))))

  story("go when their actor has been at rest for so many days, into files that say what they hold", (directory) =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const feed = yield* FeedStore
      yield* begun(session("a"), 3)
      yield* begun(session("b"), 2)
      yield* spoke("a", 7)
      const retention = yield* inDirectory(directory)
      yield* passDays(89)
      assert.deepStrictEqual(yield* retention.due("org_1"), { journal: 0, feed: 7, commands: 0 })
      assert.deepInclude(yield* retention.pass(longMs), { finished: true, rows: { journal: 0, feed: 1, commands: 0 } })
      assert.deepStrictEqual(yield* feed.read({ org: "org_1", id: "ses_a" }, 0, 10), [])
      assert.deepInclude(yield* feed.head({ org: "org_1", id: "ses_a" }), { seq: 7, first: 8, sources: { "daemon/d1": 7 } })

      yield* passDays(2)
      assert.deepStrictEqual(yield* retention.due("org_1"), { journal: 5, feed: 0, commands: 0 })
      assert.deepStrictEqual(yield* retention.due("org_2"), { journal: 0, feed: 0, commands: 0 })
      assert.deepInclude(yield* retention.pass(longMs), { finished: true, rows: { journal: 5, feed: 0, commands: 0 }, files: 1 })
      assert.deepStrictEqual(yield* journal.history(session("a"), 0, 10), [])
      assert.deepStrictEqual(
        archived(directory, "journal").map(({ id, rev, message_id, event }) => [id, rev, message_id, event]),
        [1, 2, 3]
          .map((n) => ["ses_a", n, `message ${n}`, { type: "next", n }])
          .concat([1, 2].map((n) => ["ses_b", n, `message ${n}`, { type: "next", n }]))
      )
      assert.strictEqual((archived(directory, "feed")[0]!["rows"] as Array<unknown>).length, 7)
      assert.deepStrictEqual(yield* retention.pass(longMs), {
        finished: true,
        rows: { journal: 0, feed: 0, commands: 0 },
        files: 0
      })

      // The actor is still there, goes on counting, and what it does now is kept for as long.
      assert.deepInclude(yield* journal.load(session("a")), { rev: 3 })
      assert.deepStrictEqual(tags(yield* commit(transition(session("a"), 3))), ["Won"])
      assert.strictEqual((yield* journal.history(session("a"), 0, 10)).length, 1)
      yield* passDays(91)
      assert.deepInclude(yield* retention.pass(longMs), { rows: { journal: 1, feed: 0, commands: 0 } })
    })
  )

  story("stay while their actor waits, stands, is set aside or has asked for something (D1)", (directory) =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("waits"), 2, waits)
      yield* begun(session("stands"), 2, { resident: true })
      yield* begun(session("asks"), 2, { commands: [{ name: "go", params: null }] })
      yield* begun(session("aside"), 2)
      yield* journal.quarantine(session("aside"), { reason: "crashes", event: null })
      for (const id of ["waits", "stands", "asks", "aside"]) yield* spoke(id, 1)
      yield* passDays(1_000)
      const retention = yield* inDirectory(directory)
      assert.deepStrictEqual(yield* retention.pass(longMs), {
        finished: true,
        rows: { journal: 0, feed: 0, commands: 0 },
        files: 0
      })
      assert.deepStrictEqual(yield* commit(transition(session("waits"), 2, { messageId: "message 1" })), [
        { _tag: "Duplicate", rev: 1 }
      ])
    })
  )

  story("of commands that were given up go as well, and hold back no one's journal", (directory) =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("a"), 1, { commands: [{ name: "go", params: { secret: null } }] })
      const [command] = yield* journal.claim(1, 1_000)
      yield* journal.bury(command!, "gave up")
      const retention = yield* inDirectory(directory)
      yield* passDays(31)
      assert.deepInclude(yield* retention.pass(longMs), { rows: { journal: 0, feed: 0, commands: 1 } })
      assert.deepInclude(archived(directory, "commands")[0], { key: "session:ses_a:1:0", error: "gave up" })
      yield* passDays(60)
      assert.deepInclude(yield* retention.pass(longMs), { rows: { journal: 1, feed: 0, commands: 0 } })
    })
  )

  story("of what was sent for a call go with the call, and then nothing is sent for it any more", (directory) =>
    Effect.gen(function* () {
      const postgres = yield* Postgres
      const calls = postgresCalls(postgres)
      yield* Effect.promise(() => postgres.sql`truncate dispatches`)
      const callOf = (id: string) => ({ ...session(id), kind: "approval", id: `apr_${id}` })
      yield* begun(callOf("a"), 2)
      yield* begun(callOf("b"), 1, waits)
      for (const key of ["apr_a:1", "apr_a:2", "apr_b:1"]) assert.isTrue(yield* calls.dispatch("org_1", key))
      const retention = yield* inDirectory(directory)
      yield* passDays(89)
      assert.deepInclude(yield* retention.pass(longMs), { rows: { journal: 0, feed: 0, commands: 0 } })
      assert.isFalse(yield* calls.dispatch("org_1", "apr_a:1"))

      yield* passDays(2)
      assert.deepInclude(yield* retention.pass(longMs), { finished: true, rows: { journal: 4, feed: 0, commands: 0 } })
      const lines = archived(directory, "journal")
      assert.deepStrictEqual(
        lines.map(({ rev, dispatched }) => rev ?? dispatched),
        [1, 2, "apr_a:1", "apr_a:2"]
      )
      assert.isNumber(lines[2]!["at"])
      assert.isNull(yield* calls.dispatchedAtMs("org_1", "apr_a:1"))
      assert.isNotNull(yield* calls.dispatchedAtMs("org_1", "apr_b:1"))
      // A run of it that slept for all that time does not win.
      for (const attempt of [1, 2, 3]) assert.isFalse(yield* calls.dispatch("org_1", `apr_a:${attempt}`))
      assert.isTrue(yield* calls.dispatch("org_1", "apr_b:2"))
    })
  )

  story("go in batches, each a file of its own", (directory) =>
    Effect.gen(function* () {
      const { sql } = yield* Postgres
      const each = batchRowsMax / 4
      yield* Effect.promise(
        () => sql`insert into actors select 'org_1', 'session', 'ses_' || n, 'ses_' || n, ${each}, 1, 1, 'stopped', '{}', false, null, 0
          from generate_series(1, 9) as n`
      )
      yield* Effect.promise(
        () => sql`insert into journal select 'org_1', 'session', 'ses_' || n, r, 1, 'm' || r, '{}', '[]', '[]', '[]', null, null, 0
          from generate_series(1, 9) as n, generate_series(1, ${each}) as r`
      )
      const retention = yield* inDirectory(directory)
      const passed = yield* retention.pass(longMs)
      assert.deepStrictEqual(passed, { finished: true, rows: { journal: 9 * each, feed: 0, commands: 0 }, files: 3 })
      assert.strictEqual(archived(directory, "journal").length, 9 * each)
      assert.strictEqual(yield* count("journal"), 0)
    })
  )

  const killed = new RetentionError({ reason: "database", message: "killed" })
  const ends: Readonly<Record<string, (rows: OldRows["Service"]) => OldRows["Service"]>> = {
    "before a row is read": (rows) => ({
      ...rows,
      rows: async function* () {
        throw killed
      }
    }),
    "in the middle of the file": (rows) => ({
      ...rows,
      rows: async function* (batch) {
        for await (const lines of rows.rows(batch)) {
          yield lines.slice(0, 1)
          throw killed
        }
      }
    }),
    "between the file and the drop": (rows) => ({ ...rows, drop: () => Effect.fail(killed) }),
    "after the drop": (rows) => ({ ...rows, drop: (...given) => Effect.andThen(rows.drop(...given), Effect.fail(killed)) })
  }
  for (const [moment, end] of Object.entries(ends)) {
    story(`are neither lost nor twice in the archive when a server ends ${moment} (D2)`, (directory) =>
      Effect.gen(function* () {
        yield* begun(session("a"), 3)
        yield* begun(session("b"), 2)
        yield* passDays(91)
        const first = yield* inDirectory(directory, end)
        assert.strictEqual((yield* Effect.flip(first.pass(longMs)))._tag, "RetentionError")
        assert.strictEqual((yield* count("journal")) + (moment === "after the drop" ? 5 : 0), 5)
        // More has become old meanwhile; the batch that was begun stays what it was.
        yield* begun(session("c"), 1)
        yield* passDays(91)
        const second = yield* inDirectory(directory)
        assert.isTrue((yield* second.pass(longMs)).finished)
        assert.strictEqual(yield* count("journal"), 0)
        const kept = archived(directory, "journal").map(({ id, rev }) => `${id} ${rev}`)
        assert.deepStrictEqual(kept.sort(), ["ses_a 1", "ses_a 2", "ses_a 3", "ses_b 1", "ses_b 2", "ses_c 1"])
      })
    )
  }

  story("are not dropped when they are not what was archived", (directory) =>
    Effect.gen(function* () {
      const { sql } = yield* Postgres
      yield* begun(session("a"), 3)
      yield* passDays(91)
      const rows = postgresOldRows(yield* Postgres)
      const archive = yield* Archive.pipe(Effect.provide(ArchiveFiles.layer(directory)))
      const { batch } = (yield* rows.begin("arc_1", "journal", 90 * day, null))!
      const written = yield* archive.write(batch, rows.rows(batch), 0)
      yield* Effect.promise(() => sql`delete from journal where rev = 2`)
      assert.isFalse(yield* rows.drop(batch, written))
      assert.strictEqual(yield* count("journal"), 2)
    })
  )

  story("are taken out by one server of several", (directory) =>
    Effect.gen(function* () {
      yield* begun(session("a"), 1)
      yield* passDays(91)
      const rows = postgresOldRows(yield* Postgres)
      const retention = yield* inDirectory(directory)
      const beside = yield* rows.alone(retention.pass(longMs))
      assert.deepInclude(beside, { finished: false, files: 0 })
      assert.deepInclude(yield* retention.pass(longMs), { finished: true, files: 1 })
    })
  )
})
