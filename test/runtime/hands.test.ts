/** The hands of a process, shared by organisations: nobody is passed over, and whatever one of them does, the next finds a hand. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Hands } from "../../runtime/hands.ts"
import { commandsAheadMax, commandsInFlightMax, commandsWaitingMax } from "../../runtime/limits.ts"

const orgs = ["a", "b", "c"] as const
type Org = (typeof orgs)[number]
const anyOrg = fc.constantFrom<Org>("a", "a", "a", "b", "c")
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ push: anyOrg, times: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 3, arbitrary: fc.record({ begin: fc.integer({ min: 1, max: 80 }) }) },
  { weight: 3, arbitrary: fc.record({ end: anyOrg, times: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ drop: fc.integer({ min: 0, max: 400 }) }) }
)

const beginAll = <A>(hands: Hands<A>): ReadonlyArray<A> => {
  const begun: Array<A> = []
  for (let item = hands.begin(); item !== undefined; item = hands.begin()) begun.push(item)
  return begun
}
const flood = (hands: Hands<string>, org: string, count = 500) => {
  for (let n = 0; n < count; n++) hands.push(org, org)
}

describe("hands", () => {
  it("are never more than there are, of none more than its share, in order, and idle only where a share is used up", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const hands = new Hands<readonly [org: Org, n: number]>()
        const waiting = new Map<Org, Array<number>>(orgs.map((org) => [org, []]))
        const atWork = new Map<Org, number>(orgs.map((org) => [org, 0]))
        const total = () => [...atWork.values()].reduce((sum, count) => sum + count, 0)
        const shareOf = (org: Org) => Math.max(1, Math.floor((commandsInFlightMax - (total() - atWork.get(org)!)) / 2))
        const mayBegin = () =>
          total() < commandsInFlightMax && orgs.some((org) => waiting.get(org)!.length > 0 && atWork.get(org)! < shareOf(org))
        let pushed = 0
        for (const one of steps) {
          if ("push" in one)
            for (let n = 0; n < one.times; n++) {
              hands.push(one.push, [one.push, ++pushed])
              waiting.get(one.push)!.push(pushed)
            }
          else if ("drop" in one) {
            hands.drop(([, n]) => n <= one.drop)
            for (const [org, all] of waiting)
              waiting.set(
                org,
                all.filter((n) => n > one.drop)
              )
          } else if ("end" in one)
            for (let n = 0; n < Math.min(one.times, atWork.get(one.end)!); ) {
              hands.end(one.end)
              atWork.set(one.end, atWork.get(one.end)! - 1)
              n += 1
            }
          else
            for (let n = 0; n < one.begin; n++) {
              const could = mayBegin()
              const item = hands.begin()
              assert.strictEqual(item !== undefined, could)
              if (item === undefined) break
              const [org, number] = item
              assert.isBelow(atWork.get(org)!, shareOf(org))
              assert.strictEqual(number, waiting.get(org)!.shift())
              atWork.set(org, atWork.get(org)! + 1)
            }
          assert.isAtMost(total(), commandsInFlightMax)
          const { max, shares } = hands.room()
          assert.isAtMost(max, commandsWaitingMax)
          for (const org of orgs) assert.isAtLeast(shares.of[org] ?? shares.each, 0)
        }
      })
    )
  })

  it("take turns: of three floods each begins as many", () => {
    const hands = new Hands<string>()
    for (const org of orgs) flood(hands, org)
    const begun = beginAll(hands)
    const counts = orgs.map((org) => begun.filter((one) => one === org).length)
    assert.deepEqual(begun.slice(0, 6), ["a", "b", "c", "a", "b", "c"])
    assert.isAtMost(Math.max(...counts) - Math.min(...counts), 1)
  })

  it("are there for the next organisation, whoever keeps all that it may", () => {
    const hands = new Hands<string>()
    const begun = ["a", "b", "c", "d", "e", "f"].map((org) => {
      flood(hands, org)
      return beginAll(hands).length
    })
    assert.deepEqual(begun, [64, 32, 16, 8, 4, 2])
    flood(hands, "g")
    assert.deepEqual(beginAll(hands), ["g"])
  })

  it("ask for as many ahead as ended, of those alone whose they were", () => {
    const hands = new Hands<string>()
    flood(hands, "a", 64)
    assert.lengthOf(beginAll(hands), 64)
    assert.deepEqual(hands.room(), { max: 32, shares: { each: 32, of: { a: 0 } } })
    for (let n = 0; n < 10; n++) hands.end("a")
    flood(hands, "a", 10)
    assert.lengthOf(beginAll(hands), 10)
    assert.deepEqual(hands.room(), { max: 32 + 10, shares: { each: 32, of: { a: 10 } } })
    assert.deepEqual(hands.room().shares.of, { a: 0 })
    for (let round = 0; round < commandsAheadMax * 2; round++) {
      hands.end("a")
      hands.push("a", "a")
      hands.begin()
    }
    assert.strictEqual(hands.room().shares.of["a"], commandsAheadMax)
  })
})
