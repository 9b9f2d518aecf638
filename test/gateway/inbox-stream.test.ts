/** An organisation's inbox over its WebSocket: what waits, for whoever comes late, and each change of it as it is made. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Access } from "../../actors/services/access.ts"
import { Inbox } from "../../actors/services/inbox.ts"
import { followInbox as following } from "../../adapters/gateway/inbox-socket.ts"
import { senderTo } from "../../adapters/gateway/sender.ts"
import { pendingAttendedMs } from "../../machines/limits.ts"
import { scene } from "../support/acting.ts"
import { type Client, follow, followInbox, openAt } from "../support/socket.ts"

const told = (client: Client, id: string, change: string) =>
  client.until(`${id} ${change}`, (frame) => frame.type === "call" && frame.call.id === id && frame.change === change)

describe("an inbox that is followed", () => {
  it.live("shows who comes late what waits, whole and redacted, then each call that is asked, decided and settled", () =>
    Effect.gen(function* () {
      const { gateway, owner, waiting, pending, decide, call } = yield* scene()
      const first = yield* pending(yield* waiting("add_note", { page: "home", text: "token=hunter2secret" }))
      const client = yield* followInbox(gateway.url, owner)
      assert.deepStrictEqual(
        client.frames.map(({ type }) => type),
        ["welcome", "waiting", "live"]
      )
      const [welcome, shown] = client.frames
      assert.deepStrictEqual([welcome.v, welcome.you], [1, { user: gateway.owner.id, role: "owner" }])
      assert.strictEqual(shown.more, false)
      const known = yield* gateway.must(owner, "GET", `/v1/approvals/${first}`)
      assert.deepStrictEqual(shown.calls, [known])
      assert.notInclude(JSON.stringify(client.frames), "hunter2secret")

      const second = yield* waiting()
      const asked = yield* told(client, second, "asked")
      assert.deepInclude(asked.call, { status: "pending", sessionId: known.sessionId, params: { page: "home", text: "hello" } })
      yield* decide(first, "deny", { reason: "no" })
      assert.deepInclude((yield* told(client, first, "decided")).call, { status: "denied", message: "no", by: gateway.owner.id })
      yield* decide(second, "approve", { as: "once" })
      const settled = yield* told(client, second, "settled")
      assert.deepInclude(settled.call, { status: "completed", decidedBy: "person" })
      // What no person has to do with is not told.
      yield* call("read_page", { page: "home" })
      yield* told(client, yield* waiting(), "asked")
      const told3 = client.of("call")
      assert.isTrue(told3.every(({ call }) => call.action === "add_note"))
      assert.deepStrictEqual(
        told3.map(({ seq }) => seq),
        told3.map((_, n) => shown.seq + n + 1)
      )
    }).pipe(Effect.scoped)
  )

  it.effect("tells what expired, and what ended with its session", () =>
    Effect.gen(function* () {
      const { gateway, owner, session, waiting } = yield* scene()
      const client = yield* followInbox(gateway.url, owner)
      const watcher = yield* follow(gateway.url, session.id, owner)
      yield* TestClock.adjust("1 seconds")
      const id = yield* waiting()
      yield* told(client, id, "asked")
      watcher.raw.close()
      for (let passed = 0; passed < pendingAttendedMs; passed += 30_000) {
        yield* TestClock.adjust("30 seconds")
        client.send({ type: "ping", at: passed })
        yield* client.until("pong", ({ type, at }) => type === "pong" && at === passed)
      }
      assert.deepInclude((yield* told(client, id, "expired")).call, { status: "expired", decidedBy: null })
      const other = yield* waiting()
      yield* told(client, other, "asked")
      yield* gateway.must(owner, "POST", `/v1/sessions/${session.id}/stop`)
      assert.deepInclude((yield* told(client, other, "settled")).call, { status: "revoked", reason: "sessionEnded" })
      const late = yield* followInbox(gateway.url, owner)
      assert.deepStrictEqual(late.of("waiting")[0].calls, [])
    }).pipe(Effect.scoped)
  )

  it.live(
    "goes on from a cursor without a change missed or told twice; from one of another time it tells a gap, and what waits",
    () =>
      Effect.gen(function* () {
        const { gateway, owner, waiting, decide } = yield* scene()
        const client = yield* followInbox(gateway.url, owner)
        const first = yield* waiting()
        const { seq } = yield* told(client, first, "asked")
        const { epoch } = client.frames[0]
        client.raw.close()
        yield* client.ended
        yield* decide(first, "deny", { reason: "no" })
        const second = yield* waiting()

        const back = yield* followInbox(gateway.url, owner, { epoch, seq })
        yield* told(back, second, "asked")
        assert.deepStrictEqual([...back.of("gap"), ...back.of("waiting")], [])
        const missed = back.of("call")
        assert.deepStrictEqual(
          missed.map((frame) => [frame.seq, frame.call.id, frame.change]),
          [
            [seq + 1, first, "decided"],
            [seq + 2, second, "asked"]
          ]
        )
        for (const [cursor, reason] of [
          [{ epoch: epoch + 1, seq }, "epoch"],
          [{ epoch, seq: seq + 99 }, "ahead"]
        ] as const) {
          const other = yield* followInbox(gateway.url, owner, cursor)
          assert.deepStrictEqual(
            other.frames.map((frame) => frame.type),
            ["welcome", "gap", "waiting", "live"]
          )
          assert.deepInclude(other.of("gap")[0], { reason })
          assert.deepStrictEqual(
            other.of("waiting")[0].calls.map(({ id }: any) => id),
            [second]
          )
        }
      }).pipe(Effect.scoped)
  )

  it.live("is for people of the organisation alone, and takes nothing but hello and ping", () =>
    Effect.gen(function* () {
      const { gateway, owner, agent, waiting, pending } = yield* scene()
      const id = yield* pending(yield* waiting())
      const ends = (token: string | null) =>
        Effect.flatMap(openAt(gateway.url, "/v1/inbox/stream", token, { cursor: null }), ({ ended }) => ended)
      assert.strictEqual((yield* ends(null)).code, 4401)
      assert.strictEqual((yield* ends(agent)).code, 4403)
      const made = yield* gateway.must(owner, "POST", "/v1/organisations", {
        ...{ name: "Second", owner: { name: "Grace", email: "grace@example.org" } }
      })
      const theirs = yield* followInbox(gateway.url, made.token.secret)
      assert.deepStrictEqual(theirs.of("waiting")[0].calls, [])
      const viewer = yield* gateway.person("viewer")
      const seen = yield* followInbox(gateway.url, viewer.token)
      assert.strictEqual(seen.of("waiting")[0].calls[0].id, id)
      seen.send({ type: "interrupt", id: "x" })
      const { code, reason } = yield* seen.ended
      assert.deepStrictEqual([code, reason.includes("decided over /v1/approvals")], [4400, true])
      const plain = yield* gateway.ask(owner, "GET", "/v1/inbox/stream")
      assert.deepStrictEqual([plain.status, plain.headers.get("upgrade")], [426, "websocket"])
      assert.deepStrictEqual(theirs.of("call"), [])
    }).pipe(Effect.scoped)
  )

  it.effect("whose reader does not keep up is cut, and comes back by its cursor", () =>
    Effect.gen(function* () {
      const { gateway, owner, waiting, agent, path } = yield* scene()
      const { its } = gateway
      const [inbox, access] = [yield* its(Inbox), yield* its(Access)]
      const pass = yield* access.check(owner, "approvals.read")
      const { seq } = yield* its(inbox.head(pass))
      const sent: Array<any> = []
      let waitingBytes = 0
      const sender = senderTo({
        send: (frame) => {
          sent.push(JSON.parse(Buffer.from(frame).toString()))
          return true
        },
        waitingBytes: () => waitingBytes,
        together: (run) => run(),
        ping: () => {},
        end: () => {}
      })
      const reading = yield* Effect.forkChild(Effect.exit(following(inbox, pass, seq, seq, sender)))
      const client = yield* followInbox(gateway.url, owner)
      const withdraw = (id: string) => gateway.ask(agent, "POST", `${path}/${id}/withdraw`)
      yield* told(client, yield* waiting(), "asked")
      while (!sent.some(({ type }) => type === "call")) yield* Effect.yieldNow
      waitingBytes = 9 * 1024 * 1024
      const second = yield* waiting()
      yield* told(client, second, "asked")
      yield* withdraw(second)
      yield* told(client, second, "settled")
      yield* TestClock.adjust("10 seconds")
      const ended = yield* Fiber.join(reading)
      assert.strictEqual(ended._tag === "Failure" && (Cause.squash(ended.cause) as any).code, 4413)
      const last = sent.filter(({ type }) => type === "call").at(-1).seq
      const back = yield* followInbox(gateway.url, owner, { epoch: client.frames[0].epoch, seq: last })
      yield* told(back, second, "settled")
      assert.deepStrictEqual(
        back.of("call").map((frame: any) => frame.seq),
        client
          .of("call")
          .map(({ seq }) => seq)
          .filter((at) => at > last)
      )
    }).pipe(Effect.scoped)
  )
})
