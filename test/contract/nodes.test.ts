import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { emptyNodes, memoryNodes } from "../../adapters/memory/nodes.ts"
import * as postgresNodes from "../../adapters/postgres/nodes.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { Nodes } from "../../runtime/nodes.ts"
import { migratedDatabase } from "../support/postgres.ts"
import { exerciseNodes, NodesWorld } from "./nodes.ts"

const inMemory = Layer.unwrap(
  Effect.sync(() => {
    const state = emptyNodes()
    const clear = Effect.sync(() => {
      for (const rows of Object.values(state)) rows.clear()
    })
    return Layer.merge(
      Layer.succeed(NodesWorld, { clear, passTime: (ms) => TestClock.adjust(ms) }),
      Layer.succeed(Nodes, memoryNodes(state))
    )
  })
)

const inPostgres = Layer.unwrap(
  Effect.gen(function* () {
    const pools = yield* connect(yield* migratedDatabase)
    const { sql } = pools
    const clear = Effect.promise(() =>
      sql.unsafe(
        "truncate cluster_nodes, cluster_shards, proliferate.fake_now; insert into proliferate.fake_now values (1700000000000)"
      )
    )
    const passTime = (ms: number) => Effect.promise(() => sql`update proliferate.fake_now set now_ms = now_ms + ${ms}`)
    return Layer.merge(
      Layer.succeed(NodesWorld, { clear: Effect.asVoid(clear), passTime: (ms) => Effect.asVoid(passTime(ms)) }),
      Layer.provide(postgresNodes.layer, Layer.succeed(Postgres, pools))
    )
  })
)

exerciseNodes("memory", inMemory)
exerciseNodes("postgres", inPostgres)
