/** Loops in the background: what goes wrong in one turn is told, and the next comes. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { unending, untilDone } from "../../runtime/unending.ts"

/** What is logged while it runs. */
const listening = (lines: Array<string>) =>
  Logger.layer([Logger.make(({ message, cause }) => lines.push(`${String(message)} ${Cause.pretty(cause)}`))])

describe("what goes on in the background", () => {
  it.effect("goes on after a defect and after a failure, says so, and ends when it is interrupted", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      let turns = 0
      const turn = Effect.suspend((): Effect.Effect<void, string> => {
        turns += 1
        if (turns === 2) throw new Error("a defect of ours")
        return turns === 3 ? Effect.fail("no answer") : Effect.void
      })
      const loop = yield* Effect.forkChild(Effect.provide(unending("a loop", turn, 10), listening(lines)), {
        startImmediately: true
      })
      yield* TestClock.adjust(10)
      assert.strictEqual(turns, 2)
      yield* TestClock.adjust(999)
      assert.strictEqual(turns, 2)
      yield* TestClock.adjust(1)
      assert.strictEqual(turns, 3)
      yield* TestClock.adjust(1_020)
      assert.isAbove(turns, 4)
      assert.lengthOf(lines, 2)
      assert.match(lines[0]!, /a loop: .*a defect of ours/s)
      assert.match(lines[1]!, /a loop: .*no answer/s)
      const exit = yield* Effect.exit(Effect.andThen(Fiber.interrupt(loop), Fiber.await(loop)))
      assert.strictEqual(exit._tag, "Success")
      const before = turns
      yield* TestClock.adjust(5_000)
      assert.strictEqual(turns, before)
    })
  )

  it.effect("is tried again until it was done, where it is done once", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      let tries = 0
      const work = Effect.suspend((): Effect.Effect<string, string> => {
        tries += 1
        if (tries === 1) throw new Error("a defect of ours")
        return tries === 2 ? Effect.fail("no answer") : Effect.succeed("done")
      })
      const doing = yield* Effect.forkChild(Effect.provide(untilDone("a work", work), listening(lines)), {
        startImmediately: true
      })
      yield* TestClock.adjust(2_000)
      assert.strictEqual(yield* Fiber.join(doing), "done")
      assert.deepStrictEqual([tries, lines.length], [3, 2])
      assert.match(lines[0]!, /a work: .*a defect of ours/s)
    })
  )
})
