/**
 * What a thousand tokens of an agent take in the database, tables and indexes, stored through the feed as a stream brings them, some
 * together; against one row a token, with the same event in it.
 */
import { Effect } from "effect"
import { Postgres } from "../../adapters/postgres/pool.ts"
import type { FeedEvent } from "../../runtime/feed.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { type Row, rowOf } from "./rows.ts"

const tokens = 20_000
/** A model says about 80 tokens a second; those of 100 ms are stored together. */
const together = 8
const homes = 4

export const eventOf = (sourceSeq: number): FeedEvent => ({
  ...{ source: "daemon/dmn_01kbench", sourceSeq, kind: "message", agent: "scripted", parent: null, rev: null },
  at: 1_760_000_000_000 + sourceSeq,
  body: { turnId: "trn_01kbench", messageId: "msg_1", delta: ` word${sourceSeq % 1_000}` }
})

export const benchFeedBytes = Effect.gen(function* () {
  const { sql } = yield* Postgres
  const feeds = yield* Feeds
  const bytesOf = (tables: ReadonlyArray<string>) =>
    Effect.promise(async () => {
      let bytes = 0
      for (const table of tables) {
        await sql.unsafe(`vacuum full ${table}`)
        const [row] = await sql.unsafe(`select pg_total_relation_size('${table}')::float8 as bytes`)
        bytes += row!["bytes"]
      }
      return bytes
    })
  yield* Effect.promise(() =>
    sql.unsafe("create table bench_tokens (org text, home text, seq int8, event jsonb, primary key (home, seq))")
  )
  const stored = ["feed_chunks", "feed_heads"]
  const [before, bareBefore] = [yield* bytesOf(stored), yield* bytesOf(["bench_tokens"])]
  const each = tokens / homes
  for (let home = 0; home < homes; home++) {
    const at = { org: "org_bench", id: `ses_bytes_${home}` }
    for (let seq = 1; seq <= each; seq += together) {
      yield* feeds.publish(
        at,
        Array.from({ length: together }, (_, n) => eventOf(seq + n))
      )
    }
    const rows = Array.from({ length: each }, (_, n) => ({ seq: n + 1, event: eventOf(n + 1) }))
    yield* Effect.promise(
      () => sql`insert into bench_tokens select 'org_bench', ${at.id}, (r->>'seq')::int8, r->'event'
        from jsonb_array_elements(${sql.json(rows as never)}) as r`
    )
  }
  const perThousand = (bytes: number) => [(bytes * 1_000) / tokens]
  const ours = perThousand((yield* bytesOf(stored)) - before)
  const theirs = perThousand((yield* bytesOf(["bench_tokens"])) - bareBefore)
  return [rowOf("feed storage, 1000 tokens", "a row a token", "bytes", ours, theirs, null)] satisfies ReadonlyArray<Row>
})
