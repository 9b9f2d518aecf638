/**
 * What a flood of one organisation costs the others: eight organisations with four actors each, every one of them asking again as
 * soon as it is answered.
 *
 *   ours    beside another organisation whose two thousand actors do the same
 *   theirs  alone
 *
 * One process, one committer; only acknowledged transitions of the eight are counted.
 */
import { Effect } from "effect"
import type { Address } from "../../runtime/address.ts"
import { Router } from "../../runtime/router.ts"
import { type Row, rowOf } from "./rows.ts"

const rounds = 3
const measureMs = 2_000
const floodActors = 2_000

const actorsOf = (org: string, prefix: string, count: number): ReadonlyArray<Address> =>
  Array.from({ length: count }, (_, index) => {
    const id = `${prefix}_${org}_${index}`
    return { org, kind: "counter", id, home: id }
  })

/** Acknowledged transitions per second, of `counted` alone. */
const rate = Effect.fnUntraced(function* (counted: ReadonlyArray<Address>, beside: ReadonlyArray<Address>) {
  const router = yield* Router
  const all = [...counted, ...beside]
  const ask = (address: Address, type: string, n: number) =>
    router.ask(address, { id: `${type}:${n}`, event: { type }, by: null })
  yield* Effect.forEach(all, (address) => ask(address, "create", 0), { concurrency: "unbounded", discard: true })
  const endsAt = performance.now() + measureMs
  const asking = (address: Address) =>
    Effect.gen(function* () {
      let answered = 0
      while (performance.now() < endsAt) yield* ask(address, "next", answered++)
      return answered
    })
  const answered = yield* Effect.forEach(all, asking, { concurrency: "unbounded" })
  const total = answered.slice(0, counted.length).reduce((sum, count) => sum + count, 0)
  return (total * 1_000) / measureMs
})

export const benchFairness = Effect.gen(function* () {
  const [ours, theirs]: [Array<number>, Array<number>] = [[], []]
  for (let round = 0; round <= rounds; round++) {
    const quiet = (side: string) => Array.from({ length: 8 }, (_, org) => actorsOf(`org_${org}`, `${side}_${round}`, 4)).flat()
    const sides = [
      Effect.map(rate(quiet("beside"), actorsOf("org_flood", `${round}`, floodActors)), (value) => ours.push(value)),
      Effect.map(rate(quiet("alone"), []), (value) => theirs.push(value))
    ]
    for (const side of round % 2 === 1 ? sides.reverse() : sides) yield* side
  }
  const row: Row = rowOf("eight organisations beside a flood", "alone", "per s", ours.slice(1), theirs.slice(1), 0.8)
  return [row]
})
