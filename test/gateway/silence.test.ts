/** Whoever says nothing, and whose right to listen has ended. Time is the test's own. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { startGateway } from "../support/gateway.ts"
import { type Client, follow, open } from "../support/socket.ts"

const gateway = startGateway()

/** Time passes in steps, between which the network has its say. */
const pass = Effect.fnUntraced(function* (seconds: number, client: Client) {
  for (let passed = 0; passed < seconds; passed += 5) {
    yield* TestClock.adjust("5 seconds")
    client.send({ type: "ping", at: passed })
    yield* client.until(`pong ${passed}`, ({ type, at }) => type === "pong" && at === passed)
  }
})

describe("silence", () => {
  it.effect("instead of a hello is closed after 10 s", () =>
    Effect.gen(function* () {
      const { url, owner, session } = yield* gateway
      const { id } = yield* session()
      const client = yield* open(url, id, owner.token)
      yield* Effect.promise(() => new Promise((resolve) => client.raw.once("open", resolve)))
      yield* TestClock.adjust("10 seconds")
      assert.deepEqual(yield* client.ended, { code: 4408, reason: "no hello came within 10 s" })
    })
  )

  it.effect("of 60 s, also to pings, is a half-open socket and closed; one that answers pings stays", () =>
    Effect.gen(function* () {
      const { url, owner, session } = yield* gateway
      const { id } = yield* session()
      const [talking, answering] = [yield* follow(url, id, owner.token), yield* follow(url, id, owner.token)]
      const dead = yield* open(url, id, owner.token, { cursor: null, autoPong: false })
      yield* dead.until("live", ({ type }) => type === "live")
      yield* pass(55, talking)
      assert.strictEqual(dead.raw.readyState, dead.raw.OPEN)
      yield* pass(10, talking)
      assert.deepEqual(yield* dead.ended, { code: 4408, reason: "nothing was heard of you for 60 s" })
      yield* pass(30, talking)
      assert.strictEqual(answering.raw.readyState, answering.raw.OPEN)
    })
  )
})

describe("a right that has ended", () => {
  it.effect("closes a socket within 30 s of its token's revocation, without a word from it", () =>
    Effect.gen(function* () {
      const { url, must, owner, person, session } = yield* gateway
      const { id } = yield* session()
      const { token, tokenId } = yield* person("viewer")
      const [client, other] = [yield* follow(url, id, token), yield* follow(url, id, owner.token)]
      yield* must(owner.token, "DELETE", `/v1/tokens/${tokenId}`)
      yield* pass(35, other)
      const { code, reason } = yield* client.ended
      assert.deepEqual([code, reason.includes("revoked")], [4401, true])
    })
  )

  it.effect("closes a socket at its next request", () =>
    Effect.gen(function* () {
      const { url, must, owner, person, session } = yield* gateway
      const { id } = yield* session()
      const { token, tokenId } = yield* person("member")
      const client = yield* follow(url, id, token)
      yield* must(owner.token, "DELETE", `/v1/tokens/${tokenId}`)
      client.send({ type: "prompt", id: "p1", text: "still me" })
      assert.strictEqual((yield* client.ended).code, 4401)
      assert.strictEqual((yield* must(owner.token, "GET", `/v1/sessions/${id}`)).rev, 1)
    })
  )
})
