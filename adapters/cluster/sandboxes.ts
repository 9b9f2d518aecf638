/**
 * Sandboxes of several hosts: each is where it was made, whatever node its session's home is on by now. Its id names its host
 * (`hostOf`); what is asked of one that is elsewhere goes to the node there, on the port of the nodes.
 *
 *   H1  New ones are made here, and only those that are here are listed: each host looks for its own strays.
 *   H2  A host is gone when its last node's lease ran out more than 15 s ago. Then its sandboxes are gone, until it comes back and
 *       destroys what nobody holds. A host that does not answer, or of which nothing is known, is `unreachable`, for ever.
 *   H3  Its daemon is reached by its socket: from the same machine.
 */
import { layerClientProtocol } from "@effect/platform-node/NodeClusterSocket"
import { Context, Effect, Layer } from "effect"
import { RunnerAddress, Runners } from "effect/cluster"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { SandboxError, Sandboxes } from "../../actors/ports/sandboxes.ts"
import { Nodes } from "../../runtime/nodes.ts"
import { apart } from "./apart.ts"
import * as limits from "./limits.ts"
import { passOf } from "./pass.ts"
import { SandboxWords } from "./sandbox-words.ts"

/** The sandboxes of this host alone: what other nodes are answered from. */
export class OwnSandboxes extends Context.Service<OwnSandboxes, Sandboxes["Service"]>()(
  "proliferate/adapters/cluster/OwnSandboxes"
) {}

export interface SandboxHosts {
  readonly host: string
  readonly hostOf: (sandboxId: string) => string
  readonly key: Uint8Array
}

type Client = RpcClient.FromGroup<typeof SandboxWords, unknown>

export const clusterSandboxes = ({ host, hostOf, key }: SandboxHosts) =>
  Layer.effect(
    Sandboxes,
    Effect.gen(function* () {
      const own = yield* OwnSandboxes
      const nodes = yield* Nodes
      const protocols = yield* Runners.RpcClientProtocol
      const pass = passOf(key)
      const { provider } = own

      const failed = (reason: SandboxError["reason"], message: string) => new SandboxError({ reason, provider, message })

      /** Where the host's node is; null: the host is gone. */
      const find = Effect.fnUntraced(function* (wanted: string) {
        const seen = yield* Effect.mapError(nodes.all, ({ message }) => failed("unreachable", message))
        const theirs = seen.filter(({ sandboxHost }) => sandboxHost === wanted)
        const alive = theirs.find(({ goneForMs }) => goneForMs === null)
        if (alive !== undefined) return alive.address
        if (theirs.length > 0 && theirs.every(({ goneForMs }) => (goneForMs ?? 0) > limits.hostGoneMs)) return null
        return yield* failed("unreachable", "the host of this sandbox does not answer")
      })

      const there = <A>(address: string, ask: (client: Client) => Effect.Effect<A, unknown>, forMs: number) => {
        const cut = address.lastIndexOf(":")
        const runner = RunnerAddress.make(address.slice(0, cut), Number(address.slice(cut + 1)))
        const asked = Effect.gen(function* () {
          const protocol = yield* protocols.make(runner)
          const client = yield* Effect.provideService(RpcClient.make(SandboxWords), RpcClient.Protocol, protocol)
          return yield* ask(client as Client)
        }).pipe(Effect.scoped)
        const silent = () => failed("unreachable", "the host of this sandbox does not answer")
        return apart(asked, forMs, silent).pipe(Effect.mapError((error) => (error instanceof SandboxError ? error : silent())))
      }

      const at = <A>(
        sandboxId: string,
        here: Effect.Effect<A, SandboxError>,
        ask: (client: Client) => Effect.Effect<A, unknown>,
        ifGone: Effect.Effect<A, SandboxError>,
        forMs: number = limits.sandboxAskMs
      ): Effect.Effect<A, SandboxError> => {
        const wanted = hostOf(sandboxId)
        if (wanted === host) return here
        return Effect.flatMap(find(wanted), (address) => (address === null ? ifGone : there(address, ask, forMs)))
      }
      const gone = failed("not-found", "the host of this sandbox is gone, and the sandbox with it")

      return Sandboxes.of({
        provider,
        isolation: own.isolation,
        provision: own.provision,
        list: own.list,
        discard: own.discard,
        status: (sandboxId) =>
          at(sandboxId, own.status(sandboxId), (client) => client.status({ pass, sandboxId }), Effect.succeed("gone")),
        extend: (sandboxId) => at(sandboxId, own.extend(sandboxId), (client) => client.extend({ pass, sandboxId }), gone),
        endpoint: (sandboxId) => at(sandboxId, own.endpoint(sandboxId), (client) => client.endpoint({ pass, sandboxId }), gone),
        revive: (sandboxId) =>
          at(sandboxId, own.revive(sandboxId), (client) => client.revive({ pass, sandboxId }), gone, limits.sandboxWorkMs),
        capture: (sandboxId, captureKey) =>
          at(
            sandboxId,
            own.capture(sandboxId, captureKey),
            (client) => client.capture({ pass, sandboxId, key: captureKey }),
            gone,
            limits.sandboxWorkMs
          ),
        destroy: (sandboxId) =>
          at(
            sandboxId,
            own.destroy(sandboxId),
            (client) => client.destroy({ pass, sandboxId }),
            Effect.void,
            limits.sandboxWorkMs
          )
      })
    })
  ).pipe(
    Layer.provide(layerClientProtocol),
    Layer.provide(RpcSerialization.layerNdjsonWith({ maxBufferSize: limits.messageBytesMax }))
  )
