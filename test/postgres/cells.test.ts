/** Organisations in two databases: what lies where, and what a server refuses that does not know a cell, or knows it wrongly. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { celledDirectory } from "../../adapters/postgres/cells/records.ts"
import * as CelledStores from "../../adapters/postgres/cells/stores.ts"
import * as PostgresCells from "../../adapters/postgres/cells.ts"
import * as PostgresDirectory from "../../adapters/postgres/directory.ts"
import * as PostgresNodes from "../../adapters/postgres/nodes.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { Journal } from "../../runtime/journal.ts"
import { Nodes } from "../../runtime/nodes.ts"
import { Parts } from "../../runtime/parts.ts"
import { otherCell, soundCell } from "../support/cells.ts"
import { far, message, near, server, until } from "../support/cells-hosting.ts"
import { emptyDatabase, migratedDatabase } from "../support/postgres.ts"

const litWithinMs = 15_000

describe("an organisation in a cell", () => {
  it.live("has all that is its own there, and nothing of it at home", () =>
    Effect.gen(function* () {
      const { router, directory, cells, services } = yield* server
      for (const lamp of [near, far]) {
        yield* router.ask(lamp, message("create", { type: "create" }))
        yield* router.ask(lamp, message("on", { type: "switchOn" }))
        yield* until("it is lit", router.look(lamp), (view) => view?.status === "lit", litWithinMs)
      }
      const countsIn = (name: string) =>
        Effect.promise(async () => {
          const { sql } = cells.all.find((cell) => cell.name === name)!.pools
          const [row] = await sql`select
            (select json_agg(distinct org) from actors) as actors, (select json_agg(distinct org) from journal) as journal,
            (select json_agg(distinct org) from timers) as timers, (select json_agg(id order by id) from organisations) as orgs`
          return row
        })
      const feeds = Context.get(services, Feeds)
      for (const lamp of [near, far]) {
        const page = yield* feeds.next({ org: lamp.org, id: lamp.home }, 0, 10)
        assert.isNotEmpty(page.events)
      }
      const only = (org: string) => ({ actors: [org], journal: [org], timers: [org] })
      assert.deepStrictEqual(yield* countsIn("home"), { ...only("org_near"), orgs: ["org_far", "org_near"] })
      assert.deepStrictEqual(yield* countsIn(otherCell), { ...only("org_far"), orgs: ["org_far"] })
      assert.deepStrictEqual(
        (yield* directory.organisations).map(({ id, cell }) => [id, cell]),
        [
          ["org_near", "home"],
          ["org_far", otherCell]
        ]
      )
    }).pipe(Effect.scoped)
  )

  it.live("is there once its home knows of it, though a server died when only its cell did", () =>
    Effect.gen(function* () {
      const { directory, cells } = yield* server
      const { sql } = cells.all[1]!.pools
      yield* Effect.promise(() => sql`insert into organisations (id, name, cell) values ('org_half', 'half', ${otherCell})`)
      assert.isFalse((yield* directory.organisations).some(({ id }) => id === "org_half"))
      const made = yield* directory.addOrganisation({ id: "org_half", name: "half", cell: otherCell })
      assert.deepInclude((yield* directory.organisations).at(-1), { id: made.id, cell: otherCell })
      const again = yield* Effect.flip(directory.addOrganisation({ id: "org_half", name: "half", cell: otherCell }))
      assert.strictEqual(again.reason, "conflict")
    }).pipe(Effect.scoped)
  )

  it.live("is refused where there is no such cell, and told which there are", () =>
    Effect.gen(function* () {
      const { directory } = yield* server
      const error = yield* Effect.flip(directory.addOrganisation({ id: "org_x", name: "x", cell: "moon" }))
      assert.deepInclude(error, { reason: "not-found", message: 'there is no cell "moon"; there are home, second' })
      assert.lengthOf(yield* directory.organisations, 2)
    }).pipe(Effect.scoped)
  )
})

describe("what a server does not know", () => {
  it.live("a cell that it was not told of is refused by its name, with and without others", () =>
    Effect.gen(function* () {
      const pools = yield* Effect.flatMap(migratedDatabase, (url) => connect(url))
      const { sql } = pools
      yield* Effect.promise(() => sql`insert into organisations (id, name, cell) values ('org_m', 'm', 'moon')`)
      const alone = PostgresDirectory.postgresDirectory(sql)
      yield* alone.addUser({ id: "usr_1", org: "org_m", name: "ada", email: "a@b", role: "owner" })
      const token = { id: "tok_1", org: "org_m", userId: "usr_1", name: "x", prefix: "plf", hash: "hash", expiresAtMs: null }
      yield* alone.addToken(token)
      const celled = celledDirectory(PostgresCells.spreadOver([soundCell("home", pools)], () => Effect.succeed("moon")))
      for (const asked of [alone.tokenByHash("hash"), celled.tokenByHash("hash"), celled.sessions("org_m", { limit: 1 })]) {
        const { reason, message } = yield* Effect.flip(asked as Effect.Effect<unknown, { reason: string; message: string }>)
        assert.strictEqual(reason, "unavailable")
        assert.match(message, /lives in the cell "moon", which this server does not know: add it to DATABASE_CELLS/)
      }
    }).pipe(Effect.scoped)
  )

  it.live("a database that is another cell, or another installation's, is not written to", () =>
    Effect.gen(function* () {
      const [homeUrl, cellUrl, strangerUrl] = [yield* migratedDatabase, yield* migratedDatabase, yield* migratedDatabase]
      const serverWith = (own: string, urls: Readonly<Record<string, string>>) =>
        Effect.map(
          Layer.build(
            PostgresCells.layer(new Map(Object.entries(urls))).pipe(Layer.provide(Layer.effect(Postgres, connect(own))))
          ),
          (services) => Context.get(services, PostgresCells.Cells)
        )
      const first = yield* serverWith(homeUrl, { eu: cellUrl })
      assert.isNull(first.all[1]!.trouble())

      const swapped = yield* serverWith(homeUrl, { us: cellUrl, own: homeUrl })
      assert.match(swapped.all[1]!.trouble()!.why, /its database is the cell eu: correct DATABASE_CELLS/)
      assert.match(swapped.all[2]!.trouble()!.why, /its database is the cell home: correct DATABASE_CELLS/)

      const { sql } = yield* connect(strangerUrl)
      yield* Effect.promise(async () => {
        await sql`insert into organisations (id, name) values ('org_s', 's')`
        await sql`insert into users (org, id, name, email, role) values ('org_s', 'usr_s', 's', 's@s', 'owner')`
      })
      const strange = yield* serverWith(homeUrl, { eu: cellUrl, them: strangerUrl })
      assert.match(strange.all[2]!.trouble()!.why, /its database has people of its own, so it is no cell/)
      const theirs = yield* serverWith(strangerUrl, { eu: cellUrl })
      assert.match(theirs.all[1]!.trouble()!.why, /its database is the cell eu, of another installation/)
      assert.lengthOf(yield* Effect.promise(() => sql`select from cell where name <> 'home'`), 0)
      // Nor are its commands anyone's but theirs.
      const division = yield* Effect.provide(
        Parts,
        CelledStores.layer.pipe(Layer.provide(Layer.succeed(PostgresCells.Cells, strange)))
      )
      const stores = division!.all.find(({ name }) => name === "them")!.stores
      assert.strictEqual((yield* Effect.flip(Context.get(stores, Journal).claim(1, 1_000))).reason, "unavailable")

      const home = yield* connect(homeUrl)
      yield* Effect.promise(() => home.sql`insert into organisations (id, name, cell) values ('org_e', 'e', 'eu')`)
      const emptyUrl = yield* emptyDatabase
      const moved = yield* serverWith(homeUrl, { eu: emptyUrl })
      assert.match(moved.all[1]!.trouble()!.why, /does not know that it is, though organisations live in this cell/)
      const empty = yield* connect(emptyUrl)
      assert.lengthOf(yield* Effect.promise(() => empty.sql`select from pg_tables where schemaname = 'public'`), 0)

      const wrongHome = yield* Effect.flip(serverWith(cellUrl, { us: homeUrl }))
      assert.match(wrongHome.message, /the database at DATABASE_URL is the cell eu/)
    }).pipe(Effect.scoped)
  )

  it.live("a database that becomes another under our hands is left alone within a second or two", () =>
    Effect.gen(function* () {
      const { cells } = yield* server
      const [, other] = cells.all
      yield* Effect.promise(() => other!.pools.sql`update cell set name = 'third'`)
      yield* until("it is left alone", Effect.flip(cells.find("org_far")), () => true, 4_500)
      assert.match(other!.trouble()!.why, /its database is the cell third/)
      yield* Effect.promise(() => other!.pools.sql`update cell set name = ${otherCell}`)
      yield* until("it is used again", cells.find("org_far"), () => true, 4_500)
    }).pipe(Effect.scoped)
  )

  it.live("that a database has cells beside it is known to servers that were not told, and begins while no other runs", () =>
    Effect.gen(function* () {
      const [pools, cellUrl] = [yield* Effect.flatMap(migratedDatabase, (url) => connect(url)), yield* migratedDatabase]
      const isHome = Effect.provideService(PostgresCells.isHome, Postgres, pools)
      const begin = Layer.build(PostgresCells.layer(new Map([["eu", cellUrl]]))).pipe(
        Effect.provideService(Postgres, pools),
        Effect.asVoid
      )
      assert.isFalse(yield* isHome)
      const node = { address: "127.0.0.1:1", runner: "{}", name: "ada's", sandboxHost: null }
      yield* Effect.provide(
        Nodes.use((nodes) => nodes.enter(node, true)),
        PostgresNodes.layer.pipe(Layer.provide(Layer.succeed(Postgres, pools)))
      )
      const { message: said } = yield* Effect.flip(begin)
      assert.match(said, /before DATABASE_CELLS is set for the first time all servers are stopped, and ada's runs/)
      assert.isFalse(yield* isHome)
      yield* Effect.promise(() => pools.sql`update cluster_nodes set until = 0`)
      yield* begin
      assert.isTrue(yield* isHome)
      yield* Effect.promise(() => pools.sql`update cluster_nodes set until = proliferate.now_ms() + 60000`)
      yield* begin
    }).pipe(Effect.scoped)
  )
})
