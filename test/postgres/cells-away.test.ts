/** One of two databases goes away: what that means for its own organisations, and that it means nothing for the others. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { Notices } from "../../actors/ports/notices.ts"
import * as PostgresCells from "../../adapters/postgres/cells.ts"
import { Journal } from "../../runtime/journal.ts"
import { otherCell } from "../support/cells.ts"
import { far, home, message, near, second, server, until } from "../support/cells-hosting.ts"
import { lampAddress } from "../support/lamp.ts"
import { emptyDatabase } from "../support/postgres.ts"
import { relayTo, serverOf, throughRelay } from "../support/relay.ts"

const awayWithinMs = 10_000
const backWithinMs = 15_000

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
          assert.deepStrictEqual(yield* Context.get(services, Notices).claim(10, 1_000, []), [])
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
