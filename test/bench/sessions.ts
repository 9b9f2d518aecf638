/**
 * Durable sessions beside DBOS and Restate: N at once, eight persisted transitions each, with a durable timer of 100 ms and one call
 * of a provider that counts calls by key. Every one has to end, and the provider to be called once for each, or nothing is reported.
 * Of one session alone the time counts, its timer in it; of many, transitions per second.
 */
import assert from "node:assert"
import { Console, Effect } from "effect"
import { contestants, freshServer, inTurns, type Side } from "./contest/contest.ts"
import { provider } from "./contest/provider.ts"
import { type Row, rowOf } from "./rows.ts"

const transitionsEach = 8

export const benchSessions = Effect.fnUntraced(function* (sessions: number, rounds: number) {
  const url = yield* freshServer
  const { counted, url: providerUrl } = yield* Effect.acquireRelease(Effect.promise(provider), ({ end }) => Effect.sync(end))
  const input = { url, providerUrl }
  const sides: ReadonlyArray<Side> = [
    { name: "ours", file: "contest/sessions-ours.ts", input },
    { name: "DBOS workflow", file: "peers/sessions-dbos.ts", input },
    { name: "Restate workflow", file: "peers/sessions-restate.ts", input }
  ]
  const repeats = sides.map(() => ({ duplicates: 0, missing: 0 }))
  const all = yield* contestants(sides)
  const [ours, ...others] = yield* Effect.promise(() =>
    inTurns(
      all,
      rounds,
      (round) => ({ prefix: `n${sessions}r${round}`, sessions }),
      ({ tookMs, ended }, index) => {
        const { keys, calls } = counted()
        repeats[index]!.duplicates += calls - keys
        repeats[index]!.missing += sessions - keys
        assert.strictEqual(ended, sessions, `all sessions of ${sides[index]!.name} have ended`)
        return sessions === 1 ? tookMs! : (sessions * transitionsEach * 1_000) / tookMs!
      }
    )
  )
  for (const [index, { duplicates, missing }] of repeats.entries()) {
    const { name } = sides[index]!
    yield* Console.error(`  ${name}, ${sessions} at once: ${duplicates} calls repeated, ${missing} missing`)
    assert.deepStrictEqual({ name, duplicates, missing }, { name, duplicates: 0, missing: 0 })
  }
  const goals = sessions === 300 ? [4, 1.5] : [null, null]
  const unit = sessions === 1 ? "ms" : "per s"
  return others.map((theirs, n) =>
    rowOf(`durable sessions, ${sessions} at once`, sides[n + 1]!.name, unit, ours!, theirs, goals[n]!)
  ) satisfies ReadonlyArray<Row>
})
