/** A call that one server has shown in Slack, decided there after another took its place. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { startGateway } from "../support/gateway.ts"
import { notebook } from "../support/notebook.ts"
import { slackToken } from "../support/services/slack.ts"
import {
  approvalsChannel,
  buttonsOf,
  clickOf,
  commandOf,
  type Delivery,
  signed,
  slackApp
} from "../support/services/slack-app.ts"

describe("a server that is started again", () => {
  it.live("decides by a click on what the one before it had shown, once, and keeps the message true", () =>
    Effect.gen(function* () {
      const integration = notebook()
      const app = yield* slackApp
      const place = { integration, slack: app.place }
      const until = (isSo: () => boolean) =>
        Effect.gen(function* () {
          for (let n = 0; n < 1_000 && !isSo(); n++) yield* Effect.sleep(10)
          assert.isTrue(isSo())
        })
      const before = yield* Scope.make()
      const first = yield* Scope.provide(startGateway(place), before)
      const { id: sessionId } = yield* first.session()
      const agent = yield* first.sandboxToken(sessionId)
      const calls = `/v1/sessions/${sessionId}/calls`
      for (const [name, token, settings] of [
        ["notebook", "good-token", {}],
        ["slack", slackToken, { approvals: approvalsChannel }]
      ])
        yield* first.must(first.owner.token, "POST", "/v1/connections", {
          ...{ integration: name, secret: { kind: "token", token }, settings }
        })
      const deliver = (to: typeof first, { body, headers }: Delivery) =>
        to.ask(null, "POST", "/v1/slack/interactions", body, { ...headers })
      const { write } = yield* first.must(first.owner.token, "POST", "/v1/slack/link")
      assert.match((yield* deliver(first, signed(commandOf(write)))).body.text, /^You are linked/)
      const { id } = yield* first.must(agent, "POST", calls, {
        ...{ integration: "notebook", action: "add_note", params: { page: "home", text: "hello" } }
      })
      yield* until(() => app.messages.length === 1)
      const [message] = app.messages
      yield* Scope.close(before, Exit.void)

      const second = yield* startGateway({ ...place, again: first })
      const click = signed(clickOf(message!, "approve"))
      assert.strictEqual((yield* deliver(second, click)).status, 200)
      assert.deepInclude(yield* second.must(agent, "GET", `${calls}/${id}?wait=5000`), {
        ...{ status: "completed", decidedBy: "person", by: first.owner.id }
      })
      assert.strictEqual((yield* deliver(second, click)).status, 200)
      yield* until(() => JSON.stringify(message!.blocks).includes("Approved by Ada"))
      assert.deepStrictEqual([buttonsOf(message!), app.messages.length, app.whispers.length], [[], 1, 0])
      assert.strictEqual(integration.effects.length, 1)
    }).pipe(Effect.scoped)
  )
})
