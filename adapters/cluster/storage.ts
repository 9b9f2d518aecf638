/** What Effect Cluster knows of nodes and shards, over our port of them; a shard that is given up is left by its homes first. */
import { Effect } from "effect"
import { RunnerStorage } from "effect/cluster"
import { PersistenceError } from "effect/cluster/ClusterError"
import { type Node, Nodes, type NodesError } from "../../runtime/nodes.ts"

/** Stops the homes of a shard, or of all that are not ours any more. */
export type LeaveShard = (shard: string | null) => Effect.Effect<void>

const asPersistence = <A>(effect: Effect.Effect<A, NodesError>): Effect.Effect<A, PersistenceError> =>
  Effect.mapError(effect, (cause) => new PersistenceError({ cause }))

export const runnerStorage = ({ name, sandboxHost }: Pick<Node, "name" | "sandboxHost">, leaveShard: LeaveShard) =>
  Effect.map(Nodes, (nodes) => {
    /** What the last renewal of our lease answered. */
    let heard = 0
    return RunnerStorage.makeEncoded({
      getRunners: Effect.map(asPersistence(nodes.all), (all) =>
        all.filter(({ goneForMs }) => goneForMs === null).map(({ runner, healthy }) => [runner, healthy] as const)
      ),
      register: (address, runner, healthy) =>
        Effect.tap(asPersistence(nodes.enter({ address, runner, name, sandboxHost }, healthy)), () =>
          Effect.sync(() => {
            heard = 0
          })
        ),
      unregister: (address) => asPersistence(nodes.leave(address)),
      setRunnerHealth: (address, healthy) => asPersistence(nodes.judge(address, healthy)),
      acquire: (address, shards) => Effect.map(asPersistence(nodes.acquire(address, shards)), (held) => [...held]),
      refresh: (address, shards) =>
        Effect.map(
          Effect.suspend(() => asPersistence(nodes.renew(address, heard))),
          (renewed) => {
            heard = renewed.heard
            const wanted = new Set(shards)
            return renewed.shards.filter((shard) => wanted.has(shard))
          }
        ),
      release: (address, shard) => Effect.andThen(leaveShard(shard), asPersistence(nodes.release(address, [shard]))),
      releaseAll: (address) => Effect.andThen(leaveShard(null), asPersistence(nodes.release(address, "all")))
    })
  })
