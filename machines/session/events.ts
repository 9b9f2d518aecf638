/**
 * What a session can be asked and told. Requests (from people) are verbs; facts (from hands and from the daemon) are past
 * tense and carry the id of what they answer: the boot, the turn, the question, the capture.
 */
import { Schema } from "effect"
import { promptCharactersMax } from "../limits.ts"

const Id = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_.:-]{1,128}$/, { message: "1 to 128 letters, digits or _ . : -" }))
// NUL cannot be stored as jsonb, and no one means it.
const noNul = Schema.isPattern(/^[^\u0000]*$/u, { message: "must not contain NUL characters" })
const Text = Schema.String.check(
  Schema.isMinLength(1, { message: "must not be empty" }),
  Schema.isMaxLength(promptCharactersMax, { message: `must have at most ${promptCharactersMax} characters` }),
  noNul
)
const Short = Schema.String.check(Schema.isMaxLength(500), noNul)

const Model = Short.check(Schema.isMinLength(1, { message: "must not be empty" }))

/** A file that is kept on the host, not here. */
const Attachment = Schema.Struct({ id: Id, name: Short, type: Short, bytes: Schema.Int })

export const AgentChoice = Schema.Struct({
  /** Name in the table of agents, such as `scripted`. */
  name: Short,
  permissions: Schema.Literals(["allow", "ask"]),
  /** What it thinks with; absent or null where the agent knows by itself. */
  model: Schema.optionalKey(Schema.NullOr(Model))
})
export type AgentChoice = typeof AgentChoice.Type

export const SessionRequest = Schema.Union([
  Schema.Struct({
    type: Schema.tag("create"),
    configurationId: Id,
    title: Short,
    owner: Schema.NullOr(Id),
    attended: Schema.Boolean,
    agent: AgentChoice
  }),
  Schema.Struct({ type: Schema.tag("start") }),
  Schema.Struct({
    type: Schema.tag("prompt"),
    promptId: Id,
    text: Text,
    by: Schema.NullOr(Id),
    attachments: Schema.optionalKey(Schema.Array(Attachment))
  }),
  Schema.Struct({ type: Schema.tag("unqueue"), promptId: Id }),
  Schema.Struct({ type: Schema.tag("interrupt") }),
  Schema.Struct({ type: Schema.tag("answer"), questionId: Id, optionId: Id }),
  Schema.Struct({ type: Schema.tag("rename"), title: Short }),
  /** Out of lists, and back into them. */
  Schema.Struct({ type: Schema.tag("archive") }),
  Schema.Struct({ type: Schema.tag("unarchive") }),
  /** To another model, from the next turn on. */
  Schema.Struct({ type: Schema.tag("switch"), model: Model }),
  Schema.Struct({ type: Schema.tag("pause"), why: Schema.Literals(["manual", "shutdown"]) }),
  /** A snapshot of now, as soon as no turn is open; it goes on in a sandbox of its own. */
  Schema.Struct({ type: Schema.tag("capture") }),
  Schema.Struct({ type: Schema.tag("resume") }),
  Schema.Struct({ type: Schema.tag("stop") })
])

const reason = { reason: Short, message: Schema.String }
const boot = { boot: Schema.Int, sandboxId: Id }

export const SessionFact = Schema.Union([
  /** `stateLost`: of what it should have held, for the reason in `message`; its processes alone where there is none. */
  Schema.Struct({
    type: Schema.tag("sandbox.ready"),
    ...boot,
    stateLost: Schema.Boolean,
    message: Schema.optionalKey(Schema.String)
  }),
  Schema.Struct({ type: Schema.tag("sandbox.failed"), boot: Schema.Int, final: Schema.Boolean, ...reason }),
  /** Its processes are gone, its disk is not: it can be revived. */
  Schema.Struct({ type: Schema.tag("sandbox.stopped"), sandboxId: Id }),
  Schema.Struct({ type: Schema.tag("sandbox.gone"), sandboxId: Id }),
  Schema.Struct({ type: Schema.tag("sandbox.expiring"), sandboxId: Id }),
  Schema.Struct({ type: Schema.tag("sandbox.destroyed"), sandboxId: Id }),
  Schema.Struct({ type: Schema.tag("workspace.ready"), ...boot }),
  Schema.Struct({ type: Schema.tag("workspace.failed"), ...boot, final: Schema.Boolean, ...reason }),
  Schema.Struct({ type: Schema.tag("agent.ready"), ...boot, agentSession: Id, remembers: Schema.Boolean }),
  Schema.Struct({ type: Schema.tag("agent.failed"), ...boot, final: Schema.Boolean, ...reason }),
  Schema.Struct({ type: Schema.tag("agent.exited"), ...boot, ...reason }),
  Schema.Struct({ type: Schema.tag("link.connected"), sandboxId: Id }),
  Schema.Struct({ type: Schema.tag("link.lost"), sandboxId: Id, ...reason }),
  Schema.Struct({ type: Schema.tag("turn.finished"), turnId: Id, stopReason: Short, message: Schema.optionalKey(Schema.String) }),
  /** It could not be given to the agent. */
  Schema.Struct({ type: Schema.tag("turn.failed"), turnId: Id, ...reason }),
  Schema.Struct({ type: Schema.tag("question.asked"), turnId: Id, questionId: Id }),
  Schema.Struct({ type: Schema.tag("question.closed"), turnId: Id, questionId: Id }),
  /** `provider`: who made it, and alone can restore it. */
  Schema.Struct({
    type: Schema.tag("snapshot.saved"),
    captureId: Id,
    snapshotId: Id,
    provider: Short,
    sandboxStopped: Schema.Boolean
  }),
  Schema.Struct({ type: Schema.tag("snapshot.failed"), captureId: Id, ...reason }),
  /** A record that a step wanted is held by another; `event` is what was to be stepped. */
  Schema.Struct({ type: Schema.tag("record.rejected"), name: Short, key: Short, holder: Short, event: Schema.Unknown })
])

export const SessionEvent = Schema.Union([...SessionRequest.members, ...SessionFact.members])
export type SessionRequest = typeof SessionRequest.Type
export type SessionFact = typeof SessionFact.Type
export type SessionEvent = typeof SessionEvent.Type
