/**
 * The journal in PostgreSQL: tables of sql/0001_journal.sql, commits by commit.ts on the committer's own connections, everything
 * else on the general pool. The promises are those of runtime/journal.ts, its clock is the database's.
 */
import { Effect, Layer } from "effect"
import type postgres from "postgres"
import type { Address } from "../../runtime/address.ts"
import {
  type ClaimedCommand,
  type Completion,
  type DueTimer,
  Journal,
  JournalError,
  type JournalRow,
  type Stored
} from "../../runtime/journal.ts"
import { noticesPerRevMax } from "../../runtime/notices.ts"
import { commit } from "./commit.ts"
import { ask } from "./failure.ts"
import { Postgres } from "./pool.ts"
import { together } from "./together.ts"

type StoredRow = Omit<Stored, "timers"> & { readonly timers: Readonly<Record<string, number>> | null }
interface Rows {
  readonly address: Address
  readonly after: number
  readonly limit: number
}
type Placed<A> = Omit<A, "address"> & Address

const call = <A>(run: () => PromiseLike<A>): Effect.Effect<A, JournalError> =>
  Effect.mapError(ask(run), (failure) => new JournalError(failure))

const placed = <A extends Address>({ org, kind, id, home, ...rest }: A) => ({ address: { org, kind, id, home }, ...rest })

