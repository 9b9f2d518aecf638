/** J1, J5: commands that the commit which asks for them claims for its writer. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Journal } from "../../../runtime/journal.ts"
import { begun, JournalWorld, type Story, session } from "./world.ts"

export const handover = (story: Story) => {
  story("keeps the commands of a commit that claims them from others until that claim runs out", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      yield* begun(session("a"), 2, { commands: ["one", "two"].map((name) => ({ name, params: {} })), claimMs: 5_000 })
      assert.deepStrictEqual(yield* journal.claim(10, 30_000), [])
      const held = [
        { key: "session:ses_a:2:0", claim: "1" },
        { key: "session:ses_a:2:1", claim: "1" }
      ]
      assert.deepStrictEqual(yield* journal.renew(held, 5_000), [true, true])
      yield* journal.complete(held.slice(0, 1))
      yield* world.passTime(4_999)
      assert.deepStrictEqual(yield* journal.claim(10, 30_000), [])
      yield* world.passTime(1)
      const [other, ...rest] = yield* journal.claim(10, 30_000)
      assert.deepStrictEqual([other!.name, other!.attempt, rest], ["two", 2, []])
      assert.deepStrictEqual(yield* journal.renew(held.slice(1), 5_000), [false])
    })
  )
}
