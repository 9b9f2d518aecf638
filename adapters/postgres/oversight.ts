/**
 * What looking after actors reads of the tables of sql/0001_journal.sql, its notes in sql/0006_fixes.sql, and the pauses of
 * sql/0009_pauses.sql. Promises: runtime/oversight.ts.
 */
import { Effect, Layer } from "effect"
import type { Address } from "../../runtime/address.ts"
import { type ClaimedCommand, JournalError } from "../../runtime/journal.ts"
import {
  type FixNote,
  type Isolated,
  type ListedCommand,
  type OpenCommand,
  Oversight,
  type Standing,
  type WaitingCommand
} from "../../runtime/oversight.ts"
import type { Pause } from "../../runtime/pauses.ts"
import { ask } from "./failure.ts"
import { Postgres } from "./pool.ts"

type Placed<A> = Omit<A, "address"> & Address

const call = <A>(run: () => PromiseLike<A>): Effect.Effect<A, JournalError> =>
  Effect.mapError(ask(run), (failure) => new JournalError(failure))

const placed = <A extends Address>(rows: ReadonlyArray<A>) =>
  rows.map(({ org, kind, id, home, ...rest }) => ({ address: { org, kind, id, home }, ...rest }))

export const postgresOversight = ({ sql }: Postgres["Service"]): Oversight["Service"] => ({
  standing: (after, limit) =>
    Effect.map(
      call(
        () => sql<Array<Placed<Standing>>>`
        select org, kind, id, home, rev::float8 from actors
        where resident and quarantine is null and id > ${after ?? ""} order by id limit ${limit}`
      ),
      placed
    ),

  quarantined: (org, limit) =>
    Effect.map(
      call(
        () => sql<Array<Placed<Isolated>>>`
        select org, kind, id, home, rev::float8, quarantine from (
          select *, row_number() over (partition by org order by id) as turn from actors
          where quarantine is not null and (${org}::text is null or org = ${org}) order by turn, id limit ${limit}
        ) first order by id`
      ),
      placed
    ),

  stuck: (lateMs, limit) =>
    Effect.map(
      call(
        () => sql<Array<Placed<WaitingCommand>>>`
        with clock as materialized (select proliferate.now_ms() as at)
        select org, kind, id, home, key, name, attempt, error, (at - since)::float8 as "forMs" from (
          select c.org, c.kind, c.id, a.home, c.key, c.name, c.attempt, c.error, clock.at, greatest(c.due, c.claimed_until) as since,
            row_number() over (partition by c.org order by greatest(c.due, c.claimed_until), c.key) as turn
          from clock, commands c join actors a on a.id = c.id and a.kind = c.kind
          where c.dead_at is null and c.due <= clock.at - ${lateMs}::int8 and c.claimed_until <= clock.at - ${lateMs}::int8
            and a.quarantine is null
          order by turn, since, c.key limit ${limit}
        ) first order by since, key`
      ),
      placed
    ),

  dead: (limit) =>
    Effect.map(
      call(
        () => sql<Array<Placed<WaitingCommand>>>`
        select c.org, c.kind, c.id, a.home, c.key, c.name, c.attempt, c.error, (proliferate.now_ms() - c.dead_at)::float8 as "forMs"
        from (
          select *, row_number() over (partition by org order by dead_at desc, key) as turn from commands
          where dead_at is not null order by turn, dead_at desc, key limit ${limit}
        ) c join actors a on a.id = c.id and a.kind = c.kind
        order by c.dead_at desc, c.key`
      ),
      placed
    ),

  commandsOf: ({ org, kind, id }) =>
    call(
      // Keys of one actor lie beside one another: the digits of a revision sort before the semicolon.
      () => sql<Array<OpenCommand>>`
      select key, name, params from commands
      where key >= ${`${kind}:${id}:`} and key < ${`${kind}:${id};`} and org = ${org} and dead_at is null order by rev, idx`
    ),

  commands: (org, which, limit) =>
    Effect.map(
      call(
        () => sql<Array<Placed<ListedCommand>>>`
        with clock as materialized (select proliferate.now_ms() as at)
        select c.org, c.kind, c.id, a.home, c.key, c.name, c.attempt, c.error, a.quarantine is not null as "isAside",
          case when c.dead_at is not null then 'dead' when c.claimed_until > clock.at then 'running' else 'waiting' end as state,
          (clock.at - j.at)::float8 as "ageMs",
          (case when c.dead_at is null then greatest(c.due, c.claimed_until) else c.dead_at end - clock.at)::float8 as "inMs"
        from clock, commands c join actors a on a.id = c.id and a.kind = c.kind
          left join journal j on j.id = c.id and j.kind = c.kind and j.rev = c.rev
        where c.org = ${org} and ${which === "dead" ? sql`c.dead_at is not null order by c.dead_at desc, c.key` : sql`c.dead_at is null order by c.due, c.rev, c.idx, c.key`}
        limit ${limit}`
      ),
      placed
    ),

  buried: (org, { name = null, actor = null, error = null }, limit) =>
    Effect.map(
      call(
        () => sql<Array<{ readonly key: string }>>`
        select key from commands where org = ${org} and dead_at is not null and (${name}::text is null or name = ${name})
          and (${actor}::text is null or id = ${actor}) and (${error}::text is null or position(${error} in error) > 0)
        order by dead_at desc, key limit ${limit}`
      ),
      (rows) => rows.map(({ key }) => key)
    ),

  exhume: (org, keys) =>
    Effect.map(
      call(
        () => sql<Array<{ readonly key: string }>>`
        update commands set dead_at = null, claimed_until = 0, due = proliferate.now_ms()
        where key = any (array(select jsonb_array_elements_text(${sql.json(keys)}::jsonb))) and org = ${org} and dead_at is not null and claimed_until <= proliferate.now_ms()
        returning key`
      ),
      (rows) => rows.map(({ key }) => key).toSorted()
    ),

  seize: (org, key, claimMs) =>
    Effect.map(
      call(
        () => sql<Array<Placed<ClaimedCommand> & { readonly isSeized: boolean }>>`
        with seized as (
          update commands set attempt = attempt + 1, claimed_until = proliferate.now_ms() + ${claimMs}::int8
          where key = ${key} and org = ${org} and claimed_until <= proliferate.now_ms()
          returning key, attempt
        )
        select c.org, c.kind, c.id, a.home, c.key, c.name, c.params, s.attempt, s.attempt::text as claim, s.key is not null as "isSeized"
        from commands c join actors a on a.id = c.id and a.kind = c.kind left join seized s on s.key = c.key
        where c.key = ${key} and c.org = ${org}`
      ),
      (rows) => {
        const [row] = placed(rows)
        if (row === undefined) return null
        const { isSeized, ...command } = row
        return isSeized ? command : "running"
      }
    ),

  pause: ({ org, kind, by, why, lastsMs }) =>
    Effect.map(
      call(
        () => sql<[Pause]>`
        insert into pauses (org, kind, by, why, until) values (${org}, ${kind}, ${by}, ${why}, proliferate.now_ms() + ${lastsMs}::int8)
        on conflict (org, kind) do update set by = excluded.by, why = excluded.why, at = excluded.at, until = excluded.until
        returning org, kind, by, why, at::float8 as "atMs", until::float8 as "untilMs"`
      ),
      ([pause]) => pause
    ),

  resume: (org, kind) =>
    Effect.map(
      call(
        () => sql<ReadonlyArray<{ readonly isLive: boolean }>>`
        delete from pauses where org = ${org} and kind = ${kind} returning until > proliferate.now_ms() as "isLive"`
      ),
      ([row]) => row?.isLive === true
    ),

  pauses: (org) =>
    call(
      () => sql<Array<Pause>>`
      select org, kind, by, why, at::float8 as "atMs", until::float8 as "untilMs" from pauses
      where until > proliferate.now_ms() and (${org}::text is null or org = ${org}) order by org, kind`
    ),

  note: ({ id, org, kind, subject, fix, by, why, plannedRev, result, outcome }) =>
    Effect.asVoid(
      call(
        () => sql`
        insert into fixes (org, id, kind, subject, fix, by, why, planned_rev, result, outcome)
        values (${org}, ${id}, ${kind}, ${subject}, ${fix}, ${by}, ${why}, ${plannedRev}, ${result}, ${outcome})
        on conflict do nothing`
      )
    ),

  notes: (org, limit, { withinMs = null, by = null } = {}) =>
    call(
      () => sql<Array<FixNote & { readonly atMs: number }>>`
      select org, id, kind, subject, fix, by, why, planned_rev::float8 as "plannedRev", result, outcome, at::float8 as "atMs"
      from fixes where org = ${org} and (${by}::text is null or by = ${by})
        and (${withinMs}::int8 is null or at >= proliferate.now_ms() - ${withinMs}::int8)
      order by at desc, id desc limit ${limit}`
    )
})

export const layer: Layer.Layer<Oversight, never, Postgres> = Layer.effect(Oversight, Effect.map(Postgres, postgresOversight))
