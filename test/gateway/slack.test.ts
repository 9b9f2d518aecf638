/** Calls that wait for a person, shown in Slack and decided there: Slack's wire on both sides, our gateway in between. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startGateway } from "../support/gateway.ts"
import { approvalsChannel, buttonsOf, clickOf, commandOf, type Delivery, signed } from "../support/services/slack-app.ts"
import { scene } from "../support/slack-scene.ts"

describe("a call that waits for a person", () => {
  it.live("is shown in the channel with what it is, and decided by a click of somebody who linked themselves", () =>
    Effect.gen(function* () {
      const { app, add, messageOf, link, owner, click, until, outcome, integration } = yield* scene
      const id = yield* add("token=hunter2secret *bold* <!channel>")
      const message = yield* messageOf(id)
      assert.strictEqual(message.channel, approvalsChannel)
      const [header, about, params] = message.blocks
      assert.strictEqual(header.text.text, "notebook.add_note (write)")
      assert.strictEqual(about.text.type, "plain_text")
      assert.strictEqual(
        about.text.text,
        "Session: Mend <!channel> the *pager*\nAsked by the agent of this session, which Ada started"
      )
      assert.strictEqual(params.type, "rich_text")
      assert.notInclude(JSON.stringify(message.blocks), "hunter2secret")
      assert.deepStrictEqual(
        buttonsOf(message).map(({ text }) => text.text),
        ["Approve once", "Deny"]
      )
      assert.include(JSON.stringify(message.blocks), `proliferate approvals approve ${id} --grant`)
      assert.notInclude(message.text, "<")

      const linked = yield* link(owner)
      assert.match(linked.body.text, /^You are linked/)
      const clicked = yield* click(message, "approve")
      assert.deepStrictEqual([clicked.status, clicked.body], [200, null])
      assert.deepInclude(yield* outcome(id), { status: "completed", decidedBy: "person" })
      yield* until(() => JSON.stringify(message.blocks).includes("Approved by Ada"))
      assert.deepStrictEqual(buttonsOf(message), [])
      assert.strictEqual(integration.effects.length, 1)
      assert.strictEqual(app.messages.length, 1)
      assert.deepStrictEqual(app.whispers, [])
    }).pipe(Effect.scoped)
  )

  it.live("is denied by a click; a second click, and the same one again, do nothing and the clicker is told", () =>
    Effect.gen(function* () {
      const { app, add, messageOf, link, owner, deliver, click, until, outcome, integration } = yield* scene
      yield* link(owner)
      const message = structuredClone(yield* messageOf(yield* add()))
      const delivery = signed(clickOf(message, "deny"))
      assert.strictEqual((yield* deliver(delivery)).status, 200)
      const id = buttonsOf(message)[0].value.split("/")[1]
      assert.deepInclude(yield* outcome(id), { status: "denied", message: "denied in Slack" })
      assert.strictEqual((yield* deliver(delivery)).status, 200)
      assert.deepStrictEqual(app.whispers, [])
      yield* click(message, "approve")
      yield* until(() => app.whispers.length === 1)
      assert.strictEqual(app.whispers[0]!.user, "U1")
      assert.match(app.whispers[0]!.text!, /is decided: it is denied, decided by Ada/)
      assert.deepStrictEqual(integration.calls, [])
    }).pipe(Effect.scoped)
  )

  it.live("shows who decided elsewhere, and that it ended with its session", () =>
    Effect.gen(function* () {
      const { add, messageOf, gateway, owner, until, session, app } = yield* scene
      const first = yield* add("one")
      const second = yield* add("two")
      const [one, two] = [yield* messageOf(first), yield* messageOf(second)]
      yield* gateway.must(owner, "POST", `/v1/approvals/${first}/deny`, { reason: "not on a Friday" })
      yield* until(() => JSON.stringify(one.blocks).includes("Denied by Ada: not on a Friday"))
      assert.strictEqual(buttonsOf(two).length, 2)
      yield* gateway.must(owner, "POST", `/v1/sessions/${session.id}/stop`)
      yield* until(() => JSON.stringify(two.blocks).includes("its session has ended"))
      assert.deepStrictEqual([buttonsOf(one), buttonsOf(two)], [[], []])
      assert.strictEqual(app.messages.length, 2)
    }).pipe(Effect.scoped)
  )

  it.live("is shown once though the answer of Slack was lost after it had written the message", () =>
    Effect.gen(function* () {
      const { app, add, messageOf, link, owner, click, status } = yield* scene
      app.loseAnswer("chat.postMessage")
      const id = yield* add()
      const message = yield* messageOf(id)
      yield* Effect.sleep(3_500)
      assert.strictEqual(app.messages.length, 1)
      yield* link(owner)
      yield* click(message, "approve")
      assert.notStrictEqual(yield* status(id), "pending")
    }).pipe(Effect.scoped)
  )
})

describe("what is not to be decided", () => {
  it.live("a request that Slack did not sign, signed with another secret, or long ago; nothing is looked at", () =>
    Effect.gen(function* () {
      const { add, messageOf, link, owner, deliver, status, gateway } = yield* scene
      yield* link(owner)
      const id = yield* add()
      const body = clickOf(yield* messageOf(id), "approve")
      const good = signed(body)
      const forged: ReadonlyArray<Delivery> = [
        { body, headers: { "content-type": good.headers["content-type"]! } },
        signed(body, { secret: "another" }),
        signed(body, { atMs: Date.now() - 301_000 }),
        signed(body, { atMs: Date.now() + 301_000 }),
        { body: `${body}&x=1`, headers: good.headers },
        { body, headers: { ...good.headers, "x-slack-signature": "v0=00" } },
        { body, headers: { ...good.headers, "x-slack-request-timestamp": "soon" } }
      ]
      for (const delivery of forged) {
        const { status, body } = yield* deliver(delivery)
        assert.deepStrictEqual([status, body.code], [401, "unauthenticated"])
      }
      assert.strictEqual(yield* status(id), "pending")
      const large = yield* deliver(signed("x".repeat(300_000)))
      assert.strictEqual(large.status, 413)
      assert.strictEqual((yield* deliver(signed("payload=%7B"))).status, 400)
      const none = yield* startGateway()
      assert.strictEqual((yield* none.ask(null, "POST", "/v1/slack/interactions", good.body, { ...good.headers })).status, 404)
      assert.strictEqual((yield* gateway.ask(null, "GET", "/v1/slack/people")).status, 401)
    }).pipe(Effect.scoped)
  )

  it.live("a click of somebody who is not linked, of a viewer, and of one who was removed: told what to do, each alone", () =>
    Effect.gen(function* () {
      const { app, add, messageOf, link, click, status, until, gateway, owner } = yield* scene
      const id = yield* add()
      const message = yield* messageOf(id)
      yield* click(message, "approve")
      yield* until(() => app.whispers.length === 1)
      assert.match(app.whispers[0]!.text!, /not linked .*`proliferate slack link`/)

      const viewer = yield* gateway.person("viewer")
      yield* link(viewer.token, "U9")
      yield* click(message, "approve", { user: "U9" })
      yield* until(() => app.whispers.length === 2)
      assert.deepInclude(app.whispers[1], { user: "U9" })
      assert.match(app.whispers[1]!.text!, /needs the role admin or above; yours is viewer/)

      const admin = yield* gateway.person("admin")
      yield* link(admin.token, "U8")
      yield* gateway.must(owner, "DELETE", `/v1/users/${admin.id}`)
      yield* click(message, "approve", { user: "U8" })
      yield* until(() => app.whispers.length === 3)
      assert.strictEqual(yield* status(id), "pending")
    }).pipe(Effect.scoped)
  )

  it.live("a click that names another call, another organisation's, or comes from another team", () =>
    Effect.gen(function* () {
      const { app, add, messageOf, link, click, status, until, owner, gateway } = yield* scene
      yield* link(owner)
      const [first, second] = [yield* add("one"), yield* add("two")]
      const [message] = [yield* messageOf(first), yield* messageOf(second)]
      const org = gateway.organisation.id
      yield* click(message, "approve", { value: `${org}/${second}` })
      yield* click(message, "approve", { value: `org_other/${first}` })
      yield* click(message, "approve", { team: "T2" })
      yield* until(() => app.whispers.length === 2)
      for (const { text } of app.whispers) assert.match(text!, /of no call that can be decided here/)
      assert.deepStrictEqual([yield* status(first), yield* status(second)], ["pending", "pending"])
    }).pipe(Effect.scoped)
  )
})

describe("a link", () => {
  it.live("is made by a code that is good once, in its own team, for whoever asked for it; and taken back by them", () =>
    Effect.gen(function* () {
      const { deliver, gateway, owner } = yield* scene
      const admin = yield* gateway.person("admin")
      const { write } = yield* gateway.must(admin.token, "POST", "/v1/slack/link")
      const say = (team = "T1") => Effect.map(deliver(signed(commandOf(write, { user: "U7", team }))), ({ body }) => body.text)
      assert.match(yield* say("T2"), /not connected to that organisation/)
      assert.match(yield* say(), /^You are linked/)
      assert.match(yield* say(), /is used, or older than 10 min/)
      const { people } = yield* gateway.must(owner, "GET", "/v1/slack/people")
      assert.deepInclude(people[0], { team: "T1", chatUser: "U7", userId: admin.id })
      const member = yield* gateway.person("member")
      const whom = { team: "T1", user: "U7" }
      assert.strictEqual((yield* gateway.ask(member.token, "POST", "/v1/slack/unlink", whom)).status, 403)
      assert.strictEqual((yield* gateway.ask(admin.token, "POST", "/v1/slack/unlink", whom)).status, 204)
      assert.deepStrictEqual((yield* gateway.must(owner, "GET", "/v1/slack/people")).people, [])
      const said = { ...{ team: "T1", chatUser: "U7" }, userId: member.id }
      assert.strictEqual((yield* gateway.ask(member.token, "POST", "/v1/slack/people", said)).status, 403)
      assert.strictEqual((yield* gateway.ask(owner, "POST", "/v1/slack/people", { ...said, userId: "usr_none" })).status, 422)
      assert.strictEqual((yield* gateway.ask(owner, "POST", "/v1/slack/people", said)).status, 204)
      assert.match((yield* deliver(signed(commandOf("/proliferate help")))).body.text, /`proliferate slack link`/)
    }).pipe(Effect.scoped)
  )
})
