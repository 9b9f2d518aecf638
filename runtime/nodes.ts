/**
 * Port: the servers of a cluster, and which shards each holds; runtime/router.ts is what stands on it (adapters/cluster). It lies
 * where the journal lies, in adapters/postgres/nodes.ts, so whoever holds a shard can commit; adapters/memory/nodes.ts is for tests.
 * Suite: test/contract/nodes.ts.
 *
 *   N1  A node is there for as long as its lease, which it renews each second. The clock is the store's. Only who heard the answer to
 *       the last renewal renews: one that the store hears and that hears nothing of it can do nothing, and must not stay.
 *   N2  A shard has one holder; another can take it when it was given back, or its holder's lease has run out.
 *   N3  Nothing here is a fence. Two that believe to hold a shard are told apart by the epoch in the journal.
 *   N4  A node that once was there is remembered: that its lease ran out, and when, is known for ever, so that `gone` is never a
 *       guess. One that was never there is not known at all.
 */
import { Context, type Effect, Schema } from "effect"

export interface Node {
  /** `host:port`, where the other nodes reach it. */
  readonly address: string
  /** What the cluster library wrote of it, for itself. */
  readonly runner: string
  /** For people. */
  readonly name: string
  /** Whose sandboxes it holds; null: they are not on a host of ours. */
  readonly sandboxHost: string | null
}

export interface NodeSeen extends Node {
  readonly healthy: boolean
  readonly shards: number
  /** Since its lease ran out; null while it lives. */
  readonly goneForMs: number | null
}

export class NodesError extends Schema.TaggedError<NodesError>()("NodesError", { message: Schema.String }) {}

export class Nodes extends Context.Service<
  Nodes,
  {
    /** Is there from now on, or again. Answers with a number that no other node has. */
    readonly enter: (node: Node, healthy: boolean) => Effect.Effect<number, NodesError>
    /** Its lease ends now. */
    readonly leave: (address: string) => Effect.Effect<void, NodesError>
    /** All that ever were there. */
    readonly all: Effect.Effect<ReadonlyArray<NodeSeen>, NodesError>
    /** The name of the living node that holds a shard. */
    readonly holder: (shard: string) => Effect.Effect<string | null, NodesError>
    /** One that others find unwell has 1.5 s to renew its lease, if it lives; a dead one is replaced so much sooner. */
    readonly judge: (address: string, healthy: boolean) => Effect.Effect<void, NodesError>
    /** Takes of these shards those that are free; answers with all of them that are now held. */
    readonly acquire: (address: string, shards: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, NodesError>
    /**
     * Renews the lease, if `heard` is what the last renewal answered (0 after `enter`); answers with that for the next, and with the
     * shards that are still held.
     */
    readonly renew: (
      address: string,
      heard: number
    ) => Effect.Effect<{ readonly heard: number; readonly shards: ReadonlyArray<string> }, NodesError>
    readonly release: (address: string, shards: "all" | ReadonlyArray<string>) => Effect.Effect<void, NodesError>
  }
>()("proliferate/runtime/Nodes") {}
