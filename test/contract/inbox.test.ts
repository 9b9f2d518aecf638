/** An inbox of a large organisation: what waits is found without a look at what is settled. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Calls } from "../../actors/ports/calls.ts"
import * as PostgresCalls from "../../adapters/postgres/calls.ts"
import { Postgres } from "../../adapters/postgres/pool.ts"
import { testPostgres } from "../support/postgres.ts"

it.live(
  "the inbox pages in less than 100 ms beside 100,000 calls that wait and as many that are settled",
  () =>
    Effect.gen(function* () {
      const [{ sql }, calls] = [yield* Postgres, yield* Calls]
      yield* Effect.promise(async () => {
        await sql`
        insert into actors (org, kind, id, home, rev, epoch, machine_version, status, snapshot, resident, updated_at)
        select 'org_1', 'approval', 'apr_' || lpad(n::text, 8, '0'), 'ses_' || n / 10, 3, 1, 1, 'pending',
          '{"value":"pending","context":{"approvalId":"apr","params":{"text":"hello"}}}', false, n
        from generate_series(1, 200000) n`
        await sql`
        insert into projections (org, kind, id, home, title, status, rev, created_at, updated_at)
        select org, kind, id, home, 'notebook.add_note', 'requested', 3, 1, 1 from actors where kind = 'approval'`
        await sql`update projections set status = case when right(id, 1)::int % 2 = 0 then 'pending' else 'completed' end where kind = 'approval'`
        await sql`analyze`
      })
      const took: Array<number> = []
      let before: string | undefined
      for (let page = 0; page < 20; page++) {
        const beganAt = performance.now()
        const rows = yield* calls.list("org_1", { limit: 50, statuses: ["pending", "outcomeUnknown"], before })
        took.push(performance.now() - beganAt)
        assert.strictEqual(rows.length, 50)
        before = rows.at(-1)!.id
      }
      const median = took.sort((a, b) => a - b)[10]!
      assert.isBelow(median, 100)
    }).pipe(Effect.provide(PostgresCalls.layer.pipe(Layer.provideMerge(testPostgres))), Effect.scoped),
  60_000
)
