/**
 * The router of several processes on one database. Effect Cluster says which node holds the shard of a home; there its actors are
 * the same as in one process (runtime/homes.ts).
 *
 *   R1  A home here is asked directly; another's owner over TCP, under the same promises. What has no owner at the moment (it died,
 *       it is leaving, it does not answer) is asked again for 20 s, under the id of its message, so it is taken once.
 *   R2  Homes stop before their shard is given up, and within a quarter of a second after it was lost.
 *   R3  Whoever comes to hold a shard activates what stands there.
 *   R4  Any node runs any command. Timers are fired where their home is; those that are late, by anyone.
 */

import { Effect, Layer, Schedule } from "effect"
import { EntityId, ShardId, Sharding } from "effect/cluster"
import type { ActorDefinition } from "../../runtime/actor.ts"
import type { Address } from "../../runtime/address.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { makeHomes } from "../../runtime/homes.ts"
import { Journal } from "../../runtime/journal.ts"
import { Nodes } from "../../runtime/nodes.ts"
import { type Deliver, runOutbox } from "../../runtime/outbox.ts"
import { type Answer, type AskError, Router, Unavailable } from "../../runtime/router.ts"
import { deliveryOf, runTimers } from "../../runtime/timers.ts"
import { unending } from "../../runtime/unending.ts"
import { Wakeup } from "../../runtime/wakeup.ts"
import { apart } from "./apart.ts"
import { leasesByNode, mirrorLeases } from "./leases.ts"
import * as limits from "./limits.ts"
import { isPass, passOf } from "./pass.ts"
import { type NodeOptions, nodeLayer } from "./runners.ts"
import type { LeaveShard } from "./storage.ts"
import { decode, encode, HomeEntity } from "./words.ts"

export interface ClusterOptions extends NodeOptions {
  /** Of all nodes the same; who does not know it is not heard. */
  readonly key: Uint8Array
}

const unreachable = () => new Unavailable({ reason: "unreachable", message: "the host of this actor does not answer; try again" })

const within = <A, E>(asked: Effect.Effect<A, E>, ms: number) => apart(asked, ms, unreachable)

