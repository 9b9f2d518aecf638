/** Binds the session machine to its sandbox, its daemon and its agent. No decisions here: see machines/session.ts. */
import { Clock, Effect, Option, type Result, Schedule } from "effect"
import type { Attachment, SessionCommands } from "../machines/session/context.ts"
import { SessionEvent, type SessionFact, SessionRequest } from "../machines/session/events.ts"
import { sessionMachine, statusOf, whyNot } from "../machines/session.ts"
import { type Candidate, chooseSnapshot } from "../machines/snapshots.ts"
import { type ActorDefinition, type Hand, NotYet } from "../runtime/actor.ts"
import type { Address } from "../runtime/address.ts"
import { holdLink, surelyGoneMs } from "./link.ts"
import { Mail } from "./mail.ts"
import { Agents } from "./ports/agents.ts"
import { type AttachmentError, Attachments, pieceBytesMax } from "./ports/attachments.ts"
import { Calls } from "./ports/calls.ts"
import { type DaemonError, Daemons } from "./ports/daemons.ts"
import { Grants } from "./ports/grants.ts"
import { type SandboxError, Sandboxes } from "./ports/sandboxes.ts"
import { Workspaces } from "./services/workspaces.ts"

type Hands = Sandboxes | Daemons | Agents | Workspaces | Attachments | Calls | Grants | Mail
type ParamsOf<Name extends keyof SessionCommands> = Parameters<SessionCommands[Name]>[1]
type SessionHands = {
  readonly [Name in keyof SessionCommands]: Hand<ParamsOf<Name>, Hands> &
    ((...args: any) => Effect.Effect<SessionFact | NotYet | void, never, Hands>)
}

/** A daemon that does not answer at once may be starting, or its link may be down for a moment: 8 tries within 20 s. */
const patiently = {
  while: ({ reason }: DaemonError | AttachmentError) => reason === "unreachable",
  schedule: Schedule.max([Schedule.spaced(2_500), Schedule.recurs(7)])
}

/** Whoever is not in one of these has its outcome. */
const openCalls = ["requested", "pending", "approved", "executing", "outcomeUnknown"]
/** Far more than a session has: ten wait for a person, the others are on their way. */
const openCallsMax = 1_000

/** What must be gone in the end is asked for as long as the provider cannot say; anything else is a bug. */
const untilGone = (error: SandboxError) => (error.isTransient ? Effect.succeed(new NotYet(error.message)) : Effect.die(error))

/** One wrong answer of a provider costs nobody a disk. */
const isGoneStill = (sandboxId: string) =>
  Sandboxes.use((sandboxes) => sandboxes.status(sandboxId)).pipe(
    Effect.delay(surelyGoneMs),
    Effect.match({ onSuccess: (status) => status === "gone", onFailure: () => false })
  )

const isAbsent = <A>(asked: Result.Result<A, SandboxError>): asked is Result.Failure<A, SandboxError> =>
  asked._tag === "Failure" && asked.failure.reason === "not-found"

/** A failed try leaves nothing behind: what it may have made is found by its key and destroyed, before the failure is told. */
const undone = (key: string, failed: SessionFact) =>
  Effect.gen(function* () {
    const sandboxes = yield* Sandboxes
    for (const made of yield* sandboxes.list) if (made.key === key) yield* sandboxes.destroy(made.sandboxId)
    return failed
  }).pipe(Effect.catchTag("SandboxError", untilGone))

/** As a candidate to boot from: the newest, and kept until it is discarded. */
const ownSnapshot = (snapshotId: string, provider: string): Candidate => ({
  snapshotId,
  layer: "session",
  provider,
  createdAtMs: 0,
  expiresAtMs: null
})

