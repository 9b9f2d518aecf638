/** What an action call remembers, and what it may ask of the world. */
import type { Schema } from "effect"
import { command } from "../command.ts"
import type { DecisionStep, Risk } from "../policy.ts"
import type { ApprovalEvent } from "./events.ts"

export interface ApprovalContext {
  readonly approvalId: string
  readonly sessionId: string
  readonly configurationId: string | null
  readonly automationId: string | null
  readonly integration: string
  readonly action: string
  readonly risk: Risk
  /** Redacted, for people. */
  readonly params: Schema.Json
  readonly argumentsHash: string
  readonly attended: boolean
  /** Counts how often it was weighed. */
  readonly weighing: number
  /** Counts how often it was to be dispatched; the facts of an attempt carry it. */
  readonly attempt: number
  /** What settled that it may run, or may not: once set it stays. */
  readonly decidedBy: "policy" | "grant" | "person" | null
  /** The person who decided. */
  readonly by: string | null
  /** The rule that settled it. */
  readonly ruleId: string | null
  readonly revision: number | null
  /** How the policy came to its verdict, when it was weighed last. */
  readonly path: ReadonlyArray<DecisionStep>
  /** Of whose budget it holds a use. */
  readonly grantId: string | null
  /** When it stops waiting for a person, about: the deadline itself is the journal's. */
  readonly expiresAtMs: number | null
  readonly result: Schema.Json | null
  /** Why it is unknown, failed, denied, expired or revoked, in a word and for people. */
  readonly reason: string | null
  readonly message: string | null
  /** Who revoked it, or found out what came of it. */
  readonly endedBy: string | null
  /** Nobody waits for its outcome any more. */
  readonly sessionEnded: boolean
}

export const contextOf = ({ type: _, ...call }: Extract<ApprovalEvent, { type: "create" }>): ApprovalContext => ({
  ...call,
  weighing: 0,
  attempt: 0,
  decidedBy: null,
  by: null,
  ruleId: null,
  revision: null,
  path: [],
  grantId: null,
  expiresAtMs: null,
  result: null,
  reason: null,
  message: null,
  endedBy: null,
  sessionEnded: false
})

/** What each of its hands must know of the call. */
interface Call {
  readonly approvalId: string
  readonly integration: string
  readonly action: string
  readonly argumentsHash: string
}

export const commands = {
  /**
   * Finds the rules and, unless `alone`, the grants that fit. A session that is stopping or stopped by now is answered by
   * `session.ended`: what stops it told only those calls that it saw.
   */
  weigh: command<
    Call & {
      weighing: number
      risk: Risk
      configurationId: string | null
      automationId: string | null
      alone: boolean
    }
  >(),
  /** Looks whether it can be dispatched now. Its own grant counts with the use that it holds (`held` of `matchingGrants`). */
  clear: command<
    Call & {
      attempt: number
      risk: Risk
      configurationId: string | null
      automationId: string | null
      grantId: string | null
    }
  >(),
  /**
   * Sends it, if it is the first to take this attempt (by approval and attempt, not by the key of the command); one that is not
   * answers `call.unknown`. The service is given a key that is the same for every attempt.
   */
  execute: command<Call & { risk: Risk; attempt: number }>(),
  /**
   * Finds out whether an attempt that nobody heard of took effect. It takes the attempt first, so that an `execute` that has not
   * begun never will: then, and only then or where the service proves it, it is absent.
   */
  readBack: command<Call & { risk: Risk; attempt: number }>(),
  /** Destroys the sealed arguments. */
  wipe: command<{ approvalId: string }>(),
  /** Prompts the session with the outcome, which nobody there has received. */
  tellSession: command<{ approvalId: string; text: string }>()
}
export type ApprovalCommands = typeof commands
