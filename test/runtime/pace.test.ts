/** So many at once, then one at a time, for each organisation by itself. */
import fc from "fast-check"
import { assert, it } from "vitest"
import { Pace } from "../../runtime/pace.ts"

it("in no stretch of time are there more turns than those at once and one for each pause in it, and none waits without need", () => {
  const asks = fc.array(fc.record({ org: fc.constantFrom("a", "a", "b"), passMs: fc.integer({ min: 0, max: 60 }) }), {
    maxLength: 80
  })
  fc.assert(
    fc.property(asks, (all) => {
      const [atOnce, everyMs] = [3, 20]
      let nowMs = 0
      const pace = new Pace(atOnce, everyMs, () => nowMs)
      const turns = new Map<string, Array<number>>([
        ["a", []],
        ["b", []]
      ])
      for (const { org, passMs } of all) {
        nowMs += passMs
        const atMs = nowMs + pace.next(org)
        const before = turns.get(org)!
        before.push(atMs)
        for (const [n, fromMs] of before.entries())
          assert.isAtMost(before.length - n, atOnce + Math.floor((atMs - fromMs) / everyMs))
        // Had it come any sooner there would have been too many of them.
        if (atMs > nowMs)
          assert.isTrue(before.some((fromMs, n) => before.length - n > atOnce + Math.floor((atMs - 1 - fromMs) / everyMs)))
      }
    }),
    { numRuns: 500 }
  )
})

it("whoever has rested long has no more at once than whoever has rested, also behind another that has far to go", () => {
  let nowMs = 0
  const pace = new Pace(3, 20, () => nowMs)
  for (let n = 0; n < 1_000; n++) pace.next("a")
  pace.next("b")
  nowMs = 10_000
  const waits = Array.from({ length: 5 }, () => pace.next("b"))
  assert.deepStrictEqual(waits, [0, 0, 0, 20, 40])
})
