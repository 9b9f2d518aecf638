/**
 * Twenty thousand deadlines due over five seconds: how late the last percent is, through a running router, and in a bare loop on a
 * table like it. Then a process is killed with half of them fired, and the next must fire the rest, none twice.
 */
import assert from "node:assert"
import { setTimeout as sleep } from "node:timers/promises"
import { Console, Effect } from "effect"
import { connect } from "../../adapters/postgres/pool.ts"
import { contestant } from "./contest/child.ts"
import { contestants, freshServer } from "./contest/contest.ts"
import { type Row, rowOf } from "./rows.ts"

const timers = 20_000
const rounds = 3
const goalMs = 25

/** Fired once each, by two processes of which the first was killed. */
const acrossAKill = Effect.gen(function* () {
  const url = yield* freshServer
  const { sql } = yield* connect(url, { sqlMax: 1, committerMax: 1 })
  const file = "contest/timers-ours.ts"
  const counts = async () => {
    const [row] = await sql<Array<{ readonly fired: number; readonly twice: number; readonly of: number }>>`
      select count(*) filter (where rev = 2)::int as fired, count(*) filter (where rev > 2)::int as twice, count(*)::int as of
      from actors where kind = 'counter'`
    return row!
  }
  yield* Effect.promise(async () => {
    const first = await contestant(file, { url, timers, creates: true })
    const round = first.round({}).catch(() => null)
    while ((await counts()).fired < timers / 2) await sleep(50)
    first.kill()
    await round
  })
  const before = yield* Effect.promise(counts)
  yield* contestants([{ name: "the next", file, input: { url, timers, creates: false } }])
  yield* Effect.promise(async () => {
    for (let looks = 0; looks < 600 && (await counts()).fired < timers; looks++) await sleep(100)
  })
  const { fired, twice, of } = yield* Effect.promise(counts)
  yield* Console.error(`  killed with ${before.fired} fired: ${of - fired - twice} lost, ${twice} fired twice`)
  assert.deepStrictEqual({ fired, twice, of }, { fired: timers, twice: 0, of: timers })
})

export const benchTimers = Effect.gen(function* () {
  const url = yield* freshServer
  const [ours, bare] = yield* contestants([
    { name: "ours", file: "contest/timers-ours.ts", input: { url, timers, creates: true } },
    { name: "a bare loop", file: "contest/timers-raw.ts", input: { url, timers } }
  ])
  const [mine, fired, theirs]: [Array<number>, Array<number>, Array<number>] = [[], [], []]
  for (let round = 0; round <= rounds; round++) {
    const { p99, firedP99, lost } = yield* Effect.promise(() => ours!.round({}))
    const raw = yield* Effect.promise(() => bare!.round({}))
    assert.strictEqual(lost, 0, "every timer has fired")
    if (round === 0) continue
    mine.push(p99!)
    fired.push(firedP99!)
    theirs.push(raw["p99"]!)
  }
  yield* acrossAKill
  const name = `${timers} timers over 5 s`
  return [
    rowOf(`${name}, p99 from due to fired`, `${goalMs} ms, the goal`, "ms", fired, [goalMs], 1),
    rowOf(`${name}, p99 from due to committed`, "a bare loop", "ms", mine, theirs, null)
  ] satisfies ReadonlyArray<Row>
})