const router = <R>(
  definitions: ReadonlyArray<ActorDefinition<R>>,
  { key, name }: ClusterOptions,
  leaving: { leave: LeaveShard }
) =>
  Effect.gen(function* () {
    const [nodes, coordination] = [yield* Nodes, yield* Coordination]
    const sharding = yield* Sharding.Sharding
    const clientOf = yield* HomeEntity.client
    const pass = passOf(key)
    let isDraining = false

    const entityOf = ({ org, home }: Pick<Address, "org" | "home">) => `${org}/${home}`
    const shardOf = (home: Pick<Address, "org" | "home">) => sharding.getShardId(EntityId.make(entityOf(home)), "default")
    const isHere = (home: Pick<Address, "org" | "home">) => sharding.hasShardId(shardOf(home))

    const attempt: Deliver = (address, delivery) =>
      isHere(address)
        ? homes.deliver(address, delivery)
        : (within(clientOf(entityOf(address)).deliver({ pass, address, delivery: encode(delivery) }), limits.tryMs).pipe(
            Effect.catchTags({
              MailboxFull: () => new Unavailable({ reason: "busy", message: "its host has too much to do; try again" }),
              EntityNotAssignedToRunner: unreachable,
              AlreadyProcessingMessage: unreachable,
              PersistenceError: unreachable
            })
          ) as Effect.Effect<Answer, AskError>)

    /** What may pass by itself: its owner changes. */
    const passes = (error: AskError) =>
      !isDraining && error._tag === "Unavailable" && (error.reason === "draining" || error.reason === "unreachable")
    const deliver: Deliver = (address, delivery) =>
      Effect.suspend(() => attempt(address, delivery)).pipe(
        Effect.retry({
          while: passes,
          schedule: Schedule.spaced(limits.sendAgainMs).pipe(Schedule.upTo({ duration: limits.patienceMs }))
        })
      )

    const homes = yield* makeHomes(definitions, deliver)
    const { versions } = homes
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isDraining = true
      })
    )

    leaving.leave = (shard) => homes.leave((home) => (shard === null ? !isHere(home) : shardOf(home).toString() === shard))

    const guarded = <A, E>(said: string, answer: Effect.Effect<A, E>): Effect.Effect<A, E | Unavailable> =>
      isPass(key, said)
        ? answer
        : Effect.fail(new Unavailable({ reason: "unreachable", message: "the node that asks has another key than this one" }))

    yield* Layer.build(
      HomeEntity.toLayer(
        HomeEntity.of({
          deliver: ({ payload: { pass: said, address, delivery } }) => guarded(said, homes.deliver(address, decode(delivery))),
          stands: ({ payload: { pass: said, address } }) =>
            guarded(
              said,
              Effect.sync(() => homes.stands(address))
            ),
          begin: ({ payload: { pass: said, address, how } }) =>
            guarded(said, how === "wake" ? homes.wake(address) : homes.restart(address))
        }),
        // One after another is what our own mailboxes are for, and a defect is our supervisor's.
        { concurrency: "unbounded", mailboxCapacity: 1_024, disableFatalDefects: true }
      )
    )

    const begin = (address: Address, how: "wake" | "restart") =>
      Effect.suspend(() =>
        isHere(address)
          ? homes[how](address)
          : Effect.ignore(within(clientOf(entityOf(address)).begin({ pass, address, how }), limits.tryMs))
      )

    // The shards that were held at the last look, and, for each lane, those whose homes were not begun there since.
    let held = new Set<string>()
    const beginners = homes.lanes.map((lane) => ({ lane, wakeup: new Wakeup(), fresh: new Set<string>() }))
    const sweep = Effect.gen(function* () {
      yield* homes.leave((home) => !isHere(home))
      const now = new Set<string>()
      for (let n = 1; n <= limits.shards; n++) {
        const shard = ShardId.make("default", n)
        if (sharding.hasShardId(shard)) now.add(shard.toString())
      }
      const gained = [...now].filter((shard) => !held.has(shard))
      held = now
      if (gained.length === 0) return
      for (const { fresh, wakeup } of beginners) {
        for (const shard of gained) fresh.add(shard)
        wakeup.wake()
      }
    })
    yield* Effect.forkScoped(unending("looking at shards", sweep, limits.sweepEveryMs))

    const beginFresh = (beginner: (typeof beginners)[number]) =>
      Effect.suspend(() => {
        const shards = new Set(beginner.fresh)
        if (shards.size === 0) return Effect.void
        beginner.fresh.clear()
        return beginner.lane
          .activateResidents((home) => isHere(home) && shards.has(shardOf(home).toString()))
          .pipe(
            // Again at the next look.
            Effect.catchTag("JournalError", () =>
              Effect.sync(() => {
                for (const shard of shards) beginner.fresh.add(shard)
              })
            )
          )
      })
    for (const beginner of beginners) {
      const { journal: part, outbox, onTaker, timers } = beginner.lane
      const loops = [
        unending("beginning homes", Effect.andThen(beginFresh(beginner), beginner.wakeup.within(limits.sweepEveryMs))),
        runOutbox({ definitions: homes.definitions, versions, deliver, wakeup: outbox, onTaker }),
        runTimers({
          versions,
          deliver,
          wakeup: timers,
          isOurs: (timer) => isHere(timer.address) || timer.inMs <= -limits.timerOthersMs
        })
      ]
      for (const loop of loops) yield* Effect.forkScoped(Effect.provideService(loop, Journal, part))
    }

    yield* Effect.forkScoped(mirrorLeases(name, () => homes.names().map(entityOf)))

    return Router.of({
      ask: deliver,
      look: homes.look,
      isAttended: (address) =>
        Effect.suspend(() =>
          isHere(address)
            ? Effect.succeed(homes.stands(address))
            : within(clientOf(entityOf(address)).stands({ pass, address }), limits.attendedMs)
        ).pipe(Effect.orElseSucceed(() => null)),
      tree: homes.tree,
      holder: (address) => Effect.orElseSucceed(nodes.holder(shardOf(address).toString()), () => null),
      nodes: Effect.gen(function* () {
        const seen = yield* Effect.orElseSucceed(nodes.all, () => [])
        const held = yield* Effect.provideService(leasesByNode, Coordination, coordination)
        return seen.map(({ name, address, goneForMs, shards }) => ({
          ...{ name, address, shards, isAlive: goneForMs === null },
          homes: goneForMs === null ? (held.get(name) ?? 0) : 0
        }))
      }),
      wake: (address) => begin(address, "wake"),
      fire: (timer) => deliver(timer.address, deliveryOf(timer)),
      hurry: homes.hurry,
      release: (address) => homes.release(address, (released) => begin(released, "restart")),
      drain: Effect.suspend(() => {
        isDraining = true
        return homes.drain
      })
    })
  })

export const clusterRouter = <R>(definitions: ReadonlyArray<ActorDefinition<R>>, options: ClusterOptions) =>
  Layer.unwrap(
    Effect.sync(() => {
      // The router is built upon the node, and the node asks the router to leave.
      const leaving: { leave: LeaveShard } = { leave: () => Effect.void }
      return Layer.effect(Router, router(definitions, options, leaving)).pipe(
        Layer.provide(nodeLayer(options, options.key, (shard) => leaving.leave(shard)))
      )
    })
  )
