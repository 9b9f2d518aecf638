/**
 * What an action call can be asked and told. Requests (from people, and from the agent's own session) are verbs; facts are past
 * tense and carry the weighing or the attempt that they answer. Raw arguments are in none of them: what is shown is redacted
 * before it comes here, what is executed is known by its hash.
 */
import { Schema } from "effect"
import { GrantDraft } from "../grants.ts"
import { displayCharactersMax } from "../limits.ts"
import { MatchedGrant, MatchedRule, Risk } from "../policy.ts"

const Id = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_.:-]{1,128}$/, { message: "1 to 128 letters, digits or _ . : -" }))
// NUL cannot be stored as jsonb, and no one means it.
const noNul = Schema.isPattern(/^[^\u0000]*$/u, { message: "must not contain NUL characters" })
const Short = Schema.String.check(Schema.isMaxLength(500), noNul)
const Word = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200), noNul)
const Hash = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/, { message: "64 hexadecimal digits" }))
const isShown = Schema.makeFilter<Schema.Json>((shown) =>
  JSON.stringify(shown).length <= displayCharactersMax
    ? undefined
    : `must have at most ${displayCharactersMax} characters as JSON`
)
/** Redacted and bounded. */
const Shown = Schema.Json.check(isShown)

export const ApprovalRequest = Schema.Union([
  Schema.Struct({
    type: Schema.tag("create"),
    approvalId: Id,
    sessionId: Id,
    configurationId: Schema.NullOr(Id),
    automationId: Schema.NullOr(Id),
    integration: Word,
    action: Word,
    risk: Risk,
    /** For people. */
    params: Shown,
    argumentsHash: Hash,
    /** Somebody who may decide watched the session as it was asked for. */
    attended: Schema.Boolean
  }),
  Schema.Struct({
    type: Schema.tag("approve"),
    by: Id,
    as: Schema.Literals(["once", "grant"]),
    /** Lent with the decision, and this call its first use. */
    grant: Schema.optionalKey(Schema.Struct({ id: Id, draft: GrantDraft, requestId: Schema.NullOr(Id) }))
  }),
  Schema.Struct({ type: Schema.tag("deny"), by: Id, reason: Short }),
  /** By a person who may decide; what has been dispatched is not called back. */
  Schema.Struct({ type: Schema.tag("revoke"), by: Id, reason: Short }),
  /** By the agent that asked. */
  Schema.Struct({ type: Schema.tag("withdraw") }),
  /** A person found out what came of it. */
  Schema.Struct({ type: Schema.tag("settle"), by: Id, as: Schema.Literals(["completed", "failed"]), note: Short })
])

const weighing = { weighing: Schema.Int }
const attempt = { attempt: Schema.Int }
const matched = { rules: Schema.Array(MatchedRule), grants: Schema.Array(MatchedGrant), nowMs: Schema.Number }
const trouble = { reason: Short, message: Schema.String.check(Schema.isMaxLength(2_000), noNul) }

export const ApprovalFact = Schema.Union([
  Schema.Struct({ type: Schema.tag("weighed"), ...weighing, ...matched }),
  Schema.Struct({ type: Schema.tag("weighing.failed"), ...weighing, ...trouble }),
  /** Nothing is in its way but the rules and the grant of now. */
  Schema.Struct({ type: Schema.tag("cleared"), ...attempt, ...matched }),
  Schema.Struct({
    type: Schema.tag("blocked"),
    ...attempt,
    reason: Schema.Literals(["connection", "session", "arguments", "integration", "crashed"]),
    message: trouble.message
  }),
  Schema.Struct({ type: Schema.tag("call.completed"), ...attempt, result: Shown }),
  /** `sent`: it reached the service, which refused it. */
  Schema.Struct({ type: Schema.tag("call.failed"), ...attempt, sent: Schema.Boolean, ...trouble }),
  /** It may have taken effect. */
  Schema.Struct({ type: Schema.tag("call.unknown"), ...attempt, message: trouble.message }),
  Schema.Struct({ type: Schema.tag("readback.found"), ...attempt, result: Shown }),
  /** Proven: it did not take effect, and will not. */
  Schema.Struct({ type: Schema.tag("readback.absent"), ...attempt }),
  Schema.Struct({ type: Schema.tag("readback.unclear"), ...attempt, message: trouble.message }),
  Schema.Struct({ type: Schema.tag("session.ended") }),
  /** The agent has received the outcome. */
  Schema.Struct({ type: Schema.tag("heard") }),
  /** A record that a step wanted was refused: a budget that is `spent`, `expired`, `revoked` or `absent`, a room that is `full`. */
  Schema.Struct({ type: Schema.tag("record.rejected"), name: Short, key: Short, holder: Short, event: Schema.Unknown })
])

export const ApprovalEvent = Schema.Union([...ApprovalRequest.members, ...ApprovalFact.members])
export type ApprovalRequest = typeof ApprovalRequest.Type
export type ApprovalFact = typeof ApprovalFact.Type
export type ApprovalEvent = typeof ApprovalEvent.Type
