/**
 * Twenty thousand committed commands, claimed, done by a hand that does nothing, and completed: by the outbox of a running router,
 * by bare SKIP LOCKED batches of 500 on a table like it, and by pg-boss.
 */
import assert from "node:assert"
import { Effect } from "effect"
import { contestants, freshServer, inTurns, type Side } from "./contest/contest.ts"
import { type Row, rowOf } from "./rows.ts"

const rows = 20_000
/** Two measured best of 1, 2 and 4. */
const rawWorkers = 2

export const benchOutbox = Effect.fnUntraced(function* (rounds: number, withPeers: boolean) {
  const url = yield* freshServer
  const pgBoss = (workers: number): Side => ({
    name: `pg-boss fetch(50) + complete, ${workers === 1 ? "one consumer" : `${workers} consumers`}`,
    file: "peers/outbox-pgboss.ts",
    input: { url, workers }
  })
  const sides: ReadonlyArray<Side> = [
    { name: "ours", file: "contest/outbox-ours.ts", input: { url } },
    { name: "SKIP LOCKED batches of 500", file: "contest/outbox-raw.ts", input: { url, workers: rawWorkers } },
    ...(withPeers ? [pgBoss(1), pgBoss(4)] : [])
  ]
  const goals = [null, 0.4, 3, null]
  const all = yield* contestants(sides)
  const [ours, ...others] = yield* Effect.promise(() =>
    inTurns(
      all,
      rounds,
      () => ({ rows }),
      ({ tookMs, left }, index) => {
        assert.strictEqual(left, 0, `${sides[index]!.name} has completed all`)
        return (rows * 1_000) / tookMs!
      }
    )
  )
  return others.map((theirs, n) =>
    rowOf("outbox, claim to completion", sides[n + 1]!.name, "per s", ours!, theirs, goals[n + 1]!)
  ) satisfies ReadonlyArray<Row>
})
