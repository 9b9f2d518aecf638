/** A server of lamps on two databases, an organisation in each; the second is behind a relay. */
import { Context, Effect, Layer } from "effect"
import { Directory } from "../../actors/ports/directory.ts"
import * as CelledRecords from "../../adapters/postgres/cells/records.ts"
import * as CelledStores from "../../adapters/postgres/cells/stores.ts"
import * as PostgresCells from "../../adapters/postgres/cells.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { Committer } from "../../runtime/committer.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { Router } from "../../runtime/router.ts"
import { otherCell } from "./cells.ts"
import { lampActor, lampAddress } from "./lamp.ts"
import { migratedDatabase } from "./postgres.ts"
import { relayTo, serverOf, throughRelay } from "./relay.ts"

/** Tries until it is so, as a client would. */
export const until = <A, E>(what: string, ask: Effect.Effect<A, E>, isSo: (answer: A) => boolean, withinMs: number) =>
  ask.pipe(
    Effect.option,
    Effect.delay(50),
    Effect.repeat({ until: (answer) => answer._tag === "Some" && isSo(answer.value) }),
    Effect.timeoutOrElse({ duration: withinMs, orElse: () => Effect.die(new Error(`not within ${withinMs} ms: ${what}`)) })
  )

export const home = Layer.effect(
  Postgres,
  Effect.flatMap(migratedDatabase, (url) => connect(url))
)

/** A server that hosts lamps; its second cell is behind a relay. */
export const server = Effect.gen(function* () {
  const url = yield* migratedDatabase
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

export const [near, second] = [lampAddress("lamp_near", "lamp_near", "org_near"), lampAddress("lamp_two", "lamp_two", "org_near")]
export const far = lampAddress("lamp_far", "lamp_far", "org_far")
export const message = (id: string, event: { readonly type: string; readonly [field: string]: unknown }) => ({
  id,
  event,
  by: null
})
