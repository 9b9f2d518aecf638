/**
 * Port: places to run an agent. Adapters: adapters/sandbox/local and adapters/sandbox/e2b; suite test/contract/sandboxes.ts.
 *
 * A sandbox is a disk (workspace and home) and, while it runs, processes, first among them our daemon. Its id is the
 * provider's own. Everything is keyed: asking twice under one key is asking once.
 */
import { Context, type Effect, Schema } from "effect"

/**
 * `unreachable`: no answer, or an error that may pass; nothing is known of the sandbox. `not-found`: the provider is sure.
 * `rejected`: it will never do this (message says what to change). `quota`: not now, a limit is reached (disk full included).
 */
export class SandboxError extends Schema.TaggedError<SandboxError>()("SandboxError", {
  reason: Schema.Literals(["unreachable", "not-found", "rejected", "quota"]),
  provider: Schema.String,
  message: Schema.String
}) {
  get isTransient(): boolean {
    return this.reason === "unreachable" || this.reason === "quota"
  }
}

/** Where the daemon of a running sandbox listens. */
export type DaemonEndpoint =
  | { readonly socketPath: string }
  | { readonly url: string; readonly headers: Readonly<Record<string, string>> }

export interface SandboxInfo {
  readonly sandboxId: string
  readonly org: string
  readonly sessionId: string
  readonly key: string
}

export class Sandboxes extends Context.Service<
  Sandboxes,
  {
    /** `local`, `e2b`; stored with snapshots, which no other provider restores. */
    readonly provider: string
    /** What keeps a sandbox apart from its host and its neighbours, for people: `bubblewrap`, `util-linux`, … */
    readonly isolation: string
    /**
     * Creates a sandbox and starts its daemon, or finds the one made before under `key`; returns when the daemon answers.
     * From a snapshot if one is named, else empty. `rejected` when the snapshot is unknown or another provider's.
     */
    readonly provision: (request: {
      readonly key: string
      readonly org: string
      readonly sessionId: string
      readonly snapshotId: string | null
    }) => Effect.Effect<{ readonly sandboxId: string }, SandboxError>
    /** Makes sure it runs: restarts a stopped one over the same disk. `stateLost`: processes were lost, the disk was not. */
    readonly revive: (sandboxId: string) => Effect.Effect<{ readonly stateLost: boolean }, SandboxError>
    /** Fails with `unreachable` where the provider cannot say; never guesses. */
    readonly status: (sandboxId: string) => Effect.Effect<"running" | "stopped" | "gone", SandboxError>
    /**
     * In use: it shall live on for as long as the provider lets one live, counted from now. Says how many milliseconds that are;
     * null: it lives until it is destroyed. `not-found` when it does not run.
     */
    readonly extend: (sandboxId: string) => Effect.Effect<number | null, SandboxError>
    /** Succeeds for a running sandbox alone; `not-found` otherwise. */
    readonly endpoint: (sandboxId: string) => Effect.Effect<DaemonEndpoint, SandboxError>
    /** Keeps the disk as a snapshot. May stop the sandbox to do it, and says so. Same key, same snapshot. */
    readonly capture: (
      sandboxId: string,
      key: string
    ) => Effect.Effect<{ readonly snapshotId: string; readonly stopped: boolean }, SandboxError>
    /** Destroying what is already gone succeeds. Kills every process of it before it returns; its disk may go later. */
    readonly destroy: (sandboxId: string) => Effect.Effect<void, SandboxError>
    /** Discarding what is already gone succeeds. Layers that others stand on are kept. */
    readonly discard: (snapshotId: string) => Effect.Effect<void, SandboxError>
    readonly list: Effect.Effect<ReadonlyArray<SandboxInfo>, SandboxError>
  }
>()("proliferate/actors/ports/Sandboxes") {}
