/**
 * The daemon's protocol: what the host says to the daemon of a sandbox and hears from it. JSON over HTTP/1.1 on the
 * daemon's socket; `cli/daemon` answers it, `adapters/daemon` speaks it. The sandbox never dials the host for this.
 *
 *   GET  /v1/health                → Health
 *   POST /v1/workspace  Workspace  → WorkspaceReady     clones or refreshes; returns when done; same boot, same answer
 *   POST /v1/agent      StartAgent → AgentReady         starts or finds this boot's agent
 *   POST /v1/model      UseModel   → 200 {}             nothing to do if it has it; an agent that cannot switch is started anew
 *   POST /v1/files      PutFile    → 200 {}             a piece of a file for a turn; the same again is the same
 *   POST /v1/turns      StartTurn  → 202 {}             returns at once; a known turnId is not started again
 *   POST /v1/turns/:turnId/cancel  → 202 {}
 *   POST /v1/questions/:questionId Answer → 202 {}
 *   POST /v1/quiesce               → 200 {}             ends the agent and syncs the disk, before a capture
 *   GET  /v1/diff                  → Diff               the workspace against where it was cloned
 *   POST /v1/work       Gather     → Work               a git bundle of one repository's work; the newest is kept
 *   GET  /v1/work/:workId/:offset  → WorkPiece          a piece of it, at most 2 MB
 *   POST /v1/folder     Folder     → FolderFiles        which files are in it; links and what is too much are refused
 *   POST /v1/folder/piece FolderPiece → WorkPiece       of one of them, at most 2 MB
 *   POST /v1/exec       Exec       → ExecResult
 *   GET  /v1/events?after=N        → application/x-ndjson, one DaemonEvent a line, never ends; a `{}` line every 5 s is a heartbeat
 *   POST /v1/ack        Ack        → 200 {}             events up to seq are stored by the host and may be forgotten
 *   POST /v1/shutdown              → 202 {}
 *
 * Failures are problem documents: {status, reason, message}. 400 bad input, 404 unknown turn or question, 409 stale boot or
 * daemon, or busy, 422 a workspace or agent that cannot work as asked (`final: true` when trying again cannot help).
 *
 * Events are numbered from 1 by each daemon process (`daemonId`), kept until acknowledged (at most 10,000 events or 16 MB: then
 * the agent is slowed, not the events dropped). After its restart a daemon is another source. A daemon that has had no
 * request for 10 minutes ends itself.
 */
import { Schema } from "effect"

export const Health = Schema.Struct({
  daemonId: Schema.String,
  version: Schema.String,
  /** Boot whose agent runs, or null. */
  boot: Schema.NullOr(Schema.Int),
  turnId: Schema.NullOr(Schema.String),
  lastSeq: Schema.Int
})

export const Repository = Schema.Struct({
  /** Where git inside the sandbox finds it: `http://127.0.0.1:<port>/git/<repo id>` on the proxy, or an https URL. */
  url: Schema.String,
  branch: Schema.String,
  /** Below /workspace; `.` for a single repository. */
  path: Schema.String
})

export const Workspace = Schema.Struct({
  boot: Schema.Int,
  repositories: Schema.Array(Repository),
  /** The branch that work is committed on, created where it does not exist. */
  workBranch: Schema.String,
  author: Schema.Struct({ name: Schema.String, email: Schema.String }),
  /** The disk came from a snapshot: clone nothing that is there. */
  restored: Schema.Boolean
})

export const WorkspaceReady = Schema.Struct({
  repositories: Schema.Array(
    Schema.Struct({ path: Schema.String, head: Schema.String, outcome: Schema.Literals(["cloned", "kept"]) })
  )
})

export const StartAgent = Schema.Struct({
  boot: Schema.Int,
  /** For people, in every event: `scripted`. */
  name: Schema.String,
  /**
   * An ACP command line and its environment, with `{proliferate}` for the daemon's own bundle, `{node}` for its node, `{agents}` for
   * where installed agents are, and `{model}`.
   */
  command: Schema.Array(Schema.String),
  env: Schema.Record(Schema.String, Schema.String),
  /** Of its environment, what no event may show. */
  secrets: Schema.optionalKey(Schema.Array(Schema.String)),
  /** What `{model}` stands for; null: the agent knows by itself. */
  model: Schema.NullOr(Schema.String),
  /** What the agent calls a model among its options, such as `proliferate/{model}`. */
  modelOption: Schema.String,
  /** The session mode to choose, if the agent offers it. */
  mode: Schema.NullOr(Schema.String),
  permissions: Schema.Literals(["allow", "ask"]),
  agentSession: Schema.NullOr(Schema.String)
})

/** `remembers`: the earlier conversation was loaded. */
export const AgentReady = Schema.Struct({
  agentSession: Schema.String,
  remembers: Schema.Boolean,
  readyMs: Schema.Finite,
  /** As it names itself: `OpenCode 1.18.33`. */
  program: Schema.String,
  /** What of ACP it can do beyond prompts of text: `load`, `images`, `files`. */
  abilities: Schema.Array(Schema.String)
})

