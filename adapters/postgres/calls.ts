/** What belongs to calls in PostgreSQL: tables of sql/0008_actions.sql, and the list rows of sql/0001_journal.sql. */
import { Effect, Layer } from "effect"
import { type CallRow, Calls } from "../../actors/ports/calls.ts"
import { Postgres } from "./pool.ts"
import { call, find, list } from "./records.ts"

const sweptMax = 1_000

export const postgresCalls = ({ sql }: Postgres["Service"]): Calls["Service"] => ({
  // Ids are ordered by time. The page is cut before the snapshots are read.
  list: (org, { limit, sessionId, statuses, before, sinceMs }) => {
    const isOpen = statuses?.every((status) => status === "pending" || status === "outcomeUnknown") ?? false
    const since = sinceMs === undefined ? sql`` : sql`and p.created_at >= ${sinceMs}`
    const narrowed = sql`
      ${sessionId === undefined ? sql`` : sql`and c.home = ${sessionId}`}
      ${statuses === undefined ? sql`` : sql`and c.status = any (select json_array_elements_text(${JSON.stringify(statuses)}::text::json))`}
      ${before === undefined ? sql`` : sql`and c.id < ${before}`}`
    const page = isOpen
      ? sql`select c.id from open_calls c where c.org = ${org} ${narrowed} order by c.id desc limit ${limit}`
      : sql`
        select c.id from projections c where c.org = ${org} and c.kind = 'approval' ${narrowed}
        ${sinceMs === undefined ? sql`` : sql`and c.created_at >= ${sinceMs}`} order by c.id desc limit ${limit}`
    return list(
      () => sql<Array<CallRow>>`
      select p.id, p.home as "sessionId", a.rev::float8, a.status, a.snapshot -> 'context' as context,
        p.created_at::float8 as "createdAtMs", a.updated_at::float8 as "updatedAtMs"
      from (${page}) c
      join projections p on p.org = ${org} and p.kind = 'approval' and p.id = c.id ${since}
      join actors a on a.id = p.id and a.kind = 'approval'
      order by p.id desc`
    )
  },
  sessionOf: (org, id) =>
    find(
      () => sql<Array<{ readonly home: string }>>`select home from actors where id = ${id} and kind = 'approval' and org = ${org}`
    ).pipe(Effect.map((row) => row?.home ?? null)),

  seal: (org, id, sealed) =>
    call(true, async () => {
      await sql`insert into sealed_arguments (org, id, sealed) values (${org}, ${id}, ${Buffer.from(sealed)}) on conflict do nothing`
    }),
  sealed: (org, id) =>
    find(
      () => sql<Array<{ readonly sealed: Uint8Array }>>`select sealed from sealed_arguments where org = ${org} and id = ${id}`
    ).pipe(Effect.map((row) => (row === null ? null : new Uint8Array(row.sealed)))),
  wipe: (org, id) =>
    call(true, async () => {
      await sql`delete from sealed_arguments where org = ${org} and id = ${id}`
    }),
  sweep: (olderMs) =>
    call(true, async () => {
      const { count } = await sql`
        delete from sealed_arguments where ctid = any (array(
          select s.ctid from sealed_arguments s where s.created_at < proliferate.now_ms() - ${olderMs}::int8
            and not exists (select from actors a where a.id = s.id and a.kind = 'approval')
          order by s.created_at limit ${sweptMax}
        ))`
      return count
    }),

  dispatch: (org, key) =>
    // Not repeated by itself: what was heard of it, and not answered, may have been written, and then nothing may be sent. Nor is
    // anything for a call whose old rows were taken out (retention.ts): its row may have been among them.
    call(false, async () => {
      const { count } = await sql`
        insert into dispatches (org, key) select ${org}, ${key} where not exists (
          select from actors where id = split_part(${key}, ':', 1) and kind = 'approval' and kept_from > 1
        ) on conflict do nothing`
      return count > 0
    }),
  dispatchedAtMs: (org, key) =>
    find(() => sql<Array<{ readonly at: number }>>`select at::float8 from dispatches where org = ${org} and key = ${key}`).pipe(
      Effect.map((row) => row?.at ?? null)
    )
})

export const layer: Layer.Layer<Calls, never, Postgres> = Layer.effect(
  Calls,
  Effect.map(Postgres, (postgres) => Calls.of(postgresCalls(postgres)))
)
