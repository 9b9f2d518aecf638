/** Organisations in two databases, one of which goes away: what that means for its own, and that it means nothing for the others. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { Directory } from "../../actors/ports/directory.ts"
import { Notices } from "../../actors/ports/notices.ts"
import * as CelledRecords from "../../adapters/postgres/cells/records.ts"
import { celledDirectory } from "../../adapters/postgres/cells/records.ts"
import * as CelledStores from "../../adapters/postgres/cells/stores.ts"
import * as PostgresCells from "../../adapters/postgres/cells.ts"
import * as PostgresDirectory from "../../adapters/postgres/directory.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { Committer } from "../../runtime/committer.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { Journal } from "../../runtime/journal.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { Router } from "../../runtime/router.ts"
import { otherCell } from "../support/cells.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"
import { emptyDatabase, migratedDatabase } from "../support/postgres.ts"
import { relayTo, serverOf, throughRelay } from "../support/relay.ts"

const awayWithinMs = 10_000
const backWithinMs = 15_000

/** Tries until it is so, as a client would. */
const until = <A, E>(what: string, ask: Effect.Effect<A, E>, isSo: (answer: A) => boolean, withinMs: number) =>
  ask.pipe(
    Effect.option,
    Effect.delay(50),
    Effect.repeat({ until: (answer) => answer._tag === "Some" && isSo(answer.value) }),
    Effect.timeoutOrElse({ duration: withinMs, orElse: () => Effect.die(new Error(`not within ${withinMs} ms: ${what}`)) })
  )

const home = Layer.effect(
  Postgres,
  Effect.flatMap(migratedDatabase, (url) => connect(url))
)

/** A server that hosts lamps; its second cell is behind a relay. */
const server = Effect.gen(function* () {
  const url = yield* emptyDatabase
  const relay = yield* relayTo(serverOf(url))
  const actor = lampActor()
  const tables = Layer.mergeAll(CelledRecords.layer, CelledStores.layer).pipe(
    Layer.provideMerge(PostgresCells.layer(new Map([[otherCell, throughRelay(url, relay)]]))),
    Layer.provideMerge(home)
  )
  const hosting = localRouter([actor]).pipe(
    Layer.provideMerge(Layer.mergeAll(Committer.layer, localFeeds)),
    Layer.provideMerge(LocalCoordination.layer),
    Layer.provideMerge(tables)
  )
  const services = yield* Layer.build(hosting)
  const directory = Context.get(services, Directory)
  yield* directory.addOrganisation({ id: "org_near", name: "near" })
  yield* directory.addOrganisation({ id: "org_far", name: "far", cell: otherCell })
  return {
    relay,
    services,
    directory,
    router: Context.get(services, Router),
    cells: Context.get(services, PostgresCells.Cells)
  }
})

const [near, second] = [lampAddress("lamp_near", "lamp_near", "org_near"), lampAddress("lamp_two", "lamp_two", "org_near")]
const far = lampAddress("lamp_far", "lamp_far", "org_far")
const message = (id: string, event: { readonly type: string; readonly [field: string]: unknown }) => ({ id, event, by: null })

