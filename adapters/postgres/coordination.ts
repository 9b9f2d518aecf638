/**
 * Coordination over the PostgreSQL that servers share anyway, where there is no Redis: two unlogged tables (sql/0003) and NOTIFY.
 * Each statement stands alone and judges time by the database's clock. What is over is swept every minute.
 */

import { Effect, Layer } from "effect"
import { newId } from "../../runtime/address.ts"
import {
  Coordination,
  CoordinationError,
  type CoordinationServer,
  type Entry,
  type Hear,
  type Topic
} from "../../runtime/coordination.ts"
import { sharedCoordination } from "../../runtime/shared-coordination.ts"
import { unending } from "../../runtime/unending.ts"
import { ask } from "./failure.ts"
import { Postgres } from "./pool.ts"

const sweepEveryMs = 60_000

const call = <A>(run: () => PromiseLike<A>): Effect.Effect<A, CoordinationError> =>
  Effect.mapError(ask(run), ({ message }) => new CoordinationError({ message }))

const channelOf = (topic: Topic) => `proliferate_${topic}`

const postgresServer = Effect.fnUntraced(function* ({ sql }: Postgres["Service"]) {
  const self = yield* newId("hst")
  const ears = new Map<Topic, Set<Hear>>()

  /** Goes on until the pool closes; each connection but the first says null. */
  const listen = (topic: Topic, all: ReadonlySet<Hear>) => {
    let wasListening = false
    sql
      .listen(
        channelOf(topic),
        (said) => {
          if (!said.startsWith(self)) for (const hear of all) hear(said.slice(self.length + 1))
        },
        () => {
          if (wasListening) for (const hear of all) hear(null)
          wasListening = true
        }
      )
      .catch(() => {})
  }

  const sweep = call(
    () => sql`
      with full_again as (delete from coordination_buckets where full_at <= proliferate.now_ms())
      delete from coordination_entries where until <= proliferate.now_ms()`
  )
  yield* Effect.forkScoped(unending("sweeping the coordination", Effect.ignore(sweep), sweepEveryMs))

  return {
    take: (key, { burst, perSecond }) => {
      const eachMs = 1_000 / perSecond
      const spanMs = burst * eachMs
      return Effect.map(
        call(
          () => sql<Array<{ readonly waitMs: number }>>`
          with clock as materialized (select proliferate.now_ms()::float8 as at),
          taken as (
            insert into coordination_buckets as b (key, full_at) select ${key}, at + ${eachMs}::float8 from clock
            on conflict (key) do update set full_at = greatest(b.full_at, excluded.full_at - ${eachMs}) + ${eachMs}
              where greatest(b.full_at, excluded.full_at - ${eachMs}) + ${eachMs} - ${spanMs} <= excluded.full_at - ${eachMs}
            returning key
          )
          select case when exists (select from taken) then 0 else
            ceil(greatest(1, coalesce((select full_at from coordination_buckets where key = ${key}), at) + ${eachMs}::float8 - ${spanMs}::float8 - at))
          end as "waitMs" from clock`
        ),
        ([row]) => row?.waitMs ?? 0
      )
    },
    enter: (room, { who, says }, forMs) =>
      Effect.asVoid(
        call(
          () => sql`insert into coordination_entries (room, who, says, until)
          values (${room}, ${who}, ${says}, proliferate.now_ms() + ${forMs}::float8)
          on conflict (room, who) do update set says = excluded.says, until = excluded.until`
        )
      ),
    leave: (room, who, says) =>
      Effect.asVoid(
        call(
          () => sql`delete from coordination_entries
          where room = ${room} and who = ${who} and says = coalesce(${says ?? null}, says)`
        )
      ),
    present: (room) =>
      call(
        () => sql<Array<Entry>>`select who, says from coordination_entries
        where room = ${room} and until > proliferate.now_ms() order by who`
      ),
    publish: (topic, word) => Effect.asVoid(call(() => sql.notify(channelOf(topic), `${self} ${word}`))),
    subscribe: (topic, hear) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const known = ears.get(topic)
          const all = known ?? new Set<Hear>()
          ears.set(topic, all.add(hear))
          if (known === undefined) listen(topic, all)
        }),
        () => Effect.sync(() => ears.get(topic)?.delete(hear))
      )
  } satisfies CoordinationServer as CoordinationServer
})

export const layer: Layer.Layer<Coordination, never, Postgres> = Layer.effect(
  Coordination,
  Effect.map(Effect.flatMap(Postgres, postgresServer), (server) => sharedCoordination("PostgreSQL", server))
)