const commands: SessionHands = {
  provisionSandbox: ({ boot, snapshotId, provider }, key, { org, id }: Address) =>
    Effect.gen(function* () {
      const sandboxes = yield* Sandboxes
      const own = snapshotId === null ? [] : [ownSnapshot(snapshotId, provider ?? sandboxes.provider)]
      const { chosen, ignored } = chooseSnapshot(own, {
        provider: sandboxes.provider,
        nowMs: yield* Clock.currentTimeMillis
      })
      const { sandboxId } = yield* sandboxes.provision({ key, org, sessionId: id, snapshotId: chosen })
      const lost = ignored.map(({ because }) => `it started empty: its snapshot cannot be used, since ${because}`)
      const message = lost.length === 0 ? {} : { message: lost.join(" ") }
      return { type: "sandbox.ready" as const, boot, sandboxId, stateLost: lost.length > 0, ...message }
    }).pipe(
      Effect.catchTag("SandboxError", ({ reason, message }) => {
        const failed = { type: "sandbox.failed" as const, boot, final: reason === "rejected", reason, message }
        return reason === "unreachable" ? undone(key, failed) : Effect.succeed(failed)
      })
    ),

  reviveSandbox: ({ boot, sandboxId }) =>
    Sandboxes.use((sandboxes) => sandboxes.revive(sandboxId)).pipe(
      Effect.map(({ stateLost }) => ({ type: "sandbox.ready" as const, boot, sandboxId, stateLost })),
      Effect.catchTag("SandboxError", ({ reason, message }) => {
        const failed = { type: "sandbox.failed" as const, boot, final: false, reason, message }
        if (reason !== "not-found") return Effect.succeed(failed)
        return Effect.map(isGoneStill(sandboxId), (isGone) =>
          isGone ? { ...failed, final: true } : { ...failed, reason: "unreachable" }
        )
      })
    ),

  prepareWorkspace: ({ boot, sandboxId, configurationId, restored }, _key, { org, id }: Address) =>
    Effect.gen(function* () {
      const workspaces = yield* Workspaces
      const workspace = yield* workspaces.plan({ org, sessionId: id, configurationId })
      yield* Daemons.use((daemons) => daemons.prepare(sandboxId, { ...workspace, boot, restored }))
      return { type: "workspace.ready" as const, boot, sandboxId }
    }).pipe(
      Effect.catchTag(["DaemonError", "WorkspaceError"], ({ reason, message, final }) =>
        Effect.succeed({ type: "workspace.failed" as const, boot, sandboxId, final, reason, message })
      )
    ),

  startAgent: ({ boot, sandboxId, agent, agentSession }, _key, { org, id }: Address) =>
    Effect.gen(function* () {
      const { name, permissions, model = null } = agent
      const start = yield* Agents.use((agents) => agents.start({ name, permissions, model, org, sessionId: id }))
      const ready = yield* Daemons.use((daemons) =>
        daemons.startAgent(sandboxId, { ...start, boot, name, permissions, agentSession })
      )
      return { type: "agent.ready" as const, boot, sandboxId, agentSession: ready.agentSession, remembers: ready.remembers }
    }).pipe(
      Effect.catchTags({
        DaemonError: ({ reason, message, final }) =>
          Effect.succeed({ type: "agent.failed" as const, boot, sandboxId, final, reason, message }),
        AgentError: ({ reason, message }) =>
          Effect.succeed({ type: "agent.failed" as const, boot, sandboxId, final: true, reason: `agent-${reason}`, message })
      })
    ),

  startTurn: ({ boot, sandboxId, turnId, text, model = null, attachments = [] }, _key, { org, id }: Address) =>
    Effect.gen(function* () {
      const [daemons, store] = [yield* Daemons, yield* Attachments]
      for (const { id: attachment, name, bytes } of attachments)
        for (let offset = 0; offset < bytes; offset += pieceBytesMax) {
          const data = yield* store.read({ org, sessionId: id }, attachment, offset, pieceBytesMax)
          yield* daemons.putFile(sandboxId, { turnId, name, offset, data })
        }
      // It was started with the model of its time; this costs nothing where that is the session's still.
      if (model !== null) yield* daemons.useModel(sandboxId, { boot, model })
      const files = attachments.map(({ name, type }: Attachment) => ({ name, type }))
      yield* daemons.startTurn(sandboxId, { boot, turnId, text, ...(files.length > 0 && { files }) })
    }).pipe(
      Effect.retry(patiently),
      Effect.catchTag(["DaemonError", "AttachmentError"], ({ reason, message }) =>
        Effect.succeed({ type: "turn.failed" as const, turnId, reason, message })
      )
    ),

  // It may overtake the start of the very turn, which the daemon then does not know yet. One that cannot be cancelled any more
  // has ended, or its deadline ends it.
  cancelTurn: ({ sandboxId, turnId }) =>
    Daemons.use((daemons) => daemons.cancelTurn(sandboxId, turnId)).pipe(
      Effect.retry(Schedule.max([Schedule.spaced(500), Schedule.recurs(8)])),
      Effect.ignore
    ),

  // The agent waits for it, so one that is not heard at once is said again.
  answerQuestion: ({ sandboxId, questionId, optionId }) =>
    Daemons.use((daemons) => daemons.answer(sandboxId, questionId, { optionId })).pipe(Effect.retry(patiently), Effect.ignore),

  captureSnapshot: ({ boot, sandboxId, captureId }, key) =>
    Effect.gen(function* () {
      const failed = (reason: string, message: string) => ({ type: "snapshot.failed" as const, captureId, reason, message })
      const [daemons, sandboxes] = [yield* Daemons, yield* Sandboxes]
      // Run again after a crash it may come late: what runs by then is not to be ended.
      const health = yield* Effect.option(daemons.health(sandboxId))
      if (Option.exists(health, (daemon) => (daemon.boot ?? 0) > boot)) return failed("stale", "the sandbox is at work again")
      // An agent that cannot be asked to end is ended by the capture.
      yield* Effect.ignore(daemons.quiesce(sandboxId))
      const capture = Effect.result(sandboxes.capture(sandboxId, key))
      let captured = yield* capture
      // An earlier run may have taken it, and a snapshot outlives its sandbox: under its key it is found, not taken twice.
      if (isAbsent(captured)) {
        if (!(yield* isGoneStill(sandboxId))) return new NotYet(captured.failure.message)
        captured = yield* capture
      }
      if (captured._tag === "Success") {
        const { snapshotId, stopped } = captured.success
        const { provider } = sandboxes
        return { type: "snapshot.saved" as const, captureId, snapshotId, provider, sandboxStopped: stopped }
      }
      const { reason, message } = captured.failure
      return reason === "unreachable" ? new NotYet(message) : failed(reason, message)
    }),

  destroySandbox: ({ sandboxId }) =>
    Sandboxes.use((sandboxes) => sandboxes.destroy(sandboxId)).pipe(
      Effect.as({ type: "sandbox.destroyed" as const, sandboxId }),
      Effect.catchTag("SandboxError", untilGone)
    ),

  discardSnapshot: ({ snapshotId }) =>
    Sandboxes.use((sandboxes) => sandboxes.discard(snapshotId)).pipe(Effect.catchTag("SandboxError", untilGone)),

  // A call that is made meanwhile finds the session stopping when it is weighed.
  endApprovals: (_params, _key, { org, id: home }: Address) =>
    Effect.gen(function* () {
      const [calls, mail] = [yield* Calls, yield* Mail]
      yield* Grants.use((grants) => grants.endOf(org, home))
      const open = yield* calls.list(org, { sessionId: home, statuses: openCalls, limit: openCallsMax })
      for (const { id } of open) {
        const ended = { id: `ended:${home}`, event: { type: "session.ended" }, by: null }
        const told = yield* Effect.result(mail.ask({ org, kind: "approval", id, home }, ended))
        if (told._tag === "Failure" && told.failure._tag === "Unavailable") return new NotYet(told.failure.message)
      }
      // Those that had settled in between made room for others.
      if (open.length === openCallsMax) return new NotYet("more calls are open than are told at once")
    }).pipe(Effect.catchTag("DirectoryError", ({ message }) => Effect.succeed(new NotYet(message))))
}

