import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import * as PostgresCoordination from "../../adapters/postgres/coordination.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import * as RedisCoordination from "../../adapters/redis/coordination.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { localCoordination, Table } from "../../runtime/local-coordination.ts"
import { databaseUrl } from "../support/database-url.ts"
import { migratedDatabase } from "../support/postgres.ts"
import { noRedis, noRedisBinary, ownRedis, relayedRedis } from "../support/redis.ts"
import { relayTo } from "../support/relay.ts"
import { CoordinationWorld, exerciseCoordination } from "./coordination.ts"

const inProcess = Layer.sync(CoordinationWorld, () => {
  const table = new Table()
  return { one: localCoordination(table), other: localCoordination(table), flush: Effect.sync(() => table.flush()), turn: null }
})

/** A server of its own, as each process has one. */
const serverOf = <E>(layer: Layer.Layer<Coordination, E>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, Coordination))

const overPostgres = Layer.effect(
  CoordinationWorld,
  Effect.gen(function* () {
    const direct = new URL(yield* migratedDatabase)
    const directory = decodeURIComponent(direct.hostname)
    const port = Number(direct.port || 5432)
    const relay = yield* relayTo(
      directory.startsWith("/") ? { path: `${directory}/.s.PGSQL.${port}` } : { host: directory, port }
    )
    const relayed = new URL(direct)
    relayed.hostname = "127.0.0.1"
    relayed.port = String(relay.port)
    const { sql } = yield* connect(direct.href, { sqlMax: 1, committerMax: 1 })
    const server = Effect.suspend(() =>
      Effect.flatMap(connect(databaseUrl(relayed.href, direct.pathname.slice(1)), { sqlMax: 2, committerMax: 1 }), (pools) =>
        serverOf(Layer.provide(PostgresCoordination.layer, Layer.succeed(Postgres, pools)))
      )
    )
    const flush = Effect.asVoid(Effect.promise(() => sql`truncate coordination_buckets, coordination_entries`))
    return { one: yield* server, other: yield* server, flush, turn: relay.turn }
  })
)

const overRedis = Layer.effect(
  CoordinationWorld,
  Effect.gen(function* () {
    const { url, relay, flush } = yield* relayedRedis
    const server = Effect.suspend(() => serverOf(RedisCoordination.layer(url)))
    return { one: yield* server, other: yield* server, flush, turn: relay.turn }
  })
)

exerciseCoordination("in one process", inProcess, { isShared: false })
exerciseCoordination("PostgreSQL", overPostgres, { isShared: true })
exerciseCoordination("Redis", noRedis === null ? overRedis : inProcess, { isShared: true, skip: noRedis })

describe(`a Redis of our own${noRedisBinary === null ? "" : ` (${noRedisBinary})`}`, () => {
  it.live.skipIf(noRedisBinary !== null)(
    "may be killed and started again: what is said again is there, and scripts are sent anew",
    () =>
      Effect.gen(function* () {
        const { target, start, kill } = yield* ownRedis
        const { port } = yield* relayTo(target)
        const [one, other] = [
          yield* serverOf(RedisCoordination.layer(`redis://127.0.0.1:${port}/3`)),
          yield* serverOf(RedisCoordination.layer(`redis://127.0.0.1:${port}/3`))
        ]
        const isShared = (word: string) =>
          one
            .enter("room", { who: "ada", says: word }, 60_000)
            .pipe(
              Effect.andThen(other.present("room")),
              Effect.repeat({ until: ([ada]) => ada?.says === word, schedule: Schedule.spaced(10) }),
              Effect.timeout("10 seconds")
            )
        yield* isShared("first")
        yield* kill
        assert.strictEqual(yield* one.take("key", { burst: 1, perSecond: 1 }), 0)
        yield* start
        yield* isShared("second")
      })
  )
})

describe("a REDIS_URL", () => {
  it.live("where nobody answers keeps no server from starting", () =>
    Effect.gen(function* () {
      const { port, turn } = yield* relayTo({ host: "127.0.0.1", port: 1 })
      yield* turn("gone")
      const { name, take } = yield* serverOf(RedisCoordination.layer(`redis://127.0.0.1:${port}`)).pipe(
        Effect.timeout("10 seconds")
      )
      assert.strictEqual(name, "Redis at REDIS_URL")
      assert.strictEqual(yield* take("key", { burst: 1, perSecond: 0.001 }), 0)
      assert.isAbove(yield* take("key", { burst: 1, perSecond: 0.001 }), 0)
    })
  )

  for (const url of ["nonsense", "http://127.0.0.1:6379", "redis://user:secret@127.0.0.1:6379/first", "redis:///0"]) {
    it.effect(`that cannot be used is refused by its name, and not repeated: ${url}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(serverOf(RedisCoordination.layer(url)))
        assert.include(error.message, "REDIS_URL is not a URL such as redis://")
        assert.notInclude(error.message, "secret")
      })
    )
  }
})
