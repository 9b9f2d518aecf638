/** A session's WebSocket: hello, events, requests, several watchers, and whatever should never have been sent. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Latch, Scope } from "effect"
import { promptCharactersMax } from "../../machines/limits.ts"
import { deltas, startGateway } from "../support/gateway.ts"
import { follow, open } from "../support/socket.ts"
import { transports } from "../support/transports.ts"

const seqs = (frames: ReadonlyArray<{ seq: number }>) => frames.map(({ seq }) => seq)

describe.each(transports)("over %s, a socket", (_, transport) => {
  const gateway = Effect.suspend(() => startGateway({ transport: transport() }))

  it.live("is welcomed with the session as it is, has what was stored, is live, and then hears each event", () =>
    Effect.gen(function* () {
      const { url, owner, session, publish } = yield* gateway
      const { id } = yield* session({ title: "Mend it" })
      yield* publish(id, deltas(1, 3))
      const client = yield* follow(url, id, owner.token)
      const [welcome, ...rest] = client.frames
      assert.deepInclude(welcome, { type: "welcome", v: 1, epoch: 1, you: { user: owner.id, role: "owner" } })
      assert.deepInclude(welcome.session, { id, title: "Mend it", status: "pending" })
      const heard = rest.filter(({ type }) => type !== "presence")
      assert.deepEqual(
        seqs(heard.slice(0, -1)),
        Array.from({ length: welcome.seq }, (_, index) => index + 1)
      )
      assert.deepEqual(heard.at(-1), { type: "live", seq: welcome.seq })
      assert.deepEqual(heard.at(-2), {
        type: "event",
        seq: welcome.seq,
        source: "daemon/d",
        kind: "message",
        agent: "scripted",
        parent: null,
        rev: null,
        at: 1,
        body: { turnId: "t1", messageId: "m1", delta: "3 " }
      })
      yield* publish(id, deltas(4, 1))
      assert.strictEqual((yield* client.until("the new one", ({ body }) => body?.delta === "4 ")).seq, welcome.seq + 1)
    })
  )

  it.live("takes a prompt once under its id, and answers a repeat as the first", () =>
    Effect.gen(function* () {
      const { url, owner, session, must } = yield* gateway
      const { id } = yield* session()
      const client = yield* follow(url, id, owner.token)
      client.send({ type: "prompt", id: "p1", text: "hello" })
      const first = yield* client.until("ack", ({ type }) => type === "ack")
      assert.deepInclude(first, { id: "p1", duplicate: false })
      client.send({ type: "prompt", id: "p1", text: "hello" })
      assert.deepEqual(yield* client.until("the repeat", ({ duplicate }) => duplicate), { ...first, duplicate: true })
      const told = yield* client.until("the prompt itself", ({ kind }) => kind === "prompt")
      assert.deepInclude(told.body, { promptId: "p1", text: "hello", by: owner.id })
      const { rows } = yield* must(owner.token, "GET", `/v1/actors/session/${id}/history`)
      assert.lengthOf(
        rows.filter(({ event }: { event: { type: string } }) => event.type === "prompt"),
        1
      )
    })
  )

  it.live("is refused a request by its problem and goes on: a viewer's, a wrong one, one that the state does not take", () =>
    Effect.gen(function* () {
      const { url, person, session } = yield* gateway
      const { id } = yield* session()
      const [viewer, member] = [yield* person("viewer"), yield* person("member")]
      const watching = yield* follow(url, id, viewer.token)
      watching.send({ type: "prompt", id: "p1", text: "hello" })
      const forbidden = yield* watching.until("refusal", ({ type }) => type === "refused")
      assert.deepInclude(forbidden.problem, { status: 403, code: "forbidden" })
      assert.strictEqual(forbidden.id, "p1")

      const client = yield* follow(url, id, member.token)
      client.send({ type: "prompt", id: "p2", text: "x".repeat(promptCharactersMax + 1) })
      client.send({ type: "prompt", id: "p3", text: "a\u0000b" })
      client.send({ type: "interrupt", id: "i1" })
      client.send({ type: "unqueue", id: "u1", promptId: "p9" })
      client.send({ type: "answer", id: "a1", questionId: "q1", optionId: "o1" })
      yield* client.until("the last refusal", ({ id: its }) => its === "a1")
      assert.deepEqual(
        client.of("refused").map(({ id: its, problem: { status } }) => [its, status]),
        [
          ["p2", 400],
          ["p3", 400],
          ["i1", 409],
          ["u1", 409],
          ["a1", 409]
        ]
      )
      client.send({ type: "ping", at: 7 })
      assert.deepEqual(yield* client.until("pong", ({ type }) => type === "pong"), { type: "pong", at: 7 })
    })
  )

  it.live("shows two watchers the same, and each who else watches", () =>
    Effect.gen(function* () {
      const { url, owner, person, session, publish } = yield* gateway
      const { id } = yield* session()
      const member = yield* person("member")
      const [one, two] = [yield* follow(url, id, owner.token), yield* follow(url, id, member.token)]
      const both = yield* one.until("both present", ({ watchers }) => watchers?.length === 2)
      assert.sameDeepMembers(both.watchers, [
        { user: owner.id, sockets: 1 },
        { user: member.id, sockets: 1 }
      ])
      yield* publish(id, deltas(1, 50))
      for (const client of [one, two]) yield* client.until("the last", ({ body }) => body?.delta === "50 ")
      assert.deepEqual(one.of("event"), two.of("event"))
      two.raw.close(1000)
      yield* one.until("alone again", ({ watchers }) => watchers?.length === 1 && one.of("presence").length > 1)
    })
  )

  it.live("wakes no session by being open", () =>
    Effect.gen(function* () {
      const { url, owner, session, must } = yield* gateway
      const { id } = yield* session()
      yield* follow(url, id, owner.token)
      assert.deepInclude(yield* must(owner.token, "GET", `/v1/sessions/${id}`), { rev: 1, status: "pending" })
    })
  )

  it.live("of an unknown session, a foreign organisation, or without a good token is closed with the code that says so", () =>
    Effect.gen(function* () {
      const { url, must, owner, person, session, sandboxToken } = yield* gateway
      const { id } = yield* session()
      const other = yield* session()
      const foreign = (yield* must(owner.token, "POST", "/v1/organisations", { name: "O", owner: { name: "B", email: "b@b" } }))
        .token.secret
      const { token, tokenId } = yield* person("member")
      yield* must(owner.token, "DELETE", `/v1/tokens/${tokenId}`)
      const refusals = [
        [null, id, 4401],
        ["nonsense", id, 4401],
        [token, id, 4401],
        [owner.token, "ses_none", 4404],
        [foreign, id, 4404],
        [yield* sandboxToken(other.id), id, 4404]
      ] as const
      for (const [as, its, code] of refusals) {
        const client = yield* open(url, its, as, { cursor: null })
        assert.strictEqual((yield* client.ended).code, code, `${its} as ${as}`)
        assert.deepStrictEqual(client.frames, [], "and heard nothing")
      }
      assert.strictEqual((yield* (yield* open(url, "a%20b", owner.token)).ended).status, 404, "no session has such an id")
      const sandbox = yield* follow(url, id, yield* sandboxToken(id))
      assert.deepEqual(sandbox.frames[0].you, { user: null, role: "sandbox" })
    })
  )

  it.live("takes its token from a browser as a subprotocol, and names only the other one back", () =>
    Effect.gen(function* () {
      const { url, owner, session } = yield* gateway
      const { id } = yield* session()
      const client = yield* open(url, id, null, { protocols: ["proliferate.v1", `bearer.${owner.token}`], cursor: null })
      yield* client.until("live", ({ type }) => type === "live")
      assert.strictEqual(client.raw.protocol, "proliferate.v1")
    })
  )

  it.live.each([
    ["is no JSON", "{", 4400, /not valid JSON/],
    ["is junk", new Uint8Array([1, 2, 3]), 4400, /text/],
    ["has an unknown type", { type: "shout" }, 4400, /type must be one of hello, prompt/],
    ["is no object", "[1]", 4400, /type must be one of/],
    ["is null", "null", 4400, /type must be one of/],
    ["is hello again", { type: "hello", v: 1, cursor: null }, 4400, /once/],
    ["has an unknown field", { type: "interrupt", id: "i", now: true }, 4400, /interrupt: now: is not a known field/],
    ["has a wrong type of field", { type: "prompt", id: 1, text: "x" }, 4400, /prompt: id: Expected string/],
    ["has an id that is none", { type: "interrupt", id: "a b" }, 4400, /id: 1 to 128 letters/],
    ["is too large", { type: "prompt", id: "p", text: "x".repeat(256 * 1024) }, 1009, /256 KB/]
  ] as const)("is closed with a reason for a frame that %s", ([, frame, code, reason]) =>
    Effect.gen(function* () {
      const { url, owner, session } = yield* gateway
      const { id } = yield* session()
      const [client, other] = [yield* follow(url, id, owner.token), yield* follow(url, id, owner.token)]
      client.send(frame)
      const ended = yield* client.ended
      assert.strictEqual(ended.code, code)
      assert.match(ended.reason, reason)
      other.send({ type: "ping", at: 1 })
      yield* other.until("pong", ({ type }) => type === "pong")
    })
  )

  it.live.each([
    ["another version", { type: "hello", v: 2, cursor: null, compress: true }, 4406, /version 2 is not spoken here/],
    ["no version", { type: "hello", cursor: null }, 4400, /v: is missing/],
    ["no cursor", { type: "hello", v: 1 }, 4400, /cursor: is missing/],
    ["a cursor before the beginning", { type: "hello", v: 1, cursor: { epoch: 1, seq: -1 } }, 4400, /cursor.seq/],
    ["a request instead", { type: "interrupt", id: "i" }, 4400, /first frame must be hello/]
  ] as const)("is closed with a reason for a hello with %s", ([, hello, code, reason]) =>
    Effect.gen(function* () {
      const { url, owner, session } = yield* gateway
      const { id } = yield* session()
      const client = yield* open(url, id, owner.token)
      yield* Effect.promise(() => new Promise((resolve) => client.raw.once("open", resolve)))
      client.send(hello)
      const ended = yield* client.ended
      assert.deepEqual([ended.code, client.frames.length], [code, 0])
      assert.match(ended.reason, reason)
    })
  )

  it.live("is closed when more than 64 of its frames are unanswered, and everyone else is served", () =>
    Effect.gen(function* () {
      const database = yield* Latch.make(true)
      const { url, owner, session, ask } = yield* startGateway({
        transport: transport(),
        disturb: (operation) => (operation === "commit" ? Effect.as(database.await, null) : Effect.succeed(null))
      })
      const { id } = yield* session()
      const [client, other] = [yield* follow(url, id, owner.token), yield* follow(url, id, owner.token)]
      yield* database.close
      for (let n = 0; n < 65; n++) client.send({ type: "prompt", id: `p${n}`, text: "hello" })
      assert.deepInclude(yield* client.ended, { code: 4429 })
      other.send({ type: "ping", at: 1 })
      yield* other.until("pong", ({ type }) => type === "pong")
      assert.strictEqual((yield* ask(owner.token, "GET", `/v1/sessions/${id}`)).status, 200)
      yield* database.open
    })
  )

  it.live("hears that the server goes away", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { url, owner, session, ask } = yield* Scope.provide(gateway, scope)
      const { id } = yield* session()
      const client = yield* follow(url, id, owner.token)
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* client.ended, { code: 1001 })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(ask(null, "GET", "/health"))))
    })
  )
})
