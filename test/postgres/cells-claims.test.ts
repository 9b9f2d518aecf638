/** What is claimed of all cells at once, and which deadlines are shown: bounded, fair between cells and organisations, and all of it. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import { celledJournal } from "../../adapters/postgres/cells/stores.ts"
import { connect } from "../../adapters/postgres/pool.ts"
import { session, transition } from "../contract/journal/world.ts"
import { cellOf, cellsOn } from "../support/cells.ts"
import { migratedDatabase } from "../support/postgres.ts"

const organisations = ["org_1", "org_2", "org_3", "org_4"]
const runs = 20

/** How much each organisation has, and how much is asked for. */
const load = fc.record({
  has: fc.tuple(...organisations.map(() => fc.integer({ min: 0, max: 12 }))),
  limit: fc.integer({ min: 1, max: 20 }),
  share: fc.integer({ min: 1, max: 8 })
})

const countBy = <A>(rows: ReadonlyArray<A>, nameOf: (row: A) => string): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const row of rows) counts[nameOf(row)] = (counts[nameOf(row)] ?? 0) + 1
  return counts
}

it.live("are bounded, fair and whole", () =>
  Effect.gen(function* () {
    const database = Effect.flatMap(migratedDatabase, (url) => connect(url))
    const [home, other] = [yield* database, yield* database]
    const journal = celledJournal(cellsOn(home, other))
    const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect)
    const property = fc.asyncProperty(load, async ({ has, limit, share }) => {
      for (const { sql } of [home, other]) await sql`truncate actors, journal, commands, timers`
      const batch = organisations.map((org, n) =>
        transition(session(org, org), 0, {
          commands: Array.from({ length: has[n]! }, (_, at) => ({ name: `${at}`, params: null })),
          timers: new Map(Array.from({ length: has[n]! }, (_, at) => [`t${at}`, { delayMs: at, event: {} }]))
        })
      )
      await run(journal.commit(batch))
      const total = has.reduce((sum, one) => sum + one, 0)

      const shown = await run(journal.dueTimers(60_000, limit))
      assert.lengthOf(shown, Math.min(limit, total))
      const turns = countBy(shown, ({ address }) => address.org)
      for (const [n, org] of organisations.entries())
        for (const rival of organisations)
          if ((turns[org] ?? 0) < has[n]!) assert.isAtMost(turns[rival] ?? 0, (turns[org] ?? 0) + 1, "organisations take turns")

      const seen = new Set<string>()
      const left = new Map(organisations.map((org, n) => [org, has[n]!]))
      for (let round = 0; seen.size < total; round++) {
        assert.isBelow(round, 100)
        const claimed = await run(journal.claim(limit, 60_000, {}, { each: share, of: {} }))
        const mine = countBy(claimed, ({ address }) => address.org)
        const may = (orgs: ReadonlyArray<string>) => orgs.reduce((sum, org) => sum + Math.min(share, left.get(org)!), 0)
        assert.lengthOf(claimed, Math.min(limit, may(organisations)), "no more than was asked for, and all there is room for")
        for (const org of organisations) assert.isAtMost(mine[org] ?? 0, share)
        for (const cell of new Set(organisations.map(cellOf))) {
          const its = organisations.filter((org) => cellOf(org) === cell)
          const had = its.reduce((sum, org) => sum + (mine[org] ?? 0), 0)
          assert.isAtLeast(had, Math.min(Math.floor(limit / 2), may(its)), "no cell is passed over")
        }
        for (const { key, address } of claimed) {
          assert.isFalse(seen.has(key))
          seen.add(key)
          left.set(address.org, left.get(address.org)! - 1)
        }
      }
    })
    yield* Effect.promise(() => fc.assert(property, { numRuns: runs }))
  }).pipe(Effect.scoped)
)
