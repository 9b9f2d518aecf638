/**
 * The feed store in PostgreSQL: a head per home, and the events in the batches in which they came, so that 256 tokens are one row.
 * The promises are those of runtime/feed.ts.
 */
import { Effect, Layer } from "effect"
import type postgres from "postgres"
import { FeedError, type FeedEvent, type FeedHead, FeedStore, type Home } from "../../runtime/feed.ts"
import { ask } from "./failure.ts"
import { Postgres } from "./pool.ts"
import { together } from "./together.ts"

const silent: FeedHead = { epoch: 1, seq: 0, first: 1, sources: {} }

const call = <A>(run: () => PromiseLike<A>): Effect.Effect<A, FeedError> =>
  Effect.mapError(
    ask(run),
    ({ reason, message }) => new FeedError({ reason: reason === "unknown" ? "unavailable" : reason, message })
  )

/** Highest number of each source that these events raise. */
const raised = (known: FeedHead["sources"], events: ReadonlyArray<FeedEvent>): FeedHead["sources"] => {
  const sources: Record<string, number> = {}
  for (const { source, sourceSeq } of events) {
    sources[source] = Math.max(sources[source] ?? known[source] ?? sourceSeq, sourceSeq)
  }
  return sources
}

export const postgresFeed = ({ sql }: Postgres["Service"]): FeedStore["Service"] => {
  const of = ({ org, id }: Home) => sql`org = ${org} and home = ${id}`
  const head = sql`epoch::float8, seq::float8, first::float8, sources`
  const json = (value: unknown) => sql.json(value as postgres.JSONValue)
  const headOf = together(async (homes: ReadonlyArray<Home>) => {
    const asked = json(homes.map(({ org, id }) => [org, id]))
    const rows = await sql<Array<FeedHead & { readonly n: number }>>`
      select x.n::int4, h.* from jsonb_array_elements(${asked}::jsonb) with ordinality as x (of, n) cross join lateral (
        select ${head} from feed_heads where org = x.of->>0 and home = x.of->>1 offset 0
      ) as h`
    const found = homes.map(() => silent)
    for (const { n, ...row } of rows) found[n - 1] = row
    return found
  })

  return {
    head: (home) => call(() => headOf(home)),

    append: (home, known, events) => {
      const sources = json(raised(known.sources, events))
      const stored = call(
        () => sql<Array<FeedHead>>`
        with head as (
          insert into feed_heads as h (org, home, epoch, seq, first, sources)
          select ${home.org}, ${home.id}, 1, ${events.length}, 1, ${sources}::jsonb
          where (${known.epoch}::int8, ${known.seq}::int8) = (1, 0) or exists (select from feed_heads where ${of(home)})
          on conflict (org, home) do update set seq = h.seq + excluded.seq, sources = h.sources || excluded.sources
            where h.epoch = ${known.epoch} and h.seq = ${known.seq}
          returning *
        ),
        chunk as (
          insert into feed_chunks (org, home, first_seq, last_seq, rows)
          select org, home, seq - ${events.length} + 1, seq, ${json(events)}::jsonb from head where ${events.length} > 0
        )
        select ${head} from head`
      )
      return Effect.flatMap(stored, ([row]) =>
        row
          ? Effect.succeed(row)
          : new FeedError({ reason: "conflict", message: `the feed of ${home.id} does not stand at ${known.seq} any more` })
      )
    },

    read: (home, after, limit) =>
      Effect.map(
        call(
          () => sql<Array<{ readonly seq: number; readonly event: FeedEvent }>>`
          with start as materialized (
            select greatest(${after} + 1, (select first from feed_heads where ${of(home)})) as seq
          ),
          chunk as (
            select first_seq, rows from feed_chunks
            where ${of(home)} and last_seq >= (select seq from start) and first_seq < (select seq from start) + ${limit}
            order by last_seq limit ${limit}
          )
          select (c.first_seq + e.n - 1)::float8 as seq, e.event
          from start cross join chunk c cross join lateral jsonb_array_elements(c.rows) with ordinality as e(event, n)
          where c.first_seq + e.n > start.seq and c.first_seq + e.n <= start.seq + ${limit}
          order by seq`
        ),
        (rows) => rows.map(({ seq, event }) => ({ ...event, seq }))
      ),

    trim: (home, through) =>
      Effect.asVoid(
        call(
          () => sql`
          with head as (
            update feed_heads set first = least(greatest(first, ${through} + 1), seq + 1) where ${of(home)} returning first
          )
          delete from feed_chunks where ${of(home)} and last_seq < (select first from head)`
        )
      )
  }
}

export const layer: Layer.Layer<FeedStore, never, Postgres> = Layer.effect(FeedStore, Effect.map(Postgres, postgresFeed))
