/** How long a call waits for a person is settled as it is asked for: by whether somebody who may decide it watches its session then. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, FiberSet } from "effect"
import { TestClock } from "effect/testing"
import { Directory } from "../../actors/ports/directory.ts"
import { isAttended } from "../../actors/services/attendance.ts"
import { watchersForMs } from "../../adapters/gateway/limits.ts"
import { makePresence } from "../../adapters/gateway/presence.ts"
import * as limits from "../../machines/limits.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { localCoordination, Table } from "../../runtime/local-coordination.ts"
import { scene } from "../support/acting.ts"
import { startGateway } from "../support/gateway.ts"
import { follow } from "../support/socket.ts"

/** A moment after somebody came or went all servers know. */
const moment = TestClock.adjust("1 seconds")

describe("a call waits for a person", () => {
  it.effect("five minutes where somebody who may decide watches as it is asked for, else a day; and it stays so", () =>
    Effect.gen(function* () {
      const { gateway, owner, session, waiting } = yield* scene()
      const lasts = Effect.gen(function* () {
        const id = yield* waiting()
        while (true) {
          const { status, expiresAtMs } = yield* gateway.must(owner, "GET", `/v1/approvals/${id}`)
          if (status !== "requested") return expiresAtMs - (yield* Clock.currentTimeMillis)
        }
      })
      assert.strictEqual(yield* lasts, limits.pendingUnattendedMs)
      const viewer = yield* gateway.person("viewer")
      yield* follow(gateway.url, session.id, viewer.token)
      yield* moment
      assert.strictEqual(yield* lasts, limits.pendingUnattendedMs)

      const admin = yield* gateway.person("admin")
      const watcher = yield* follow(gateway.url, session.id, admin.token)
      yield* moment
      assert.strictEqual(yield* lasts, limits.pendingAttendedMs)
      // Who goes on watching is known for as long as they do.
      yield* TestClock.adjust(watchersForMs * 1.5)
      assert.strictEqual(yield* lasts, limits.pendingAttendedMs)

      watcher.raw.close()
      yield* watcher.ended
      yield* moment
      assert.strictEqual(yield* lasts, limits.pendingUnattendedMs)
    }).pipe(Effect.scoped)
  )

  it.effect("and whoever watches on another server is known as well, until that server is gone", () =>
    Effect.gen(function* () {
      const { its, organisation, owner } = yield* startGateway()
      const directory = yield* its(Directory)
      const table = new Table()
      const here = localCoordination(table)
      const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())()
      const there = yield* Effect.provideService(makePresence(fork), Coordination, localCoordination(table))
      const attended = isAttended(here, directory, organisation.id, "ses_1")
      assert.isFalse(yield* attended)
      const leave = there.join(`${organisation.id}/ses_1`, { user: owner.id, tell: () => {} })
      yield* moment
      assert.isTrue(yield* attended)
      assert.isFalse(yield* isAttended(here, directory, organisation.id, "ses_2"))
      leave()
      yield* moment
      assert.isFalse(yield* attended)
      yield* here.enter(`watchers/${organisation.id}/ses_1`, { who: "srv_odd", says: "nonsense" }, watchersForMs)
      yield* here.enter(`watchers/${organisation.id}/ses_1`, { who: "srv_dead", says: `{"${owner.id}":1}` }, watchersForMs)
      assert.isTrue(yield* attended)
      yield* TestClock.adjust(watchersForMs)
      assert.isFalse(yield* attended)
    }).pipe(Effect.scoped)
  )
})
