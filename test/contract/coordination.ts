/** What every coordination promises (runtime/coordination.ts), told by two servers that share it. */
import { assert, layer } from "@effect/vitest"
import { Clock, Context, Effect, type Layer, Schedule, Scope } from "effect"
import type { Coordination, Entry } from "../../runtime/coordination.ts"
import { coordinationAskMs } from "../../runtime/limits.ts"
import type { RelayState } from "../support/relay.ts"

type Coordinated = Coordination["Service"]

export class CoordinationWorld extends Context.Service<
  CoordinationWorld,
  {
    readonly one: Coordinated
    readonly other: Coordinated
    /** Empties what they share. */
    readonly flush: Effect.Effect<void>
    /** What becomes of the connections of both to the server they share; null: they share a process. */
    readonly turn: ((state: RelayState) => Effect.Effect<void>) | null
  }
>()("proliferate/test/CoordinationWorld") {}

interface Suite {
  /** Whether there is a server that can be away. */
  readonly isShared: boolean
  readonly skip?: string | null
}

export const exerciseCoordination = (
  name: string,
  world: Layer.Layer<CoordinationWorld, unknown>,
  { isShared, skip = null }: Suite
) =>
  layer(world, { excludeTestServices: true })(`coordination: ${name}${skip === null ? "" : ` (${skip})`}`, (it) => {
    let keys = 0
    /** Every story has keys and rooms of its own. */
    const fresh = () => `story ${process.pid}/${++keys}`
    const slow = { burst: 3, perSecond: 0.001 }
    const minuteMs = 60_000

    const eventually = <A, R>(what: string, look: Effect.Effect<A, never, R>, holds: (found: A) => boolean) =>
      look.pipe(
        Effect.repeat({ until: holds, schedule: Schedule.spaced(10) }),
        Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.die(new Error(`not within 10 s: ${what}`)) })
      )
    /** A story begins when each sees the other, whatever the one before did to their server. */
    const sharing = ({ one, other }: CoordinationWorld["Service"]) => {
      const room = fresh()
      const meet = Effect.all([
        one.enter(room, ada, minuteMs),
        other.enter(room, bob, minuteMs),
        whoIn(one, room),
        whoIn(other, room)
      ])
      return eventually("both are there", meet, ([, , here, there]) => here.length === 2 && there.length === 2)
    }
    const story = (
      title: string,
      play: (world: CoordinationWorld["Service"]) => Effect.Effect<void, never, Scope.Scope>,
      needsServer = false
    ) => {
      if (needsServer && !isShared) return
      const played = CoordinationWorld.use((its) => Effect.andThen(sharing(its), play(its)))
      it.effect.skipIf(skip !== null)(title, () => Effect.scoped(played), 30_000)
    }
    const takes = (who: ReadonlyArray<Coordinated>, key: string, count: number, rate = slow) =>
      Effect.all(
        Array.from({ length: count }, (_, n) => who[n % who.length]!.take(key, rate)),
        { concurrency: "unbounded" }
      ).pipe(Effect.map((waits) => waits.filter((waitMs) => waitMs === 0).length))
    const whoIn = (there: Coordinated, room: string) => Effect.map(there.present(room), (all) => all.map(({ who }) => who))
    const ada: Entry = { who: "ada", says: "here" }
    const bob: Entry = { who: "bob", says: "there" }

    /** What is heard of words, and null for what may have been missed. */
    const listening = Effect.fnUntraced(function* (there: Coordinated) {
      const heard: Array<string | null> = []
      yield* there.subscribe("feed", (word) => heard.push(word))
      return heard
    })
    /** Says it until it is heard: one who has just begun to listen may miss the first. */
    const sayUntilHeard = (from: Coordinated, word: string, heard: ReadonlyArray<string | null>) =>
      eventually(`${word} is heard`, from.publish("feed", word), () => heard.includes(word))

    story("K2 of all that ask at once on both servers, as many are let through as the burst is large", ({ one, other }) =>
      Effect.gen(function* () {
        const key = fresh()
        assert.strictEqual(yield* takes([one, other], key, 20), 3)
        assert.strictEqual(yield* takes([other], key, 5), 0)
        assert.strictEqual(yield* takes([one], fresh(), 5), 3)
      })
    )

    story("K2 who is not let through is told when to come again, and is let through then", ({ one, other }) =>
      Effect.gen(function* () {
        const [key, rate] = [fresh(), { burst: 2, perSecond: 4 }]
        assert.strictEqual(yield* takes([one, other], key, 2, rate), 2)
        const waitMs = yield* one.take(key, rate)
        assert.isTrue(waitMs > 0 && waitMs <= 250, `${waitMs} ms`)
        const askedAt = yield* Clock.currentTimeMillis
        yield* eventually("taken", other.take(key, rate), (wait) => wait === 0)
        const waited = (yield* Clock.currentTimeMillis) - askedAt
        // Clocks of servers count whole milliseconds.
        assert.isAtLeast(waited, waitMs - 10)
        const long = yield* Effect.andThen(takes([one], `${key}/slow`, 3), one.take(`${key}/slow`, slow))
        assert.isTrue(long > 900_000 && long <= 1_000_000, `${long} ms`)
      })
    )

    story("K3 who enters a room is seen by all, with what it said last, until it leaves", ({ one, other }) =>
      Effect.gen(function* () {
        const room = fresh()
        assert.deepStrictEqual(yield* one.present(room), [])
        yield* other.enter(room, bob, minuteMs)
        yield* one.enter(room, ada, minuteMs)
        assert.deepStrictEqual(yield* one.present(room), [ada, bob])
        yield* one.enter(room, { who: "ada", says: "日本 🙂 'quoted'" }, minuteMs)
        assert.deepStrictEqual(yield* other.present(room), [{ who: "ada", says: "日本 🙂 'quoted'" }, bob])
        assert.deepStrictEqual(yield* one.present(fresh()), [])
        yield* one.leave(room, "ada")
        yield* one.leave(room, "nobody")
        assert.deepStrictEqual(yield* other.present(room), [bob])
        yield* other.leave(room, "bob")
        assert.deepStrictEqual(yield* one.present(room), [])
      })
    )

    story("K3 who does not say it again is gone when its time is over, and nobody else is", ({ one, other }) =>
      Effect.gen(function* () {
        const room = fresh()
        yield* one.enter(room, ada, 100)
        yield* one.enter(room, bob, minuteMs)
        yield* eventually("ada is gone", whoIn(other, room), (who) => !who.includes("ada"))
        assert.deepStrictEqual(yield* other.present(room), [bob])
        yield* one.enter(room, ada, 100)
        yield* one.enter(room, ada, minuteMs)
        yield* eventually(
          "another's time is over",
          Effect.andThen(one.enter(`${room}/x`, bob, 150), whoIn(one, `${room}/x`)),
          () => true
        )
        yield* eventually("another's time is over", whoIn(one, `${room}/x`), (who) => who.length === 0)
        assert.deepStrictEqual(yield* other.present(room), [ada, bob])
      })
    )

    story("a lease is taken away by nobody who does not hold it any more", ({ one, other }) =>
      Effect.gen(function* () {
        const actor = fresh()
        yield* one.enter("leases", { who: actor, says: "one" }, minuteMs)
        yield* other.enter("leases", { who: actor, says: "other" }, minuteMs)
        yield* one.leave("leases", actor, "one")
        const held = Effect.map(one.present("leases"), (all) => all.filter(({ who }) => who === actor))
        assert.deepStrictEqual(yield* held, [{ who: actor, says: "other" }])
        yield* other.leave("leases", actor, "other")
        assert.deepStrictEqual(yield* held, [])
      })
    )

    story(
      "K4 a word is heard by the other server, not by the one that says it, and by nobody who listens no more",
      ({ one, other }) =>
        Effect.gen(function* () {
          const own = yield* listening(one)
          const scope = Scope.makeUnsafe()
          const past = yield* Scope.provide(listening(other), scope)
          const heard = yield* listening(other)
          yield* sayUntilHeard(one, "first", heard)
          yield* sayUntilHeard(one, "first, too", past)
          yield* Scope.close(scope, yield* Effect.exit(Effect.void))
          const length = past.length
          yield* one.publish("watchers", "of something else")
          yield* sayUntilHeard(one, "w".repeat(1_000), heard)
          assert.notInclude(heard, "of something else")
          assert.strictEqual(past.length, length)
          assert.deepStrictEqual(own, [])
        })
    )

    story("K1 emptied in the middle, it begins anew: rates are full, rooms fill as it is said again", ({ one, other, flush }) =>
      Effect.gen(function* () {
        const [key, room] = [fresh(), fresh()]
        assert.strictEqual(yield* takes([one, other], key, 5), 3)
        yield* one.enter(room, ada, minuteMs)
        yield* flush
        assert.deepStrictEqual(yield* other.present(room), [])
        assert.strictEqual(yield* takes([one, other], key, 5), 3)
        yield* one.enter(room, ada, minuteMs)
        assert.deepStrictEqual(yield* other.present(room), [ada])
      })
    )

    story(
      "K1 K4 with its server gone each goes on alone; when it is back they share again, and are told that they may have missed words",
      ({ one, other, turn }) =>
        Effect.gen(function* () {
          const [key, room] = [fresh(), fresh()]
          const heard = yield* listening(other)
          yield* sayUntilHeard(one, "before", heard)
          yield* other.enter(room, bob, minuteMs)
          yield* turn!("gone")
          yield* one.enter(room, ada, minuteMs)
          yield* one.publish("feed", "to nobody")
          assert.deepStrictEqual(yield* one.present(room), [ada])
          assert.deepStrictEqual(yield* other.present(room), [bob])
          assert.strictEqual(yield* takes([one], key, 5), 3)
          assert.strictEqual(yield* takes([other], key, 5), 3)
          yield* turn!("through")
          yield* eventually(
            "said again",
            Effect.andThen(one.enter(room, ada, minuteMs), whoIn(other, room)),
            (who) => who.length === 2
          )
          yield* eventually("something may have been missed", Effect.void, () => heard.includes(null))
          yield* sayUntilHeard(one, "after", heard)
          yield* eventually("both ask it again", takes([one, other], fresh(), 12), (through) => through === 3)
        }),
      true
    )

    story(
      "K1 a server that does not answer costs a caller one wait, and the next ones nothing",
      ({ one, turn }) =>
        Effect.gen(function* () {
          const [key, room] = [fresh(), fresh()]
          yield* eventually("it answers", one.take(`${key}/warm`, slow), (waitMs) => waitMs > 0)
          yield* turn!("held")
          const beganAt = yield* Clock.currentTimeMillis
          assert.strictEqual(yield* takes([one], key, 1), 1)
          const firstMs = (yield* Clock.currentTimeMillis) - beganAt
          for (let n = 0; n < 20; n++) {
            yield* one.enter(room, ada, minuteMs)
            assert.deepStrictEqual(yield* one.present(room), [ada])
          }
          const allMs = (yield* Clock.currentTimeMillis) - beganAt
          assert.isAtLeast(firstMs, coordinationAskMs - 1)
          // Each on its own would have been 10 s.
          assert.isBelow(allMs, 12 * coordinationAskMs)
          yield* turn!("through")
          yield* eventually(
            "it answers again",
            Effect.andThen(one.enter(room, bob, minuteMs), whoIn(one, room)),
            (who) => who.length === 2
          )
        }),
      true
    )
  })
