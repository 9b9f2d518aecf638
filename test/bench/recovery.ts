/**
 * A host starts where a hundred thousand sessions were written within the last five minutes before a crash, each with a timer and a
 * feed: one in a hundred has a link to be held again, another one in a hundred told something that its watchers lack. The others are
 * found to lack nothing, and come to memory when somebody asks. Sessions per second from the start until all of those stand, beside
 * one bulk select of the snapshots and the machine's restore. Each round is a process of its own.
 */
import { Effect } from "effect"
import { sessionActor } from "../../actors/session.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { contestant } from "./contest/child.ts"
import { freshServer } from "./contest/contest.ts"
import { type Row, rowOf } from "./rows.ts"
import { storeIdle } from "./session.ts"

const sessions = 100_000
/** Whom somebody has to look after at once. */
const standing = 2_000
const rounds = 2

export const benchRecovery = Effect.gen(function* () {
  const url = yield* freshServer
  const postgres = yield* connect(url, { sqlMax: 1, committerMax: 1 })
  yield* storeIdle("recovery", sessions, sessionActor.version).pipe(Effect.provideService(Postgres, postgres))
  // All have told of their fifth revision.
  yield* Effect.promise(() => postgres.sql`update journal set notices = '[{"kind":"state","body":{}}]'`)
  yield* Effect.promise(() => postgres.sql`update actors set updated_at = 1e13, resident = id like '%02' where kind = 'session'`)
  yield* Effect.promise(() => postgres.sql`vacuum analyze actors, journal, feed_heads`.simple())
  const rate = (file: string) =>
    Effect.promise(async () => {
      const one = await contestant(file, { url, sessions, standing })
      const { tookMs } = await one.round({})
      one.kill()
      return (sessions * 1_000) / tookMs!
    })
  const [ours, bulk]: [Array<number>, Array<number>] = [[], []]
  for (let round = 0; round < rounds; round++) {
    // Of one in a hundred the feed knows the fourth alone, until a host has told the fifth.
    yield* Effect.promise(
      () => postgres.sql`update feed_heads set sources = jsonb_build_object('session/' || home, 4000) where home like '%01'`
    )
    ours.push(yield* rate("contest/recovery-ours.ts"))
    bulk.push(yield* rate("contest/recovery-raw.ts"))
  }
  return [
    rowOf(`a start over ${sessions} sessions, ${standing} to be held`, "one select and restore", "per s", ours, bulk, 0.5)
  ] satisfies ReadonlyArray<Row>
})
