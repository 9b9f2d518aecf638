/**
 * The same rows in a table like `commands`, taken by bare statements in batches of 500: claimed with SKIP LOCKED, then deleted, each
 * statement a commit, nothing decided and nothing told.
 */
import { client } from "../../../adapters/postgres/pool.ts"
import { answering, input } from "./answering.ts"

const batch = 500
const { url, workers } = input<{ readonly url: string; readonly workers: number }>()
const sql = client(url, { max: workers })
await sql.unsafe(`drop table if exists raw_commands; create table raw_commands (like commands including all)`).simple()

let rev = 1
const work = async (): Promise<void> => {
  while (true) {
    const claimed = await sql<Array<{ readonly key: string }>>`
      update raw_commands set attempt = attempt + 1, claimed_until = proliferate.now_ms() + 10000 where key = any (array(
        select key from raw_commands where dead_at is null and due <= proliferate.now_ms() and claimed_until <= proliferate.now_ms()
        order by due, rev, idx limit ${batch} for update skip locked
      )) returning key, name, params`
    if (claimed.length === 0) return
    const keys = JSON.stringify(claimed.map(({ key }) => key))
    await sql`delete from raw_commands where key = any (array(select jsonb_array_elements_text(${keys}::text::jsonb)))`
  }
}

const round = async ({ rows }: { readonly rows: number }) => {
  rev += 1
  await sql`insert into raw_commands (key, org, kind, id, rev, idx, name, params, due)
    select 'idler:idl_' || (n % 1000) || ':' || ${rev}::text || ':' || n, 'org_bench', 'idler', 'idl_' || (n % 1000),
      ${rev}::int8, n, 'nothing', '{"n": 1}', proliferate.now_ms() from generate_series(0, ${rows - 1}::int) as n`
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: workers }, work))
  const tookMs = performance.now() - startedAt
  const [count] = await sql<Array<{ readonly left: number }>>`select count(*)::int as left from raw_commands`
  return { perS: (rows * 1_000) / tookMs, left: count!.left, tookMs }
}
await round({ rows: 5_000 })
await answering(round)
await sql.end()