export const UseModel = Schema.Struct({ boot: Schema.Int, model: Schema.String })
/** Bytes of a file for a turn that is about to start. */
export const PutFile = Schema.Struct({
  turnId: Schema.String,
  name: Schema.String,
  offset: Schema.Int,
  data: Schema.Uint8ArrayFromBase64
})
export const TurnFile = Schema.Struct({ name: Schema.String, type: Schema.String })
export const StartTurn = Schema.Struct({
  boot: Schema.Int,
  turnId: Schema.String,
  text: Schema.String,
  /** Put there before. */
  files: Schema.optionalKey(Schema.Array(TurnFile))
})
/** `daemonId`: whose numbers these are, so that a late acknowledgement never frees what a newer daemon has not told yet. */
export const Ack = Schema.Struct({ daemonId: Schema.String, seq: Schema.Int })
/** Null: cancelled, nobody answered. */
export const Answer = Schema.Struct({ optionId: Schema.NullOr(Schema.String) })
export const Exec = Schema.Struct({ argv: Schema.Array(Schema.String), timeoutMs: Schema.Int })
export const ExecResult = Schema.Struct({
  exitCode: Schema.Int,
  stdout: Schema.String,
  stderr: Schema.String,
  truncated: Schema.Boolean
})

export const Diff = Schema.Struct({
  repositories: Schema.Array(
    Schema.Struct({
      path: Schema.String,
      branch: Schema.String,
      base: Schema.String,
      head: Schema.String,
      files: Schema.Array(Schema.Struct({ path: Schema.String, added: Schema.Int, removed: Schema.Int })),
      /** Unified diff of base against the working tree, at most 512 KB. */
      patch: Schema.String,
      truncated: Schema.Boolean
    })
  )
})

/** Where the repository lies below the workspace; `.` for a single one. */
export const Gather = Schema.Struct({ path: Schema.String })

export const Work = Schema.Struct({
  workId: Schema.String,
  path: Schema.String,
  branch: Schema.String,
  /** The commit that it was cloned at, which whoever takes the work must have. */
  base: Schema.String,
  /** What the bundle leads to; with `uncommitted`, a commit made for this of what was in no commit. */
  head: Schema.String,
  commits: Schema.Int,
  uncommitted: Schema.Boolean,
  bytes: Schema.Int,
  sha256: Schema.String
})

/** Base64; `next` is the offset of the piece after it, or null. */
export const WorkPiece = Schema.Struct({ data: Schema.String, next: Schema.NullOr(Schema.Int) })

/** Below the workspace. */
export const Folder = Schema.Struct({ folder: Schema.String })
export const FolderFiles = Schema.Struct({ files: Schema.Array(Schema.Struct({ path: Schema.String, bytes: Schema.Int })) })
export const FolderPiece = Schema.Struct({
  folder: Schema.String,
  path: Schema.String,
  offset: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
})

/**
 * Kinds and bodies. Text and output are NUL-free and bounded (a delta 16 KB, a tool's output 64 KB, cut in the middle and said so).
 *
 *   agent.ready     {boot, agentSession}
 *   agent.exited    {boot, reason: "crashed"|"malformed"|"hung"|"quiesced", message}
 *   turn.started    {turnId}
 *   message         {turnId, messageId, delta}
 *   thought         {turnId, messageId, delta}
 *   tool            {turnId, toolCallId, title, toolKind, status: pending|running|completed|failed, input?, output?, paths?}
 *   plan            {turnId, entries: [{content, priority, status}]}
 *   usage           {turnId, …as the agent tells}
 *   question        {turnId, questionId, title, options: [{optionId, name, kind}]}
 *   question.closed {turnId, questionId, optionId|null}
 *   turn.finished   {turnId, stopReason, message?}   also "failed" when the agent answered with an error, "crashed" when it
 *                   died in it: then after its agent.exited, so that nobody starts the next turn on a dead agent
 *   commands        {commands: [{name, description}]}     what the agent takes after a slash
 *   workspace       {path, step, message}    progress of clone and refresh
 *   log             {stream: "stderr", text} what the agent says beside the protocol, at most 64 KB a turn
 */
export const DaemonEvent = Schema.Struct({
  seq: Schema.Int,
  at: Schema.Finite,
  kind: Schema.String,
  agent: Schema.NullOr(Schema.String),
  parent: Schema.NullOr(Schema.String),
  body: Schema.Record(Schema.String, Schema.Unknown)
})
export type DaemonEvent = typeof DaemonEvent.Type

/** The first line of every event stream. */
export const StreamHead = Schema.Struct({ daemonId: Schema.String, firstSeq: Schema.Int, lastSeq: Schema.Int })

export const Problem = Schema.Struct({
  status: Schema.Int,
  reason: Schema.String,
  message: Schema.String,
  final: Schema.optionalKey(Schema.Boolean)
})
