/** What looking after actors reads of the tables of sql/0001_journal.sql, and its notes in sql/0006_fixes.sql. Promises: runtime/oversight.ts. */
import { Effect, Layer } from "effect"
import type { Address } from "../../runtime/address.ts"
import { JournalError } from "../../runtime/journal.ts"
import {
  type FixNote,
  type Isolated,
  type OpenCommand,
  Oversight,
  type Standing,
  type WaitingCommand
} from "../../runtime/oversight.ts"
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
        select org, kind, id, home, rev::float8, quarantine from actors
        where quarantine is not null and (${org}::text is null or org = ${org}) order by id limit ${limit}`
      ),
      placed
    ),

  stuck: (lateMs, limit) =>
    Effect.map(
      call(
        () => sql<Array<Placed<WaitingCommand>>>`
        with clock as materialized (select proliferate.now_ms() as at)
        select c.org, c.kind, c.id, a.home, c.key, c.name, c.attempt, c.error,
          (clock.at - greatest(c.due, c.claimed_until))::float8 as "forMs"
        from clock, commands c join actors a on a.id = c.id and a.kind = c.kind
        where c.dead_at is null and c.due <= clock.at - ${lateMs}::int8 and c.claimed_until <= clock.at - ${lateMs}::int8
          and a.quarantine is null
        order by greatest(c.due, c.claimed_until), c.key limit ${limit}`
      ),
      placed
    ),

  dead: (limit) =>
    Effect.map(
      call(
        () => sql<Array<Placed<WaitingCommand>>>`
        select c.org, c.kind, c.id, a.home, c.key, c.name, c.attempt, c.error, (proliferate.now_ms() - c.dead_at)::float8 as "forMs"
        from commands c join actors a on a.id = c.id and a.kind = c.kind
        where c.dead_at is not null order by c.dead_at desc, c.key limit ${limit}`
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

  exhume: (org, key) =>
    Effect.map(
      call(
        () => sql`update commands set dead_at = null, claimed_until = 0, due = proliferate.now_ms()
        where key = ${key} and org = ${org} and dead_at is not null`
      ),
      ({ count }) => count > 0
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

  notes: (org, limit) =>
    call(
      () => sql<Array<FixNote & { readonly atMs: number }>>`
      select org, id, kind, subject, fix, by, why, planned_rev::float8 as "plannedRev", result, outcome, at::float8 as "atMs"
      from fixes where org = ${org} order by at desc, id desc limit ${limit}`
    )
})

export const layer: Layer.Layer<Oversight, never, Postgres> = Layer.effect(Oversight, Effect.map(Postgres, postgresOversight))
