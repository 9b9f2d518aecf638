/** The same deadlines in a table like `timers`: a bare loop takes what is due, 512 at a time, and sleeps until the next. Nothing is decided. */
import { setTimeout as sleep } from "node:timers/promises"
import { client } from "../../../adapters/postgres/pool.ts"
import { quantile } from "../rows.ts"
import { answering, input } from "./answering.ts"

const { url, timers } = input<{ readonly url: string; readonly timers: number }>()
const [aheadMs, spreadMs, batch] = [1_000, 5_000, 512]
const sql = client(url, { max: 2 })
await sql.unsafe("drop table if exists raw_timers; create table raw_timers (like timers including all)").simple()

const round = async () => {
  await sql`insert into raw_timers (org, kind, id, timer, rev, due, event)
    select 'org_bench', 'counter', 'tmr_' || lpad(n::text, 6, '0'), 'deadline', 1,
      proliferate.now_ms() + ${aheadMs}::int8 + floor(n::float8 * ${spreadMs} / ${timers})::int8, '{"type":"after"}'
    from generate_series(0, ${timers - 1}::int) as n`
  const late: Array<number> = []
  while (late.length < timers) {
    const taken = await sql<Array<{ readonly due: number }>>`
      delete from raw_timers where ctid = any (array(
        select ctid from raw_timers where due <= proliferate.now_ms() order by due limit ${batch} for update skip locked
      )) returning due::float8`
    const now = Date.now()
    for (const { due } of taken) late.push(now - due)
    if (taken.length > 0) continue
    const [next] = await sql<Array<{ readonly inMs: number }>>`
      select (min(due) - proliferate.now_ms())::float8 as "inMs" from raw_timers`
    await sleep(Math.max(1, Math.min(next?.inMs ?? 1, 25)))
  }
  return { p50: quantile(late, 0.5), p99: quantile(late, 0.99) }
}
await answering(round)
await sql.end()
