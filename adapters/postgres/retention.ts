/**
 * Old rows of the tables of sql/0001_journal.sql. A batch is noted in `archives` with how far it reaches before anything is read;
 * up to there no row changes any more, so that whoever goes on with it reads the same. The promises are those of
 * runtime/retention.ts.
 */
import { Effect, Layer } from "effect"
import type postgres from "postgres"
import { batchRowsMax, type Kept, type OldBatch, OldRows, RetentionError } from "../../runtime/retention.ts"
import { ask } from "./failure.ts"
import { Postgres } from "./pool.ts"

/** Any number will do that no one else takes: migrations have the one before. */
const advisoryLock = 7_066_355
/** Actors, feeds or commands looked at for one batch. */
const candidatesMax = 500
const linesRead = 500

const failed = ({ message }: { readonly message: string }) => new RetentionError({ reason: "database", message })
const call = <A>(run: () => PromiseLike<A>): Effect.Effect<A, RetentionError> => Effect.mapError(ask(run), failed)

/** How far one actor, feed or command goes, and where it stands in the order in which they are walked. */
interface Candidate {
  readonly cut: ReadonlyArray<string | number>
  readonly place: string
  readonly rows: number
}

export const postgresOldRows = ({ sql }: Postgres["Service"]): OldRows["Service"] => {
  const json = (value: unknown) => sql.json(value as postgres.JSONValue)

  /** What was sent for a call goes with the call's journal: after that nothing is sent for it any more (calls.ts). */
  const isDispatch = sql`x->>1 = 'approval' and d.org = x->>0 and d.key >= (x->>2) || ':' and d.key < (x->>2) || ';'`

  /** It changes by itself no more: whatever waits has a deadline. */
  const isAtRest = (keptMs: number) => sql`
    not a.resident and a.quarantine is null and a.updated_at < proliferate.now_ms() - ${keptMs}::int8
    and not exists (select from timers t where t.id = a.id and t.kind = a.kind)
    and not exists (
      select from commands c
      where c.key >= a.kind || ':' || a.id || ':' and c.key < a.kind || ':' || a.id || ';' and c.dead_at is null
    )`

  /**
   * Each says what goes, where it stands, and how many rows that is; `org` null: of all organisations. In the order of a key, so that
   * an index is walked once, however much is due.
   */
  const candidates = (what: Kept, keptMs: number, org: string | null, after: string, limit: number | null) => {
    const of = (column: postgres.PendingQuery<postgres.Row[]>) => (org === null ? sql`` : sql`and ${column} = ${org}`)
    switch (what) {
      case "journal":
        return sql`
          select jsonb_build_array(a.org, a.kind, a.id, a.rev) as cut, a.id as place, a.rev - a.kept_from + 1 as rows
          from actors a where a.kept_from <= a.rev and ${isAtRest(keptMs)} ${of(sql`a.org`)} and a.id > ${after}
          order by a.id limit ${limit}`
      case "feed":
        return sql`
          select jsonb_build_array(h.org, h.home, h.seq) as cut, h.org || '/' || h.home as place, h.seq - h.first + 1 as rows
          from feed_heads h where h.first <= h.seq ${of(sql`h.org`)}
            and (h.org, h.home) > (split_part(${after}, '/', 1), split_part(${after}, '/', 2))
            and exists (select from actors a where a.id = h.home and a.home = h.home and a.org = h.org and ${isAtRest(keptMs)})
          order by h.org, h.home limit ${limit}`
      case "commands":
        return sql`
          select jsonb_build_array(c.org, c.key) as cut, c.key as place, 1 as rows
          from commands c where c.dead_at < proliferate.now_ms() - ${keptMs}::int8 ${of(sql`c.org`)} and c.key > ${after}
          order by c.key limit ${limit}`
    }
  }

  const lines = (what: Kept, cuts: unknown) => {
    const each = sql`jsonb_array_elements(${json(cuts)}::jsonb) as x cross join lateral`
    switch (what) {
      case "journal":
        return sql`select line from ${each} (
          select row_to_json(r)::text as line from (
            select * from journal where id = x->>2 and kind = x->>1 and org = x->>0 and rev <= (x->>3)::int8 order by rev) as r
          union all
          select row_to_json(r)::text from (
            select d.org, d.key as dispatched, d.at from dispatches d where ${isDispatch} order by d.key) as r) as r`
      case "feed":
        return sql`select row_to_json(r)::text as line from ${each} (
          select * from feed_chunks where org = x->>0 and home = x->>1 and last_seq <= (x->>2)::int8 order by last_seq) as r`
      case "commands":
        return sql`select row_to_json(r)::text as line from ${each} (
          select * from commands where key = x->>1 and dead_at is not null) as r`
    }
  }

  /** How many rows it dropped. */
  const drop = async (tx: postgres.TransactionSql, what: Kept, cuts: unknown): Promise<number> => {
    const given = tx`jsonb_array_elements(${tx.json(cuts as postgres.JSONValue)}::jsonb) as x`
    switch (what) {
      case "journal": {
        const { count } = await tx`delete from journal j using ${given}
          where j.id = x->>2 and j.kind = x->>1 and j.org = x->>0 and j.rev <= (x->>3)::int8`
        const { count: dispatched } = await tx`delete from dispatches d using ${given} where ${isDispatch}`
        await tx`update actors a set kept_from = (x->>3)::int8 + 1 from ${given} where a.id = x->>2 and a.kind = x->>1`
        return count + dispatched
      }
      case "feed": {
        const { count } = await tx`delete from feed_chunks c using ${given}
          where c.org = x->>0 and c.home = x->>1 and c.last_seq <= (x->>2)::int8`
        await tx`update feed_heads h set first = (x->>2)::int8 + 1 from ${given} where h.org = x->>0 and h.home = x->>1`
        return count
      }
      case "commands":
        return (await tx`delete from commands c using ${given} where c.key = x->>1 and c.dead_at is not null`).count
    }
  }

  return {
    alone: (work) =>
      Effect.acquireUseRelease(
        call(() => sql.reserve()),
        (connection) =>
          Effect.gen(function* () {
            const [row] = yield* call(() => connection`select pg_try_advisory_lock(${advisoryLock}) as ours`)
            if (!row!["ours"]) return null
            return yield* Effect.ensuring(work, Effect.ignore(call(() => connection`select pg_advisory_unlock(${advisoryLock})`)))
          }),
        (connection) => Effect.sync(() => connection.release())
      ),

    due: (org, what, keptMs) =>
      Effect.map(
        call(() => sql`select coalesce(sum(rows), 0)::float8 as rows from (${candidates(what, keptMs, org, "", null)}) as due`),
        ([row]) => row!["rows"] as number
      ),

    begun: Effect.map(
      call(() => sql<Array<OldBatch>>`select id, what, cuts from archives where dropped_at is null order by begun_at limit 1`),
      ([batch]) => batch ?? null
    ),

    begin: Effect.fnUntraced(function* (id, what, keptMs, after) {
      const found = yield* call(
        () => sql<Array<Candidate>>`
        select cut, place, rows::float8 from (${candidates(what, keptMs, null, after ?? "", candidatesMax)}) as due`
      )
      let rows = 0
      // One alone may be more than a batch: a journal is taken out whole.
      const taken = found.filter((one, index) => {
        rows += one.rows
        return index === 0 || rows <= batchRowsMax
      })
      const [last] = taken.slice(-1)
      if (last === undefined) return null
      const batch: OldBatch = { id, what, cuts: taken.map(({ cut }) => cut) }
      yield* call(() => sql`insert into archives (id, what, cuts) values (${id}, ${what}, ${json(batch.cuts)})`)
      return { batch, next: last.place }
    }),

    rows: async function* ({ what, cuts }) {
      try {
        for await (const rows of sql<Array<{ readonly line: string }>>`${lines(what, cuts)}`.cursor(linesRead))
          yield rows.map(({ line }) => line)
      } catch (cause) {
        throw failed(cause as Error)
      }
    },

    drop: ({ id, what, cuts }, { file, rows, bytes, sha256 }) =>
      call(() =>
        sql
          .begin(async (tx) => {
            const [noted] = await tx`select dropped_at is not null as done from archives where id = ${id} for update`
            // Another server went on with it while this one was cut off.
            if (noted!["done"]) return true
            if ((await drop(tx, what, cuts)) !== rows) throw new OtherRows()
            await tx`update archives set file = ${file}, rows = ${rows}, bytes = ${bytes}, sha256 = ${sha256}, cuts = '[]',
              dropped_at = proliferate.now_ms() where id = ${id}`
            return true
          })
          .catch((cause) => {
            if (cause instanceof OtherRows) return false
            throw cause
          })
      )
  }
}

class OtherRows extends Error {}

export const layer: Layer.Layer<OldRows, never, Postgres> = Layer.effect(OldRows, Effect.map(Postgres, postgresOldRows))
