/** Conditional records: keys that one actor holds alone. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Journal, type Verdict } from "../../../runtime/journal.ts"
import { begun, claim, claimedCommand, commit, release, type Story, session, tags, transition } from "./world.ts"

const rejected = (key: string, holder: string): Verdict => ({
  _tag: "Rejected",
  record: { name: "sandbox", key, holder: `session/ses_${holder}` }
})

export const claims = (story: Story) => {
  story("refuses a claim that another actor holds, and all of that transition with it", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("a"), 1, { records: [claim("sbx_1")] })
      const command = yield* claimedCommand(session("b"))
      const rest = { records: [claim("sbx_2"), claim("sbx_1")], completes: command, commands: [{ name: "go", params: {} }] }
      assert.deepStrictEqual(yield* commit(transition(session("b"), 1, rest)), [rejected("sbx_1", "a")])
      assert.deepStrictEqual(yield* commit(transition(session("new"), 0, { records: [claim("sbx_1")] })), [
        rejected("sbx_1", "a")
      ])
      assert.strictEqual((yield* journal.load(session("b")))!.rev, 1)
      assert.strictEqual(yield* journal.load(session("new")), null)
      assert.strictEqual((yield* journal.seen(session("b"), "message 2")).at, null)
      assert.deepStrictEqual(yield* journal.renew([command], 1_000), [true])
      assert.deepStrictEqual(tags(yield* commit(transition(session("c"), 0, { records: [claim("sbx_2")] }))), ["Won"])
    })
  )

  story("grants a claim to whoever holds it already, and to anyone once it is given back", () =>
    Effect.gen(function* () {
      yield* begun(session("a"), 1, { records: [claim("sbx_1")] })
      assert.deepStrictEqual(tags(yield* commit(transition(session("a"), 1, { records: [claim("sbx_1")] }))), ["Won"])
      yield* begun(session("b"), 1, { records: [release("sbx_1")] })
      assert.deepStrictEqual(yield* commit(transition(session("b"), 1, { records: [claim("sbx_1")] })), [rejected("sbx_1", "a")])
      assert.deepStrictEqual(tags(yield* commit(transition(session("a"), 2, { records: [release("sbx_1")] }))), ["Won"])
      assert.deepStrictEqual(tags(yield* commit(transition(session("b"), 1, { records: [claim("sbx_1")] }))), ["Won"])
    })
  )

  story("one organisation's claims are not another's, nor are claims of another name", () =>
    Effect.gen(function* () {
      yield* begun(session("a"), 1, { records: [claim("x")] })
      yield* begun(session("b", "org_2"), 1, { records: [claim("x")] })
      yield* begun(session("c"), 1, { records: [{ type: "claim", name: "port", key: "x" }] })
    })
  )

  story("of a batch that claims one key, exactly the first that may have it wins", () =>
    Effect.gen(function* () {
      yield* begun(session("held"), 1, { records: [claim("sbx_9")] })
      const batch = [
        transition(session("fenced"), 4, { records: [claim("sbx_1")] }),
        transition(session("rejected"), 0, { records: [claim("sbx_9"), claim("sbx_1")] }),
        transition(session("z"), 0, { records: [claim("sbx_1")] }),
        transition(session("a"), 0, { records: [claim("sbx_1")] }),
        transition(session("free"), 0)
      ]
      const verdicts = yield* commit(...batch)
      assert.deepStrictEqual(tags(verdicts), ["Fenced", "Rejected", "Won", "Rejected", "Won"])
      assert.deepStrictEqual(verdicts[3], rejected("sbx_1", "z"))
    })
  )

  story("within a batch a key passes on from who gives it back to who asks later, not earlier", () =>
    Effect.gen(function* () {
      yield* begun(session("m"), 1, { records: [claim("sbx_1")] })
      const verdicts = yield* commit(
        transition(session("early"), 0, { records: [claim("sbx_1")] }),
        transition(session("m"), 1, { records: [release("sbx_1")] }),
        transition(session("late"), 0, { records: [claim("sbx_1")] })
      )
      assert.deepStrictEqual(tags(verdicts), ["Rejected", "Won", "Won"])
    })
  )

  story("of a key that one step both gives back and claims, the last word counts", () =>
    Effect.gen(function* () {
      yield* begun(session("a"), 1, { records: [release("kept"), claim("kept"), claim("left"), release("left")] })
      assert.deepStrictEqual(yield* commit(transition(session("b"), 0, { records: [claim("kept")] })), [rejected("kept", "a")])
      assert.deepStrictEqual(tags(yield* commit(transition(session("b"), 0, { records: [claim("left")] }))), ["Won"])
    })
  )

  story("of many that claim one key at once, one wins and the others learn its name", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 5; round++) {
        const key = `sbx_${round}`
        const racers = ["a", "b", "c", "d"].map((id) =>
          commit(transition(session(`${id}${round}`), 0, { records: [claim(`own ${id}`), claim(key)] }))
        )
        const verdicts = (yield* Effect.all(racers, { concurrency: "unbounded" })).flat()
        assert.deepStrictEqual(tags(verdicts).sort(), ["Rejected", "Rejected", "Rejected", "Won"])
        const winner = ["a", "b", "c", "d"][tags(verdicts).indexOf("Won")]
        for (const verdict of verdicts)
          if (verdict._tag === "Rejected") assert.deepStrictEqual(verdict, rejected(key, `${winner}${round}`))
        yield* commit(transition(session(`${winner}${round}`), 1, { records: [release(`own ${winner}`)] }))
      }
    })
  )
}
