/**
 * Rows of `commands` as commits leave them, due at once: claimed by the outbox of a running router, done by a hand that does
 * nothing, completed. Timed from the insert that makes them visible until the outbox has said so of each; then the table is empty,
 * or the figure does not count.
 */
import { Deferred, Effect, Layer } from "effect"
import { Postgres } from "../../../adapters/postgres/pool.ts"
import { Inspector } from "../../../runtime/inspection.ts"
import { Router } from "../../../runtime/router.ts"
import { counterActor } from "../counter.ts"
import { answering, input } from "./answering.ts"
import { runtimeOn } from "./runtime.ts"

const actors = 1_000
const { url } = input<{ readonly url: string }>()
const idler = { ...counterActor, kind: "idler", commands: { nothing: () => Effect.void } }

let left = 0
let allDone = Deferred.makeUnsafe<void>()
const heard = Layer.succeed(Inspector, ({ type }) => {
  if (type === "command.done" && --left === 0) Deferred.doneUnsafe(allDone, Effect.void)
})

const program = Effect.gen(function* () {
  const [{ sql }, router] = [yield* Postgres, yield* Router]
  yield* Effect.promise(
    () => sql`insert into actors (org, kind, id, home, rev, epoch, machine_version, status, snapshot, resident, updated_at)
      select 'org_bench', 'idler', 'idl_' || n, 'idl_' || n, 1, 1, 1, 'even', '{"value":"even","context":{"count":0}}', false, 0
      from generate_series(0, ${actors - 1}::int) as n on conflict do nothing`
  )
  let rev = 1
  const round = Effect.fnUntraced(function* (rows: number) {
    allDone = Deferred.makeUnsafe<void>()
    left = rows
    rev += 1
    yield* Effect.promise(
      () => sql`insert into commands (key, org, kind, id, rev, idx, name, params, due)
        select 'idler:idl_' || (n % ${actors}) || ':' || ${rev}::text || ':' || n, 'org_bench', 'idler', 'idl_' || (n % ${actors}),
          ${rev}::int8, n, 'nothing', '{"n": 1}', proliferate.now_ms() from generate_series(0, ${rows - 1}::int) as n`
    )
    const startedAt = performance.now()
    const cpu = process.cpuUsage()
    yield* router.hurry
    yield* Deferred.await(allDone)
    const tookMs = performance.now() - startedAt
    const [count] = yield* Effect.promise(() => sql<Array<{ readonly left: number }>>`select count(*)::int as left from commands`)
    const { user, system } = process.cpuUsage(cpu)
    return { perS: (rows * 1_000) / tookMs, left: count!.left, cpuMs: (user + system) / 1_000, tookMs }
  })
  yield* round(5_000)
  yield* Effect.promise(() => answering<{ readonly rows: number }>(({ rows }) => Effect.runPromise(round(rows))))
})
await Effect.runPromise(Effect.scoped(program.pipe(Effect.provide(runtimeOn(url, idler)), Effect.provide(heard))))
