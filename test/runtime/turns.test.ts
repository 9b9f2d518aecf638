/** Organisations take turns: nobody is passed over, nobody waits for another's flood, and whoever is alone is not held up. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { besideMs, turnsMax, turnsMin } from "../../runtime/limits.ts"
import { Turns } from "../../runtime/turns.ts"

const orgs = ["a", "b", "c"] as const
type Org = (typeof orgs)[number]
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ push: fc.constantFrom<Org>("a", "a", "a", "b", "c"), times: fc.integer({ min: 1, max: 12 }) })
  },
  { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 20 }) }) },
  { weight: 3, arbitrary: fc.record({ giveBack: fc.integer({ min: 0, max: 1_000 }) }) },
  { weight: 1, arbitrary: fc.record({ passMs: fc.integer({ min: 1, max: 3 * besideMs }) }) }
)

describe("turns", () => {
  it("keep the order within an organisation, its share beside others, and hold nobody up without need", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let nowMs = 0
        const turns = new Turns<readonly [org: Org, n: number]>(() => nowMs)
        const peaks: Array<{ readonly org: Org; readonly count: number; untilMs: number }> = []
        const waiting = new Map<Org, Array<number>>(orgs.map((org) => [org, []]))
        const held: Array<Org> = []
        let pushed = 0
        const heldOf = (org: Org) => held.filter((one) => one === org).length
        const askedOf = (org: Org) => waiting.get(org)!.length + heldOf(org)
        /** What the second busiest has asked for within so long; 0: there was one at most. */
        const secondOf = (withinMs: number): number => {
          const most = orgs.map((org) => {
            const counts = peaks.filter((peak) => peak.org === org && peak.untilMs > nowMs - withinMs).map(({ count }) => count)
            return Math.max(askedOf(org), ...counts)
          })
          return most.sort((x, y) => y - x)[1]!
        }
        const shares = () => {
          const [surely, perhaps] = [secondOf(besideMs), secondOf(2 * besideMs + 1)]
          return {
            least: perhaps === 0 ? Number.POSITIVE_INFINITY : Math.max(turnsMin, Math.min(surely, turnsMax / orgs.length)),
            most: surely === 0 ? Number.POSITIVE_INFINITY : Math.max(9 * turnsMin, Math.min(perhaps, turnsMax))
          }
        }
        for (const one of steps) {
          if ("push" in one) {
            for (let n = 0; n < one.times; n++) {
              turns.push(one.push, [one.push, ++pushed])
              waiting.get(one.push)!.push(pushed)
            }
          } else if ("passMs" in one) {
            for (const org of orgs) peaks.push({ org, count: askedOf(org), untilMs: nowMs + one.passMs })
            nowMs += one.passMs
          } else if ("giveBack" in one) {
            const [org] = held.length === 0 ? [] : held.splice(one.giveBack % held.length, 1)
            if (org === undefined) continue
            peaks.push({ org, count: askedOf(org) + 1, untilMs: nowMs })
            turns.giveBack(org)
          } else {
            const { least, most } = shares()
            const before = new Map(orgs.map((org) => [org, heldOf(org)]))
            const taken = turns.take(one.take)
            for (const [org, n] of taken) {
              assert.strictEqual(waiting.get(org)!.shift(), n)
              held.push(org)
              assert.isAtMost(heldOf(org), Math.max(most, before.get(org)!))
            }
            if (taken.length < one.take)
              for (const org of orgs)
                assert.isTrue(waiting.get(org)!.length === 0 || heldOf(org) >= Math.floor(least), `${org} is held up`)
            // In turns: whoever still waits, and may, was served as often as anyone in this take, but for one.
            const served = (org: Org) => heldOf(org) - before.get(org)!
            for (const org of orgs)
              if (waiting.get(org)!.length > 0 && heldOf(org) < Math.floor(least))
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

  it("let a single one through a flood of ten thousand at once, and the flood through when it has been alone for a while", () => {
    let nowMs = 0
    const turns = new Turns<string>(() => nowMs)
    for (let n = 0; n < 10_000; n++) turns.push("flood", `flood ${n}`)
    assert.lengthOf(turns.take(64), 64)
    turns.push("quiet", "one")
    assert.deepEqual(turns.take(64), ["one"])
    for (let n = 0; n < 64 - turnsMin; n++) turns.giveBack("flood")
    assert.deepEqual(turns.take(64), [])
    for (let n = 0; n < 2; n++) turns.giveBack("flood")
    assert.deepEqual(turns.take(64), ["flood 64", "flood 65"])
    turns.giveBack("quiet")
    assert.lengthOf(turns.take(64), 0)
    nowMs = 2 * besideMs
    assert.lengthOf(turns.take(64), 64)
  })

  it("hold a flood to few at once beside one that asks again and again, and to more the less often that asks", () => {
    const heldBeside = (everyMs: number): number => {
      let nowMs = 0
      const turns = new Turns<string>(() => nowMs)
      let held = 0
      for (let n = 0; n < 1_000; n++) turns.push("flood", "flood")
      for (; nowMs < 1_000; nowMs += 1) {
        for (; held > 0; held--) turns.giveBack("flood")
        if (nowMs % everyMs === 0) turns.push("quiet", "quiet")
        const taken = turns.take(64)
        for (const one of taken) {
          if (one === "quiet") turns.giveBack("quiet")
          else {
            held += 1
            turns.push("flood", "flood")
          }
        }
      }
      return held
    }
    assert.strictEqual(heldBeside(10), turnsMin)
    assert.isAbove(heldBeside(90), 2 * turnsMin)
    assert.strictEqual(heldBeside(100_000), 64)
  })

  it("let go at once whatever many an organisation has waiting when it is alone, in order and each once", () => {
    let nowMs = 0
    const turns = new Turns<number>(() => nowMs)
    turns.push("quiet", -1)
    for (let n = 0; n < 200_000; n++) turns.push("flood", n)
    const before = turns.take(Number.POSITIVE_INFINITY)
    assert.deepStrictEqual(before, [-1, ...Array.from({ length: turnsMin }, (_, n) => n)])
    turns.giveBack("quiet")
    nowMs = 3 * besideMs
    const isNext = turns.take(Number.POSITIVE_INFINITY).every((item, n) => item === turnsMin + n)
    assert.isTrue(isNext)
    assert.strictEqual(turns.size, 0)
  })
})