export const postgresJournal = ({ sql, committer }: Postgres["Service"]): Journal["Service"] => {
  const actorAt = ({ org, kind, id }: Omit<Address, "home">) => sql`id = ${id} and kind = ${kind} and org = ${org}`
  const claimedUnder = ({ key, claim }: { readonly key: string; readonly claim: string }) =>
    sql`key = ${key} and attempt::text = ${claim} and claimed_until > 0`
  /** Each is found by its key, whatever the planner believes of the table. */
  const claimedUnderAny = (claims: ReadonlyArray<Completion>) => {
    const pairs = json(claims.map(({ key, claim }) => [key, claim]))
    return sql`key = any (array(select x->>0 from jsonb_array_elements(${pairs}::jsonb) as x))
      and (key, attempt::text) in (select x->>0, x->>1 from jsonb_array_elements(${pairs}::jsonb) as x) and claimed_until > 0`
  }
  const json = (value: unknown) => sql.json((value ?? null) as postgres.JSONValue)

  // Each question finds its rows by their key, whatever the planner believes of the tables.
  const load = together(async (addresses: ReadonlyArray<Address>) => {
    const asked = json(addresses.map(({ org, kind, id }) => [org, kind, id]))
    const rows = await sql<Array<StoredRow & { readonly n: number }>>`
      select x.n::int4, a.* from jsonb_array_elements(${asked}::jsonb) with ordinality as x (of, n) cross join lateral (
        select rev::float8, epoch::float8, machine_version as "machineVersion", status, snapshot, resident, quarantine,
          case when noticed_rev = rev then noticed end::float8 as noticed,
          updated_at::float8 as "updatedAtMs",
          (select jsonb_object_agg(t.timer, t.rev) from timers t where t.id = s.id and t.kind = s.kind and t.org = s.org) as timers
        from actors s where s.id = x.of->>2 and s.kind = x.of->>1 and s.org = x.of->>0 offset 0
      ) as a`
    const found: Array<Stored | null> = addresses.map(() => null)
    for (const { n, timers, ...stored } of rows) found[n - 1] = { ...stored, timers: new Map(Object.entries(timers ?? {})) }
    return found
  })

  const seen = together(async (questions: ReadonlyArray<{ readonly address: Address; readonly messageId: string }>) => {
    const asked = json(questions.map(({ address: { org, kind, id }, messageId }) => [org, kind, id, messageId]))
    return await sql<Array<{ readonly at: number | null; readonly rev: number | null }>>`
      select
        (select j.rev from journal j
          where j.kind || '/' || j.id || '/' || j.message_id = (x.of->>1) || '/' || (x.of->>2) || '/' || (x.of->>3)
            and j.org = x.of->>0)::float8 as at,
        (select a.rev from actors a where a.id = x.of->>2 and a.kind = x.of->>1 and a.org = x.of->>0)::float8 as rev
      from jsonb_array_elements(${asked}::jsonb) with ordinality as x (of, n) order by x.n`
  })

  const history = together(async (questions: ReadonlyArray<Rows>) => {
    const asked = json(questions.map(({ address: { org, kind, id }, after, limit }) => [org, kind, id, after, limit]))
    const rows = await sql<Array<JournalRow & { readonly n: number }>>`
      select x.n::int4, j.* from jsonb_array_elements(${asked}::jsonb) with ordinality as x (of, n) cross join lateral (
        select rev::float8, machine_version as "machineVersion", message_id as "messageId", event, taken, effects, notices, by, cause,
          at::float8 as "atMs"
        from journal where id = x.of->>2 and kind = x.of->>1 and org = x.of->>0 and rev > (x.of->3)::int8
        order by journal.rev limit (x.of->4)::int8
      ) as j order by x.n, j.rev`
    const found = questions.map((): Array<JournalRow> => [])
    for (const { n, ...row } of rows) found[n - 1]!.push(row)
    return found
  })

  return {
    commit: (batch) => call(() => commit(committer, batch)),

    load: (address) => call(() => load(address)),

    seen: (address, messageId) => call(() => seen({ address, messageId })),

    history: (address, after, limit) => call(() => history({ address, after, limit })),

    find: (org, kind, id) =>
      Effect.map(
        call(() => sql<Array<Address>>`select org, kind, id, home from actors where ${actorAt({ org, kind, id })}`),
        ([row]) => row ?? null
      ),

    residents: (recentMs) =>
      call(
        () => sql<Array<Address>>`
        select org, kind, id, home from actors a
        where resident or (
          updated_at > (select max(updated_at) from actors) - ${recentMs}::int8 and exists (
            select from journal j, lateral (
              select coalesce((
                select (h.sources->>(a.kind || '/' || a.id))::int8 from feed_heads h where h.org = a.org and h.home = a.home
              ), 0) as told
            ) as f
            where j.id = a.id and j.kind = a.kind and j.rev >= f.told / ${noticesPerRevMax}
              and j.rev * ${noticesPerRevMax} + jsonb_array_length(j.notices) - 1 > f.told and j.notices <> '[]'
          )
        )
        order by id`
      ),

    claim: (limit, claimMs, versions = {}, { each, of } = { each: limit, of: {} }) =>
      Effect.map(
        call(
          () => sql<Array<Placed<ClaimedCommand>>>`
          select c.key, c.org, c.kind, c.id, a.home, c.name, c.params,
            c.attempt, c.attempt::text as claim
          from proliferate.claim_commands(${limit}, ${claimMs}, ${json(versions)}, ${each}, ${json(of)}) as c
            cross join lateral (select home from actors where id = c.id and kind = c.kind offset 0) as a
          order by c.due, c.rev, c.idx`
        ),
        (rows) => rows.map(placed)
      ),

    reclaim: Effect.asVoid(call(() => sql`update commands set claimed_until = 0 where claimed_until > 0`)),

    renew: (claims, claimMs) =>
      Effect.map(
        call(
          () => sql<Array<{ readonly key: string; readonly claim: string }>>`
          update commands set claimed_until = proliferate.now_ms() + ${claimMs} where ${claimedUnderAny(claims)}
          returning key, attempt::text as claim`
        ),
        (rows) => {
          const renewed = new Map(rows.map(({ key, claim }) => [key, claim]))
          return claims.map(({ key, claim }) => renewed.get(key) === claim)
        }
      ),

    complete: (completions) => Effect.asVoid(call(() => sql`delete from commands where ${claimedUnderAny(completions)}`)),

    retry: (completion, delayMs, error) =>
      Effect.asVoid(
        call(
          () => sql`update commands set claimed_until = 0, due = proliferate.now_ms() + ${Math.ceil(delayMs)}, error = ${error}
          where ${claimedUnder(completion)}`
        )
      ),

    bury: (completion, error) =>
      Effect.asVoid(
        call(
          () => sql`update commands set claimed_until = 0, dead_at = proliferate.now_ms(), error = ${error}
          where ${claimedUnder(completion)}`
        )
      ),

    dueTimers: (aheadMs, limit, versions = {}) =>
      Effect.map(
        call(
          () => sql<Array<Placed<DueTimer & { readonly inMs: number }>>>`
          with clock as materialized (select proliferate.now_ms() as at)
          select t.org, t.kind, t.id, a.home, t.timer as "timerId", t.rev::float8, t.event, (t.due - clock.at)::float8 as "inMs"
          from clock cross join proliferate.due_timers(${aheadMs}, ${limit}, ${json(versions)}) as t
            cross join lateral (select home from actors where id = t.id and kind = t.kind offset 0) as a
          order by t.due`
        ),
        (rows) => rows.map(placed)
      ),

    quarantine: (address, { reason, event }) =>
      Effect.asVoid(
        call(
          () => sql`update actors
          set quarantine = jsonb_build_object('reason', ${reason}::text, 'event', ${json(event)}::jsonb, 'atMs', proliferate.now_ms())
          where ${actorAt(address)}`
        )
      ),

    release: (address) =>
      Effect.map(
        call(() => sql`update actors set quarantine = null where ${actorAt(address)} and quarantine is not null`),
        ({ count }) => count > 0
      )
  }
}

export const layer: Layer.Layer<Journal, never, Postgres> = Layer.effect(Journal, Effect.map(Postgres, postgresJournal))
