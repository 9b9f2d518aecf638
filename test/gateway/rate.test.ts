/** One may ask much, and not without end; whoever asks too much is told when to come again, and nobody else notices. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { requestRate } from "../../adapters/gateway/limits.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { startGateway } from "../support/gateway.ts"
import { follow } from "../support/socket.ts"

describe("one who asks too much", () => {
  /** A gateway of whose owner's bucket all is taken; time stands still. */
  const exhausted = Effect.gen(function* () {
    const gateway = yield* startGateway()
    const { its, organisation, owner } = gateway
    const take = its(Coordination.use(({ take: from }) => from(`requests/${organisation.id}/${owner.id}`, requestRate)))
    const { id } = yield* gateway.session()
    const member = yield* gateway.person("member")
    const [socket, neighbour] = [yield* follow(gateway.url, id, owner.token), yield* follow(gateway.url, id, member.token)]
    yield* Effect.repeat(take, { until: (waitMs) => waitMs > 0 })
    return { ...gateway, member, socket, neighbour, id }
  })

  it.effect("is answered 429 with the seconds to wait, and is let through after them", () =>
    Effect.gen(function* () {
      const { ask, owner } = yield* exhausted
      const { status, headers, body } = yield* ask(owner.token, "GET", "/v1/whoami")
      assert.strictEqual(status, 429)
      assert.strictEqual(headers.get("retry-after"), "1")
      assert.deepInclude(body, { status: 429, code: "too-many", type: "urn:proliferate:problem:too-many" })
      assert.match(body.detail, /ask again in 1 s/)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual((yield* ask(owner.token, "GET", "/v1/whoami")).status, 200)
    })
  )

  it.effect("is cut with 4429 when it asks in frames, and may come back", () =>
    Effect.gen(function* () {
      const { owner, socket, url, id } = yield* exhausted
      socket.send({ type: "ping", at: 1 })
      const { code, reason } = yield* socket.ended
      assert.strictEqual(code, 4429)
      assert.match(reason, /more than 200 frames a second; come back in 1 s/)
      yield* TestClock.adjust("1 seconds")
      const back = yield* follow(url, id, owner.token)
      back.send({ type: "ping", at: 2 })
      yield* back.until("pong", ({ type }) => type === "pong")
    })
  )

  it.effect("costs its neighbours nothing, and those nothing who ask without a name", () =>
    Effect.gen(function* () {
      const { ask, member, neighbour } = yield* exhausted
      assert.strictEqual((yield* ask(member.token, "GET", "/v1/whoami")).status, 200)
      assert.strictEqual((yield* ask(null, "GET", "/health")).status, 200)
      neighbour.send({ type: "ping", at: 3 })
      yield* neighbour.until("pong", ({ type }) => type === "pong")
    })
  )
})
