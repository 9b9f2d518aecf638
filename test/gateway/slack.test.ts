/** Calls decided from Slack: shown once, signed presses alone count, by whoever is linked and with that user's role. */
import { createHmac } from "node:crypto"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { scene } from "../support/acting.ts"
import { service } from "../support/services/service.ts"
import { slack, slackToken } from "../support/services/slack.ts"

const signingSecret = "slack-signing-secret"

it.live("a call that waits is shown in Slack with buttons; a linked administrator's press decides it, once", () =>
  Effect.gen(function* () {
    const fake = slack()
    const there = yield* service(fake.answer)
    const { gateway, owner, waiting, pending, status, integration } = yield* scene({ slackUrl: there.url })
    yield* gateway.must(owner, "POST", "/v1/connections", {
      integration: "slack",
      secret: { kind: "token", token: slackToken },
      settings: { approvals: "C1" }
    })
    const id = yield* pending(yield* waiting())
    const posts = () => there.asked.filter(({ path }) => path.endsWith("/chat.postMessage"))
    while (posts().length === 0) yield* Effect.sleep(20)
    const blocks = new URLSearchParams(posts()[0]!.body).get("blocks")!
    assert.include(blocks, id)
    assert.include(blocks, "Approve once")

    const press = Effect.fnUntraced(function* (user: string, { atS = Date.now() / 1_000, secret = signingSecret } = {}) {
      const payload = {
        type: "block_actions",
        team: { id: "T1" },
        user: { id: user },
        actions: [{ action_id: "approve", value: id }]
      }
      const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString()
      const time = String(Math.floor(atS))
      const signature = `v0=${createHmac("sha256", secret).update(`v0:${time}:${body}`).digest("hex")}`
      const headers = {
        ...{ "content-type": "application/x-www-form-urlencoded", "x-slack-request-timestamp": time },
        "x-slack-signature": signature
      }
      return yield* gateway.ask(null, "POST", "/v1/slack/interactions", body, headers)
    })
    assert.strictEqual((yield* press("U1", { secret: "another" })).status, 401)
    assert.strictEqual((yield* press("U1", { atS: Date.now() / 1_000 - 301 })).status, 401)
    assert.match((yield* press("U1")).body.text, /Nobody here is linked to you/)

    const member = yield* gateway.person("member")
    yield* gateway.must(owner, "POST", "/v1/slack/people", { team: "T1", chatUser: "U1", userId: member.id })
    assert.match((yield* press("U1")).body.text, /needs the role admin or above; yours is member/)
    assert.strictEqual(integration.effects.length, 0)

    yield* gateway.must(owner, "POST", "/v1/slack/people", { team: "T1", chatUser: "U2", userId: gateway.owner.id })
    assert.match((yield* press("U2")).body.text, /^Done: it is /)
    assert.strictEqual((yield* status(id)).body.status, "completed")
    assert.match((yield* press("U2")).body.text, /is decided: it is completed, decided by Ada/)
    while (!there.asked.some(({ path }) => path.endsWith("/chat.update"))) yield* Effect.sleep(20)
    const [update] = there.asked.filter(({ path }) => path.endsWith("/chat.update"))
    assert.match(new URLSearchParams(update!.body).get("blocks")!, /decided by Ada/)
    assert.strictEqual(posts().length, 1)
    assert.strictEqual(integration.effects.length, 1)
  }).pipe(Effect.scoped)
)