describe("an organisation in a cell", () => {
  it.live("has all that is its own there, and nothing of it at home", () =>
    Effect.gen(function* () {
      const { router, directory, cells, services } = yield* server
      for (const lamp of [near, far]) {
        yield* router.ask(lamp, message("create", { type: "create" }))
        yield* router.ask(lamp, message("on", { type: "switchOn" }))
        yield* until("it is lit", router.look(lamp), (view) => view?.status === "lit", backWithinMs)
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

  it.live("is refused where there is no such cell, and told which there are", () =>
    Effect.gen(function* () {
      const { directory } = yield* server
      const error = yield* Effect.flip(directory.addOrganisation({ id: "org_x", name: "x", cell: "moon" }))
      assert.deepInclude(error, { reason: "not-found", message: 'there is no cell "moon"; there are home, second' })
      assert.lengthOf(yield* directory.organisations, 2)
    }).pipe(Effect.scoped)
  )
})

describe.concurrent("a cell that is away", () => {
  for (const how of ["gone", "held"] as const) {
    it.live(
      `(${how}) takes only its own organisations with it, and all of theirs goes on when it is back`,
      () =>
        Effect.gen(function* () {
          const { relay, router, cells, directory, services } = yield* server
          for (const lamp of [near, far]) yield* router.ask(lamp, message("create", { type: "create" }))
          yield* router.ask(far, message("before", { type: "say", text: "before" }))
          yield* relay.turn(how)

          // The other's commits, commands, timers and lists pass as if nothing were.
          const beganAt = performance.now()
          // More than are read at once of one database.
          const strangers = Array.from({ length: 12 }, (_, n) => lampAddress(`lamp_${n}`, `lamp_${n}`, "org_far"))
          for (const lamp of strangers) yield* Effect.forkChild(router.ask(lamp, message("create", { type: "create" })))
          yield* router.ask(second, message("create", { type: "create" }))
          for (let n = 0; n < 20; n++) yield* router.ask(near, message(`say-${n}`, { type: "say", text: `${n}` }))
          yield* router.ask(near, message("on", { type: "switchOn" }))
          yield* until("its command was done", router.look(near), (view) => view?.status === "lit", 4_000)
          yield* directory.sessions("org_near", { limit: 10 })
          assert.isBelow(performance.now() - beganAt, 4_500)

          const asked = yield* Effect.forkChild(router.ask(far, message("meanwhile", { type: "say", text: "meanwhile" })))
          yield* until("it is known to be away", cells.find("org_far").pipe(Effect.flip), () => true, awayWithinMs)
          const refused = yield* Effect.flip(directory.session("org_far", "ses_1"))
          assert.strictEqual(refused.reason, "unavailable")
          assert.match(refused.message, /the cell second, cannot be used at the moment/)
          assert.strictEqual(
            (yield* Effect.flip(directory.addOrganisation({ id: "org_y", name: "y", cell: otherCell }))).reason,
            "unavailable"
          )
          // What is asked of all cells is answered for those that are there.
          assert.deepStrictEqual(yield* directory.sessionsIn(["running"], { limit: 10, after: null }), [])
          assert.deepStrictEqual(yield* Context.get(services, Notices).claim(10, 1_000), [])
          yield* router.ask(near, message("late", { type: "say", text: "late" }))

          yield* relay.turn("through")
          yield* until("it is known to be back", cells.find("org_far"), () => true, backWithinMs)
          yield* Fiber.await(asked)
          // A repeat is taken once, whatever became of the first.
          yield* until(
            "it takes words again",
            router.ask(far, message("meanwhile", { type: "say", text: "meanwhile" })),
            () => true,
            backWithinMs
          )
          yield* router.ask(far, message("on", { type: "switchOn" }))
          yield* until("its command was done", router.look(far), (view) => view?.status === "lit", backWithinMs)
          const rows = yield* Context.get(services, Journal).history(far, 0, 100)
          assert.deepStrictEqual(
            rows.slice(0, 4).map(({ messageId }) => messageId),
            ["create", "before", "meanwhile", "on"]
          )
        }).pipe(Effect.scoped),
      90_000
    )
  }

  it.live("is no reason for a server not to start, and is prepared when it comes", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const relay = yield* relayTo(serverOf(url))
      yield* relay.turn("gone")
      const cells = yield* Effect.map(
        Layer.build(PostgresCells.layer(new Map([[otherCell, throughRelay(url, relay)]])).pipe(Layer.provide(home))),
        (services) => Context.get(services, PostgresCells.Cells)
      )
      const [, other] = cells.all
      assert.isNotNull(other!.trouble())
      yield* relay.turn("through")
      yield* Effect.timeout(other!.ready, backWithinMs)
      assert.isNull(other!.trouble())
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
      const celled = celledDirectory(
        PostgresCells.spreadOver([{ name: "home", pools, trouble: () => null, ready: Effect.void }], () => Effect.succeed("moon"))
      )
      for (const asked of [alone.tokenByHash("hash"), celled.tokenByHash("hash"), celled.sessions("org_m", { limit: 1 })]) {
        const { reason, message } = yield* Effect.flip(asked as Effect.Effect<unknown, { reason: string; message: string }>)
        assert.strictEqual(reason, "unavailable")
        assert.match(message, /lives in the cell "moon", which this server does not know: add it to DATABASE_CELLS/)
      }
    }).pipe(Effect.scoped)
  )

  it.live("a database that is another cell, or another installation's, is not written to", () =>
    Effect.gen(function* () {
      const [homeUrl, cellUrl, strangerUrl] = [yield* migratedDatabase, yield* emptyDatabase, yield* migratedDatabase]
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
      const wrongHome = yield* Effect.flip(serverWith(cellUrl, { us: homeUrl }))
      assert.match(wrongHome.message, /the database at DATABASE_URL is the cell eu/)
    }).pipe(Effect.scoped)
  )
})
