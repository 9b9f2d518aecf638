/** Port: the daemons of running sandboxes, by sandbox id. Adapter: adapters/daemon. Wire: actors/ports/daemon.ts. */
import { Context, type Effect, Schema, type Stream } from "effect"
import type {
  AgentReady,
  Answer,
  DaemonEvent,
  Diff,
  Exec,
  ExecResult,
  Folder,
  FolderFiles,
  FolderPiece,
  Gather,
  Health,
  PutFile,
  StartAgent,
  StartTurn,
  UseModel,
  Work,
  WorkPiece,
  Workspace,
  WorkspaceReady
} from "./daemon.ts"

/**
 * `unreachable`: no answer, the request may or may not have been heard. `refused`: it was heard and not done; `final` when the
 * same request can never succeed. `stale`: another boot is current. `malformed`: it does not speak our protocol.
 */
export class DaemonError extends Schema.TaggedError<DaemonError>()("DaemonError", {
  reason: Schema.Literals(["unreachable", "refused", "stale", "malformed"]),
  final: Schema.Boolean,
  message: Schema.String
}) {}

export class Daemons extends Context.Service<
  Daemons,
  {
    readonly health: (sandboxId: string) => Effect.Effect<typeof Health.Type, DaemonError>
    /** Up to 110 s: a clone. */
    readonly prepare: (
      sandboxId: string,
      workspace: typeof Workspace.Type
    ) => Effect.Effect<typeof WorkspaceReady.Type, DaemonError>
    /** Up to 60 s. */
    readonly startAgent: (sandboxId: string, agent: typeof StartAgent.Type) => Effect.Effect<typeof AgentReady.Type, DaemonError>
    /** Up to 60 s: an agent that cannot switch is started anew, with its conversation. */
    readonly useModel: (sandboxId: string, use: typeof UseModel.Type) => Effect.Effect<void, DaemonError>
    readonly putFile: (sandboxId: string, file: typeof PutFile.Type) => Effect.Effect<void, DaemonError>
    readonly startTurn: (sandboxId: string, turn: typeof StartTurn.Type) => Effect.Effect<void, DaemonError>
    readonly cancelTurn: (sandboxId: string, turnId: string) => Effect.Effect<void, DaemonError>
    readonly answer: (sandboxId: string, questionId: string, answer: typeof Answer.Type) => Effect.Effect<void, DaemonError>
    readonly quiesce: (sandboxId: string) => Effect.Effect<void, DaemonError>
    readonly diff: (sandboxId: string) => Effect.Effect<typeof Diff.Type, DaemonError>
    /** The work of one repository as a git bundle, up to 60 s; taken by its pieces, until someone gathers anew. */
    readonly gather: (sandboxId: string, request: typeof Gather.Type) => Effect.Effect<typeof Work.Type, DaemonError>
    readonly piece: (sandboxId: string, workId: string, offset: number) => Effect.Effect<typeof WorkPiece.Type, DaemonError>
    readonly folder: (sandboxId: string, folder: typeof Folder.Type) => Effect.Effect<typeof FolderFiles.Type, DaemonError>
    readonly folderPiece: (sandboxId: string, piece: typeof FolderPiece.Type) => Effect.Effect<typeof WorkPiece.Type, DaemonError>
    readonly exec: (sandboxId: string, exec: typeof Exec.Type) => Effect.Effect<typeof ExecResult.Type, DaemonError>
    /**
     * Events after `after(daemonId)`, as they come, in the batches they arrive in; the first batch, perhaps an empty one, comes as
     * soon as the daemon answers. Fails with `unreachable` when the connection ends or has been silent for 15 s.
     */
    readonly events: (
      sandboxId: string,
      after: (daemonId: string) => number
    ) => Stream.Stream<{ readonly daemonId: string; readonly events: ReadonlyArray<DaemonEvent> }, DaemonError>
    /** `stale` when another daemon numbers the events now: its own are not touched. */
    readonly ack: (sandboxId: string, daemonId: string, seq: number) => Effect.Effect<void, DaemonError>
  }
>()("proliferate/actors/ports/Daemons") {}
