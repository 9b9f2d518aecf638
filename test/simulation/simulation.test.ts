import { assert, describe, it } from "vitest"
import { live, simulation } from "./seed.ts"

const seeds = Array.from({ length: 30 }, (_, index) => index + 1)

describe("a stormy day of some sessions", () => {
  it("is lived again exactly, line by line, from the same seed", () => {
    const [first, again, other] = [simulation(10), simulation(10), simulation(8)]
    for (const [seed, given] of [
      [10, first],
      [10, again],
      [8, other]
    ] as const)
      live(seed, given)
    assert.isAbove(first.trace.length, 100)
    assert.deepStrictEqual(again.trace, first.trace)
    assert.notDeepEqual(other.trace, first.trace)
  })

  it("breaks no promise, and comes to rest when the weather clears", { timeout: 240_000 }, () => {
    const outcomes = seeds.map((seed) => live(seed))
    for (const { seed, violation } of outcomes)
      assert.isNull(violation, `seed ${seed}: ${violation?.law}\n${violation?.lines.join("\n")}`)
    const total = (of: "steps" | "commits" | "folded" | "crashes") => outcomes.reduce((sum, outcome) => sum + outcome[of], 0)
    // A storm that touches nothing proves nothing.
    assert.isAbove(total("commits"), 100 * seeds.length)
    assert.isAbove(total("folded"), 10 * seeds.length)
    assert.isAbove(total("crashes"), seeds.length)
  })
})
