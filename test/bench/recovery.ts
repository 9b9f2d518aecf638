/**
 * A hundred thousand stored sessions, each with a timer and a feed, that a host has to hold again when it starts: sessions per second
 * from its start to the last, beside one bulk select of their snapshots and the machine's restore. Each round is a process of its own.
 */
import { Effect } from "effect"
import { sessionActor } from "../../actors/session.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { contestant } from "./contest/child.ts"
import { freshServer } from "./contest/contest.ts"
import { type Row, rowOf } from "./rows.ts"
import { storeIdle } from "./session.ts"

const sessions = 100_000
const rounds = 2

export const benchRecovery = Effect.gen(function* () {
  const url = yield* freshServer
  const postgres = yield* connect(url, { sqlMax: 1, committerMax: 1 })
  yield* storeIdle("recovery", sessions, sessionActor.version).pipe(Effect.provideService(Postgres, postgres))
  yield* Effect.promise(() => postgres.sql`update actors set resident = true where kind = 'session'`)
  yield* Effect.promise(() => postgres.sql`vacuum analyze actors`)
  const rate = (file: string) =>
    Effect.promise(async () => {
      const one = await contestant(file, { url, sessions })
      const { tookMs } = await one.round({})
      one.kill()
      return (sessions * 1_000) / tookMs!
    })
  const [ours, bulk]: [Array<number>, Array<number>] = [[], []]
  for (let round = 0; round < rounds; round++) {
    ours.push(yield* rate("contest/recovery-ours.ts"))
    bulk.push(yield* rate("contest/recovery-raw.ts"))
  }
  return [
    rowOf(`recovery of ${sessions} sessions`, "one select and restore", "per s", ours, bulk, 0.5)
  ] satisfies ReadonlyArray<Row>
})
