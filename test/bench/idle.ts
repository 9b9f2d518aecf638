/**
 * What an idle session takes of the heap while it is hosted: supervisor, actor, mailbox, its feed, and the real snapshot, activated by
 * the router; beside it an xstate actor of the same machine, started from the same snapshot with its timers. The link of a session
 * to its sandbox is not in it. Then every session leaves memory, by the router's own passivation, and what is left is counted.
 * What is stored is the text of one session, read anew for each: a hundred thousand rows would take a minute and weigh the same.
 */
import { Clock, Effect, Layer } from "effect"
import { type Actor, createActor } from "xstate"
import { sessionActor } from "../../actors/session.ts"
import { sessionMachine } from "../../machines/session.ts"
import type { ActorDefinition } from "../../runtime/actor.ts"
import { Committer } from "../../runtime/committer.ts"
import { FeedStore } from "../../runtime/feed.ts"
import { Inspector } from "../../runtime/inspection.ts"
import { Journal, type Stored } from "../../runtime/journal.ts"
import { passivateAfterMs, passivateEveryMs } from "../../runtime/limits.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { Router } from "../../runtime/router.ts"
import { LeapingClock } from "./clock.ts"
import { type Row, rowOf } from "./rows.ts"
import { idleText, sessionAt } from "./session.ts"

/** As hosted, but for what its running state wants beside it. */
const alone: ActorDefinition = { ...(sessionActor as unknown as ActorDefinition), standing: () => [] }

const stored = (): Stored => ({
  ...{ rev: 5, epoch: 1, machineVersion: alone.version, status: "running", snapshot: JSON.parse(idleText), resident: false },
  ...{ timers: new Map([["xstate.after.idle", 5]]), quarantine: null, noticed: null, updatedAtMs: 0 }
})
const never = () => Effect.die(new Error("an idle session writes nothing"))
const oneStored = Layer.merge(
  Layer.succeed(
    Journal,
    Journal.of({
      load: () => Effect.sync(stored),
      seen: () => Effect.succeed({ at: null, rev: null }),
      history: () => Effect.succeed([]),
      find: () => Effect.succeed(null),
      residents: () => Effect.succeed([]),
      claim: () => Effect.succeed([]),
      dueTimers: () => Effect.succeed([]),
      reclaim: Effect.void,
      commit: never,
      renew: never,
      complete: never,
      retry: never,
      bury: never,
      quarantine: never,
      release: never
    })
  ),
  Layer.succeed(
    FeedStore,
    FeedStore.of({
      head: ({ id }) => Effect.sync(() => ({ epoch: 1, seq: 8, first: 1, sources: { [`session/${id}`]: 5_001 } })),
      append: never,
      read: () => Effect.succeed([]),
      trim: () => Effect.void
    })
  )
)

const heapBytes = async (): Promise<number> => {
  for (let n = 0; n < 3; n++) {
    globalThis.gc!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

const actorsBytes = async (count: number): Promise<number> => {
  const before = await heapBytes()
  const actors: Array<Actor<typeof sessionMachine>> = []
  for (let n = 0; n < count; n++) {
    const actor = createActor(sessionMachine, { snapshot: JSON.parse(idleText), input: undefined as never })
    actor.subscribe({ error: () => {} })
    actors.push(actor.start())
  }
  const bytes = ((await heapBytes()) - before) / count
  for (const actor of actors) actor.stop()
  return bytes
}

/** Per session: hosted, and after all of them have left memory. */
const hostedBytes = Effect.fnUntraced(function* (count: number) {
  const prefix = `idle${count}`
  const clock = new LeapingClock()
  let [activated, passivated] = [0, 0]
  const heard = Layer.succeed(Inspector, ({ type }) => {
    if (type === "actor.activated") activated += 1
    if (type === "home.passivated") passivated += 1
  })
  const until = (what: string, holds: () => boolean) =>
    Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 10))).pipe(
      Effect.repeat({ until: holds }),
      Effect.timeoutOrElse({
        duration: "120 seconds",
        orElse: () => Effect.die(new Error(`${what}: ${activated}, ${passivated}`))
      })
    )
  const measured = Effect.gen(function* () {
    const router = yield* Router
    const before = yield* Effect.promise(heapBytes)
    // A request that an idle session does not take brings it into memory and writes nothing.
    yield* Effect.forEach(
      Array.from({ length: count }, (_, n) => n),
      (n) => Effect.ignore(router.ask(sessionAt(prefix, n), { id: `wake:${n}`, event: { type: "interrupt" }, by: null })),
      { concurrency: 64, discard: true }
    )
    yield* until("all are in memory", () => activated >= count)
    const hosted = ((yield* Effect.promise(heapBytes)) - before) / count
    // Not all at one look: each one is counted from its last use on. The feeds forget twice as slowly.
    for (let look = 0; passivated < count || look < (2 * passivateAfterMs) / passivateEveryMs + 2; look++) {
      clock.leap(passivateEveryMs)
      yield* Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, count / 500)))
      if (look > 1_000) return yield* Effect.die(new Error(`only ${passivated} of ${count} left memory`))
    }
    return { hosted, passivated: ((yield* Effect.promise(heapBytes)) - before) / count }
  })
  return yield* measured.pipe(
    Effect.provide(
      localRouter([alone]).pipe(
        Layer.provide(Layer.mergeAll(Committer.layer, localFeeds).pipe(Layer.provide(LocalCoordination.layer))),
        Layer.provide(oneStored),
        Layer.provide(Layer.merge(heard, Layer.succeed(Clock.Clock, clock))),
        Layer.fresh
      )
    )
  )
})

export const benchIdle = Effect.fnUntraced(function* (count: number) {
  const xstate = yield* Effect.promise(() => actorsBytes(count))
  const { hosted, passivated } = yield* hostedBytes(count)
  return [
    rowOf(`idle session, ${count} hosted`, "an xstate actor", "bytes", [hosted], [xstate], null),
    rowOf(`idle session, ${count} hosted`, "8 KB, the goal", "bytes", [hosted], [8_192], 1),
    rowOf(`passivated session, of ${count}`, "an xstate actor", "bytes", [Math.max(1, passivated)], [xstate], null)
  ] satisfies ReadonlyArray<Row>
})
