/**
 * This process as a node: Effect Cluster over TCP, tuned so that a node that died is replaced within 8 s. Messages are volatile and
 * runners are stored by us (storage.ts), so nothing of the cluster outlives it but who was there.
 */
import { layerClientProtocol, layerSocketServer } from "@effect/platform-node/NodeClusterSocket"
import { Effect, Layer, Option, References, Scope } from "effect"
import {
  MessageStorage,
  RunnerAddress,
  RunnerHealth,
  RunnerServer,
  RunnerStorage,
  Runners,
  Sharding,
  ShardingConfig
} from "effect/cluster"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { nodeLeaseMs } from "../../runtime/limits.ts"
import { apart } from "./apart.ts"
import * as limits from "./limits.ts"
import { sandboxAnswers } from "./sandbox-answers.ts"
import { SandboxWords } from "./sandbox-words.ts"
import { type LeaveShard, runnerStorage } from "./storage.ts"

export interface Place {
  readonly host: string
  readonly port: number
}

export interface NodeOptions {
  readonly name: string
  /** Where the other nodes reach this one. */
  readonly address: Place
  /** Where it listens, if that is another place. */
  readonly listen?: Place
  readonly sandboxHost: string | null
}

/** A node is well as long as it answers one of three questions in a row; whoever is not is still an owner for as long as its lease. */
const health = Layer.effect(
  RunnerHealth.RunnerHealth,
  Effect.map(Runners.Runners, (runners) =>
    RunnerHealth.RunnerHealth.of({
      isAlive: (address) =>
        runners.ping(address).pipe(Effect.timeout(limits.pingMs), Effect.retry({ times: limits.pingsMax - 1 }), Effect.isSuccess)
    })
  )
)

const runnerAddress = ({ host, port }: Place) => RunnerAddress.make(host, port)

export const nodeLayer = (node: NodeOptions, key: Uint8Array, leaveShard: LeaveShard) => {
  const config = ShardingConfig.layer({
    runnerAddress: Option.some(runnerAddress(node.address)),
    runnerListenAddress: Option.fromUndefinedOr(node.listen && runnerAddress(node.listen)),
    shardsPerGroup: limits.shards,
    shardLockRefreshInterval: limits.renewEveryMs,
    // Asking is given up after a third of it.
    shardLockExpiration: nodeLeaseMs,
    refreshAssignmentsInterval: limits.lookEveryMs,
    runnerHealthCheckInterval: limits.healthEveryMs,
    sendRetryInterval: limits.sendAgainMs,
    entityMessagePollInterval: limits.renewEveryMs,
    maxResidentEntities: limits.residentsMax,
    entityMaxIdleTime: limits.residentIdleMs,
    simulateRemoteSerialization: false
  })
  const storage = Layer.effect(RunnerStorage.RunnerStorage, runnerStorage(node, leaveShard))
  const server = Layer.effectDiscard(
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      // A peer that leaves while this one does is waited for without end otherwise.
      yield* Effect.addFinalizer((exit) => Effect.ignore(apart(Scope.close(scope, exit), limits.farewellMs, () => "late")))
      const serving = RpcServer.make(Runners.Rpcs.merge(SandboxWords), { disableTracing: true, disableFatalDefects: true })
      yield* Effect.forkIn(serving, scope)
    })
  ).pipe(Layer.provide([RunnerServer.layerHandlers, sandboxAnswers(key)]))
  // What it warns of while nodes come and go is what it is there for.
  const quiet = Layer.succeed(References.MinimumLogLevel, "Error")
  return server.pipe(
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerRpc),
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.provide(layerSocketServer),
    Layer.provide(health.pipe(Layer.provide(Runners.layerRpc))),
    Layer.provide(layerClientProtocol),
    Layer.provide([storage, MessageStorage.layerNoop]),
    Layer.provide([config, quiet]),
    Layer.provide(RpcSerialization.layerNdjsonWith({ maxBufferSize: limits.messageBytesMax }))
  )
}
