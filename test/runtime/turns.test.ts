/** Organisations take turns: nobody is passed over, nobody waits for another's flood, and whoever is alone is not held up. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { turnsMin } from "../../runtime/limits.ts"
import { Turns } from "../../runtime/turns.ts"

const orgs = ["a", "b", "c"] as const
type Org = (typeof orgs)[number]
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ push: fc.constantFrom<Org>("a", "a", "a", "b", "c"), times: fc.integer({ min: 1, max: 12 }) })
  },
  { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 20 }) }) },
  { weight: 3, arbitrary: fc.record({ giveBack: fc.integer({ min: 0, max: 1_000 }) }) }
)

describe("turns", () => {
  it("keep the order within an organisation, its share beside others, and hold nobody up without need", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const turns = new Turns<readonly [org: Org, n: number]>()
        const waiting = new Map<Org, Array<number>>(orgs.map((org) => [org, []]))
        const held: Array<Org> = []
        let pushed = 0
        const heldOf = (org: Org) => held.filter((one) => one === org).length
        const askedOf = (org: Org) => waiting.get(org)!.length + heldOf(org)
        const shareOf = () => {
          const asked = orgs.map(askedOf).filter((count) => count > 0)
          return asked.length <= 1 ? Number.POSITIVE_INFINITY : Math.max(turnsMin, asked.sort((x, y) => y - x)[1]!)
        }
        for (const one of steps) {
          if ("push" in one) {
            for (let n = 0; n < one.times; n++) {
              turns.push(one.push, [one.push, ++pushed])
              waiting.get(one.push)!.push(pushed)
            }
          } else if ("giveBack" in one) {
            const [org] = held.length === 0 ? [] : held.splice(one.giveBack % held.length, 1)
            if (org !== undefined) turns.giveBack(org)
          } else {
            const share = shareOf()
            const before = new Map(orgs.map((org) => [org, heldOf(org)]))
            const taken = turns.take(one.take)
            for (const [org, n] of taken) {
              assert.strictEqual(waiting.get(org)!.shift(), n)
              held.push(org)
              assert.isAtMost(heldOf(org), share)
            }
            if (taken.length < one.take)
              for (const org of orgs) assert.isTrue(waiting.get(org)!.length === 0 || heldOf(org) >= share, `${org} is held up`)
            // In turns: whoever still waits, and may, was served as often as anyone in this take, but for one.
            const served = (org: Org) => heldOf(org) - before.get(org)!
            for (const org of orgs)
              if (waiting.get(org)!.length > 0 && heldOf(org) < share)
                for (const other of orgs) assert.isAtMost(served(other), served(org) + 1)
          }
          assert.strictEqual(
            turns.size,
            orgs.reduce((sum, org) => sum + waiting.get(org)!.length, 0)
          )
        }
      }),
      { numRuns: 1_000 }
    )
  })

  it("let a single one through a flood of ten thousand at once, and the flood through when it is alone again", () => {
    const turns = new Turns<string>()
    for (let n = 0; n < 10_000; n++) turns.push("flood", `flood ${n}`)
    assert.lengthOf(turns.take(64), 64)
    turns.push("quiet", "one")
    assert.deepEqual(turns.take(64), ["one"])
    for (let n = 0; n < 64 - turnsMin; n++) turns.giveBack("flood")
    assert.deepEqual(turns.take(64), [])
    for (let n = 0; n < 2; n++) turns.giveBack("flood")
    assert.deepEqual(turns.take(64), ["flood 64", "flood 65"])
    turns.giveBack("quiet")
    assert.lengthOf(turns.take(64), 64)
  })
})
