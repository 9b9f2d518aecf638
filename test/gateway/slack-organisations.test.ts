/** Two organisations that show their calls on one team of Slack. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { scene, second } from "../support/slack-scene.ts"

describe("two organisations on one team", () => {
  it.live("are shown their calls though Slack answers nothing that the other's are about", () =>
    Effect.gen(function* () {
      const made = yield* scene
      const { app, add, messageOf } = made
      const { asks } = yield* second(made)
      app.ignore("hush")
      for (let n = 0; n < 8; n++) yield* add(`hush ${n}`)
      yield* messageOf((yield* asks).id)
    }).pipe(Effect.scoped)
  )

  it.live("each show their own calls, and a person decides in each as whom they are there", () =>
    Effect.gen(function* () {
      const made = yield* scene
      const { app, add, messageOf, link, click, status, until, owner } = made
      const { other, asks } = yield* second(made)
      const theirs = yield* asks
      const own = yield* add("own")
      const [message, another] = [yield* messageOf(own), yield* messageOf(theirs.id)]

      yield* link(owner)
      yield* click(another, "approve")
      yield* until(() => app.whispers.length === 1)
      assert.match(app.whispers[0]!.text!, /not linked to a user of this organisation/)
      yield* link(other)
      yield* click(another, "deny")
      yield* until(() => JSON.stringify(another.blocks).includes("Denied by Grace"))
      assert.strictEqual(yield* status(own), "pending")
      yield* click(message, "deny")
      yield* until(() => JSON.stringify(message.blocks).includes("Denied by Ada"))
    }).pipe(Effect.scoped)
  )
})
