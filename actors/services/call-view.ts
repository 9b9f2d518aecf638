/** A call as people and agents see it: nothing of it is secret, for nothing of its actor is. */
import type { Schema } from "effect"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import type { DecisionStep, Risk } from "../../machines/policy.ts"

export const settledStatuses = ["completed", "failed", "denied", "expired", "revoked"] as const
const settled: ReadonlySet<string> = new Set(settledStatuses)
export const isSettled = (status: string): boolean => settled.has(status)

export interface CallView {
  readonly id: string
  readonly sessionId: string
  /** Grows with every change of it: of two sights of it the one with the higher is the newer. */
  readonly rev: number
  readonly status: string
  readonly integration: string
  readonly action: string
  readonly risk: Risk
  /** Redacted. */
  readonly params: Schema.Json
  /** How it came to be decided so, step by step. */
  readonly path: ReadonlyArray<DecisionStep>
  readonly decidedBy: "policy" | "grant" | "person" | null
  /** The person who decided. */
  readonly by: string | null
  readonly grantId: string | null
  readonly result: Schema.Json | null
  readonly reason: string | null
  readonly message: string | null
  readonly expiresAtMs: number | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

interface Stored {
  readonly rev: number
  readonly status: string
  readonly context: Readonly<Record<string, unknown>>
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** Ids begin with when they were made. */
const digits = "0123456789abcdefghjkmnpqrstvwxyz"
export const madeAtMs = (id: string): number =>
  [...id.slice(id.indexOf("_") + 1, id.indexOf("_") + 11)].reduce((ms, digit) => ms * 32 + digits.indexOf(digit), 0)

export const callViewOf = ({ rev, status, context, createdAtMs, updatedAtMs }: Stored): CallView => {
  const call = context as unknown as ApprovalContext
  const { approvalId, sessionId, integration, action, risk, params, path, decidedBy, by, grantId, result, reason, message } = call
  return {
    ...{
      id: approvalId,
      sessionId,
      rev,
      status,
      integration,
      action,
      risk,
      params,
      path,
      decidedBy,
      by,
      grantId,
      result,
      reason,
      message
    },
    ...{ expiresAtMs: call.expiresAtMs, createdAtMs, updatedAtMs }
  }
}
