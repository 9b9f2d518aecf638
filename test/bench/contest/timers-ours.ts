/**
 * Deadlines of sessions in memory, through a running router: read ahead, fired when due, and committed, each arming the next. Late
 * is what lies between the time in the table and the commit that took it, seen by the process.
 */
import { Deferred, Effect, Layer } from "effect"
import { Postgres } from "../../../adapters/postgres/pool.ts"
import { Inspector } from "../../../runtime/inspection.ts"
import { Router } from "../../../runtime/router.ts"
import { counterActor } from "../counter.ts"
import { quantile } from "../rows.ts"
import { answering, input } from "./answering.ts"
import { runtimeOn } from "./runtime.ts"

const { url, timers, creates } = input<{ readonly url: string; readonly timers: number; readonly creates: boolean }>()
const aheadMs = 3_000
const spreadMs = 5_000

const idOf = (n: number) => `tmr_${String(n).padStart(6, "0")}`
let startsAtMs = 0
const dueAtMs = (id: string) => startsAtMs + Math.floor((Number(id.slice(4)) * spreadMs) / timers)
const [fired, committed]: [Array<number>, Array<number>] = [[], []]
let all = Deferred.makeUnsafe<void>()
const heard = Layer.succeed(Inspector, (inspection) => {
  if (startsAtMs === 0) return
  if (inspection.type === "timer.fired") fired.push(Date.now() - dueAtMs(inspection.address.id))
  if (inspection.type !== "actor.stepped" || !inspection.event.startsWith("xstate.after.")) return
  committed.push(Date.now() - dueAtMs(inspection.address.id))
  if (committed.length === timers) Deferred.doneUnsafe(all, Effect.void)
})

const program = Effect.gen(function* () {
  const [router, { sql }] = [yield* Router, yield* Postgres]
  if (creates) {
    yield* Effect.forEach(
      Array.from({ length: timers }, (_, n) => idOf(n)),
      (id) =>
        router.ask({ org: "org_bench", kind: "counter", id, home: id }, { id: "create", event: { type: "create" }, by: null }),
      { concurrency: 512, discard: true }
    )
  }
  const round = Effect.gen(function* () {
    all = Deferred.makeUnsafe<void>()
    fired.length = 0
    committed.length = 0
    const [row] = yield* Effect.promise(
      () => sql<Array<{ readonly at: number }>>`
        with at as materialized (select proliferate.now_ms() + ${aheadMs}::int8 as ms), armed as (
          update timers set due = at.ms + floor(substr(id, 5)::float8 * ${spreadMs} / ${timers})::int8 from at
          where kind = 'counter' and id like 'tmr%'
        )
        select ms::float8 as at from at`
    )
    startsAtMs = row!.at
    yield* router.hurry
    yield* Deferred.await(all)
    const [armed] = yield* Effect.promise(
      () =>
        sql<
          Array<{ readonly count: number }>
        >`select count(*)::int as count from timers where due > ${startsAtMs + spreadMs}::int8`
    )
    return {
      p50: quantile(committed, 0.5),
      p99: quantile(committed, 0.99),
      firedP99: quantile(fired, 0.99),
      lost: timers - armed!.count,
      again: fired.length - timers
    }
  })
  yield* Effect.promise(() => answering(() => Effect.runPromise(round)))
})
await Effect.runPromise(Effect.scoped(program.pipe(Effect.provide(runtimeOn(url, counterActor)), Effect.provide(heard))))
