/**
 * The router of one process: all homes are here (homes.ts), and so are the outbox and the timers of all, of each part of the
 * journal by themselves.
 *
 * A start activates every actor that was stored as resident, so that links are held again, and those that were written last, so
 * that their watchers lack nothing.
 */

import { Effect, Layer } from "effect"
import type { ActorDefinition } from "./actor.ts"
import { makeHomes } from "./homes.ts"
import { Journal } from "./journal.ts"
import { runOutbox } from "./outbox.ts"
import { Router } from "./router.ts"
import { deliveryOf, runTimers } from "./timers.ts"
import { untilDone } from "./unending.ts"

export const localRouter = <R>(definitions: ReadonlyArray<ActorDefinition<R>>) =>
  Layer.effect(
    Router,
    Effect.gen(function* () {
      const homes = yield* makeHomes(definitions)
      const { deliver, versions } = homes

      for (const lane of homes.lanes) {
        const residents = lane.activateResidents(() => true)
        const { onTaker } = lane
        const outbox = runOutbox({ definitions: homes.definitions, versions, deliver, wakeup: lane.outbox, onTaker })
        const timers = runTimers({ versions, deliver, wakeup: lane.timers })
        yield* Effect.forkScoped(untilDone("beginning what stands", residents))
        yield* Effect.forkScoped(Effect.provideService(outbox, Journal, lane.journal))
        yield* Effect.forkScoped(Effect.provideService(timers, Journal, lane.journal))
      }

      return Router.of({
        ask: deliver,
        look: homes.look,
        isAttended: (address) => Effect.sync(() => homes.stands(address)),
        tree: homes.tree,
        holder: () => Effect.succeed(null),
        nodes: Effect.succeed([]),
        wake: homes.wake,
        fire: (timer) => deliver(timer.address, deliveryOf(timer)),
        hurry: homes.hurry,
        release: (address) => homes.release(address, homes.restart),
        drain: homes.drain
      })
    })
  )