/** What a session is told when a hand crashed for the last time: the failure that its state waits for. */
const buried = (name: string, params: any, message: string): SessionFact | null => {
  const reason = "crashed"
  switch (name as keyof SessionCommands) {
    case "provisionSandbox":
    case "reviveSandbox":
      return { type: "sandbox.failed", boot: params.boot, final: false, reason, message }
    case "prepareWorkspace":
      return { type: "workspace.failed", boot: params.boot, sandboxId: params.sandboxId, final: false, reason, message }
    case "startAgent":
      return { type: "agent.failed", boot: params.boot, sandboxId: params.sandboxId, final: false, reason, message }
    case "startTurn":
      return { type: "turn.failed", turnId: params.turnId, reason, message }
    case "captureSnapshot":
      return { type: "snapshot.failed", captureId: params.captureId, reason, message }
    default:
      return null
  }
}

export const sessionActor: ActorDefinition<Hands> = {
  kind: "session",
  machine: sessionMachine,
  version: 1,
  upgrades: {},
  event: SessionEvent,
  requests: new Set(SessionRequest.members.map(({ fields }) => fields.type.schema.literal)),
  whyNot,
  commands,
  standing: (snapshot) => {
    const { sandboxId, boot } = snapshot.context
    return snapshot.hasTag("linked") && sandboxId !== null
      ? [{ id: `link:${sandboxId}:${boot}`, name: "link", params: { sandboxId, boot } }]
      : []
  },
  activities: { link: holdLink },
  project: (snapshot) => {
    const { title, owner, configurationId, archived } = snapshot.context
    return { title, owner, configurationId, status: statusOf(snapshot), archived: archived === true }
  },
  announce: (snapshot) => ({
    kind: "state",
    body: { status: statusOf(snapshot), state: snapshot.value, reason: snapshot.context.reason }
  }),
  crashed: ({ params }, message) =>
    ({ type: "link.lost", ...(params as { sandboxId: string }), reason: "crashed", message }) as SessionFact,
  buried
}
