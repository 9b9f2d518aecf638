/** Who watches a session is one list on all servers that share a coordination. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FiberSet, Scope } from "effect"
import { TestClock } from "effect/testing"
import { watchersAgainMs, watchersForMs } from "../../adapters/gateway/limits.ts"
import { makePresence } from "../../adapters/gateway/presence.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { localCoordination, Table } from "../../runtime/local-coordination.ts"

const session = "org_1/ses_1"

const serverOn = Effect.fnUntraced(function* (table: Table) {
  const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())()
  return yield* Effect.provideService(makePresence(fork), Coordination, localCoordination(table))
})

/** A watcher, and the lists that it was told. */
const watcher = (user: string | null) => {
  const told: Array<Record<string, number>> = []
  const tell = (frame: Uint8Array) => {
    const { watchers } = JSON.parse(Buffer.from(frame).toString()) as { watchers: Array<{ user: string; sockets: number }> }
    told.push(Object.fromEntries(watchers.map(({ user: name, sockets }) => [name, sockets])))
  }
  return { user, tell, told }
}
const moment = TestClock.adjust(200)

describe("who watches a session", () => {
  it.effect("is told to all who watch it, whichever server they came to, and so is who leaves", () =>
    Effect.gen(function* () {
      const table = new Table()
      const [one, other] = [yield* serverOn(table), yield* serverOn(table)]
      const [ada, bob, again] = [watcher("ada"), watcher("bob"), watcher("ada")]
      one.join(session, ada)
      yield* moment
      assert.deepStrictEqual(ada.told, [{ ada: 1 }])
      const leave = other.join(session, bob)
      yield* moment
      assert.deepStrictEqual(ada.told.at(-1), { ada: 1, bob: 1 })
      assert.deepStrictEqual(bob.told, [{ bob: 1, ada: 1 }])
      const leaveAgain = other.join(session, again)
      yield* moment
      assert.deepStrictEqual(ada.told.at(-1), { ada: 2, bob: 1 })
      leave()
      leaveAgain()
      yield* moment
      assert.deepStrictEqual(ada.told.at(-1), { ada: 1 })
      const length = bob.told.length
      yield* TestClock.adjust(2 * watchersAgainMs)
      assert.strictEqual(bob.told.length, length)
      assert.strictEqual(ada.told.filter((list) => Object.keys(list).length === 1).length, 2)
    })
  )

  it.effect("is told once in 50 ms, however many come at once, and not again while nothing changes", () =>
    Effect.gen(function* () {
      const one = yield* serverOn(new Table())
      const first = watcher("ada")
      one.join(session, first)
      for (let n = 0; n < 99; n++) one.join(session, watcher("bob"))
      yield* TestClock.adjust(10 * watchersAgainMs)
      assert.deepStrictEqual(first.told, [{ ada: 1, bob: 99 }])
    })
  )

  it.effect("forgets a server that died within 40 s, and one that stopped at once", () =>
    Effect.gen(function* () {
      const table = new Table()
      const [one, scope] = [yield* serverOn(table), Scope.makeUnsafe()]
      const ada = watcher("ada")
      one.join(session, ada)
      // As one does that was killed: it is there, and says it no more.
      yield* localCoordination(table).enter(`watchers/${session}`, { who: "srv_dead", says: '{"eve":1}' }, watchersForMs)
      const stopping = yield* Scope.provide(serverOn(table), scope)
      stopping.join(session, watcher("bob"))
      yield* moment
      assert.deepStrictEqual(ada.told.at(-1), { ada: 1, bob: 1, eve: 1 })
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(watchersAgainMs)
      assert.deepStrictEqual(ada.told.at(-1), { ada: 1, eve: 1 })
      yield* TestClock.adjust(watchersForMs)
      assert.deepStrictEqual(ada.told.at(-1), { ada: 1 })
    })
  )

  it.effect("is whole again after what is shared was flushed, and what is no list is left out", () =>
    Effect.gen(function* () {
      const table = new Table()
      const [one, other] = [yield* serverOn(table), yield* serverOn(table)]
      const [ada, bob] = [watcher("ada"), watcher("bob")]
      one.join(session, ada)
      other.join(session, bob)
      yield* moment
      table.flush()
      yield* localCoordination(table).enter(`watchers/${session}`, { who: "srv_odd", says: "[]}" }, 60_000)
      const late = watcher(null)
      one.join(session, late)
      yield* moment
      yield* TestClock.adjust(2 * watchersAgainMs)
      for (const { told } of [ada, bob, late]) {
        const last = told.at(-1)!
        assert.deepStrictEqual([last["ada"], last["bob"], Object.keys(last).length], [1, 1, 2])
      }
    })
  )
})
