/**
 * The servers of a cluster, in tables of sql/0007_cluster.sql. Each question is one statement on the general pool, which reconnects
 * by itself: no connection is pinned to a lock, so none can be lost with it unnoticed. Promises: runtime/nodes.ts.
 */
import { Effect, Layer } from "effect"
import { nodeLeaseMs, nodeUnwellMs } from "../../runtime/limits.ts"
import { type NodeSeen, Nodes, NodesError } from "../../runtime/nodes.ts"
import { ask } from "./failure.ts"
import { Postgres } from "./pool.ts"

const call = <A>(run: () => PromiseLike<A>): Effect.Effect<A, NodesError> =>
  Effect.mapError(ask(run), ({ message }) => new NodesError({ message }))

const shardsOf = (rows: ReadonlyArray<{ readonly shard: string }>) => rows.map(({ shard }) => shard)

export const layer: Layer.Layer<Nodes, never, Postgres> = Layer.effect(
  Nodes,
  Effect.map(Postgres, ({ sql }) =>
    Nodes.of({
      // Two that come at once may take one number: then one of them is refused, and comes again.
      enter: ({ address, runner, name, sandboxHost }, healthy) =>
        Effect.map(
          call(
            () => sql<Array<{ readonly number: number }>>`
            insert into cluster_nodes as n (address, number, runner, name, sandbox_host, healthy, has_left, renewals, until)
            select ${address}, coalesce(max(number), 0) + 1, ${runner}, ${name}, ${sandboxHost}, ${healthy}, false, 0,
              proliferate.now_ms() + ${nodeLeaseMs}::float8
            from cluster_nodes
            on conflict (address) do update set runner = excluded.runner, name = excluded.name,
              sandbox_host = excluded.sandbox_host, healthy = excluded.healthy, has_left = false, renewals = 0,
              until = excluded.until
            returning number`
          ),
          ([row]) => row!.number
        ),

      leave: (address) =>
        Effect.asVoid(
          call(
            () =>
              sql`update cluster_nodes set has_left = true, until = least(until, proliferate.now_ms()::float8) where address = ${address}`
          )
        ),

      all: call(
        () => sql<Array<NodeSeen>>`
        select n.address, n.runner, n.name, n.sandbox_host as "sandboxHost", n.healthy,
          (select count(*) from cluster_shards s where s.address = n.address)::int4 as shards,
          case when n.until > clock.at then null else (clock.at - n.until)::float8 end as "goneForMs"
        from cluster_nodes n, (select proliferate.now_ms()::float8 as at) as clock order by n.address`
      ),

      holder: (shard) =>
        Effect.map(
          call(
            () => sql<Array<{ readonly name: string }>>`
            select n.name from cluster_shards s join cluster_nodes n using (address)
            where s.shard = ${shard} and n.until > proliferate.now_ms()`
          ),
          ([row]) => row?.name ?? null
        ),

      judge: (address, healthy) =>
        Effect.asVoid(
          call(
            () => sql`update cluster_nodes set healthy = ${healthy},
              until = case when ${healthy} then until else least(until, proliferate.now_ms() + ${nodeUnwellMs}::float8) end
            where address = ${address}`
          )
        ),

      acquire: (address, shards) =>
        Effect.map(
          call(
            () => sql<Array<{ readonly shard: string }>>`
            insert into cluster_shards as s (shard, address)
            select shard, ${address} from jsonb_array_elements_text(${sql.json([...shards])}::jsonb) as shard
            where exists (select from cluster_nodes where address = ${address} and until > proliferate.now_ms())
            order by shard
            on conflict (shard) do update set address = excluded.address
              where s.address = excluded.address or not exists (
                select from cluster_nodes n where n.address = s.address and n.until > proliferate.now_ms()
              )
            returning shard`
          ),
          shardsOf
        ),

      renew: (address, heard) =>
        Effect.map(
          call(
            () => sql<Array<{ readonly renewals: number; readonly shard: string | null }>>`
            with renewed as (
              update cluster_nodes set renewals = renewals + 1,
                until = case when renewals = ${heard} then proliferate.now_ms() + ${nodeLeaseMs}::float8 else until end
              where address = ${address} and not has_left returning address, renewals
            )
            select renewals, shard from renewed left join cluster_shards using (address)`
          ),
          (rows) => ({ heard: rows[0]?.renewals ?? heard, shards: rows.flatMap(({ shard }) => shard ?? []) })
        ),

      release: (address, shards) =>
        Effect.asVoid(
          call(() =>
            shards === "all"
              ? sql`delete from cluster_shards where address = ${address}`
              : sql`delete from cluster_shards
                where address = ${address} and shard in (select jsonb_array_elements_text(${sql.json([...shards])}::jsonb))`
          )
        )
    })
  )
)
