/** Organisations take turns: nobody is passed over, nobody waits for another's flood. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Turns } from "../../runtime/turns.ts"

const orgs = ["a", "b", "c"] as const
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ push: fc.constantFrom(...orgs) }) },
  { weight: 1, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 5 }) }) }
)

describe("turns", () => {
  it("are kept: in order within an organisation, and none a second time while another waits for its first", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const turns = new Turns<readonly [org: string, n: number]>()
        const model = new Map<string, Array<number>>(orgs.map((org) => [org, []]))
        /** How often others were served since, by who waits. */
        const passedOver = new Map<string, Map<string, number>>()
        let pushed = 0
        for (const one of steps) {
          if ("push" in one) {
            turns.push(one.push, [one.push, ++pushed])
            model.get(one.push)!.push(pushed)
            continue
          }
          const waiting = [...model.values()].reduce((sum, queue) => sum + queue.length, 0)
          assert.strictEqual(turns.size, waiting)
          const taken = turns.take(one.take)
          assert.strictEqual(taken.length, Math.min(one.take, waiting))
          for (const [org, n] of taken) {
            assert.strictEqual(model.get(org)!.shift(), n)
            passedOver.delete(org)
            for (const other of orgs) {
              if (other === org || model.get(other)!.length === 0) continue
              const since = passedOver.get(other) ?? new Map<string, number>()
              passedOver.set(other, since)
              since.set(org, (since.get(org) ?? 0) + 1)
              assert.isAtMost(since.get(org)!, 1, `${other} waits, and ${org} had two turns`)
            }
          }
        }
      }),
      { numRuns: 1_000 }
    )
  })

  it("let a single one through a flood of ten thousand at the next take", () => {
    const turns = new Turns<string>()
    for (let n = 0; n < 10_000; n++) turns.push("flood", `flood ${n}`)
    turns.push("quiet", "one")
    assert.deepEqual(turns.take(4), ["flood 0", "one", "flood 1", "flood 2"])
    assert.strictEqual(turns.size, 9_997)
  })
})
