/**
 * Grants: time-boxed permissions for calls that would be asked about. An administrator lends one; an agent may only request it.
 * Pure: no clock, no store. That a budget is spent once and a revoked grant is not used is the journal's (runtime/journal.ts).
 *
 *   L1  A grant covers what it says and nothing else: scope, integration, action, every constraint; live, with a use left.
 *   L2  Narrowest first is a total order, the same whatever order they come in.
 *   L3  `isNarrower` is a partial order, and whatever the narrower one covers, the wider one covers too.
 *   L4  `narrowestFor` covers the call that it is made for, and none that differs in a pinned argument.
 */
import { Schema } from "effect"
import { grantConstraintsMax, grantLastsMaxMs, grantLastsMinMs, grantLastsMs } from "./limits.ts"
import { Constraint, constraintsText, fitsAll, implies, pathTo } from "./policy/constraints.ts"
import type { CallContext, MatchedGrant } from "./policy.ts"

const Word = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200))

export const GrantScope = Schema.Struct({
  type: Schema.Literals(["session", "automation", "configuration", "organisation"]),
  id: Word
})
export type GrantScope = typeof GrantScope.Type

/** What an administrator lends, or an agent asks to be lent. */
export const GrantDraft = Schema.Struct({
  scope: GrantScope,
  integration: Word,
  /** Exact, or `*`: every write of the integration. */
  action: Word,
  constraints: Schema.Array(Constraint).check(Schema.isMaxLength(grantConstraintsMax)),
  /** Null: without a limit. */
  usesMax: Schema.NullOr(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))),
  /** From when it is lent, by the clock of the journal. */
  lastsMs: Schema.Int.check(Schema.isBetween({ minimum: grantLastsMinMs, maximum: grantLastsMaxMs }))
})
export type GrantDraft = typeof GrantDraft.Type

export interface Grant extends Omit<GrantDraft, "lastsMs"> {
  readonly id: string
  /** Uses that are reserved or spent. */
  readonly used: number
  readonly expiresAtMs: number
  readonly createdBy: string
  /** The request of an agent that it answers. */
  readonly requestId: string | null
  /** The grant that it was narrowed from; revoked with it. */
  readonly parentId: string | null
  readonly revokedAtMs: number | null
  readonly revision: number
}

type Covering = Pick<Grant, "scope" | "integration" | "action" | "constraints">

const isInScope = ({ scope: { type, id } }: Covering, call: CallContext): boolean => {
  switch (type) {
    case "session":
      return id === call.sessionId
    case "automation":
      return id === call.automationId
    case "configuration":
      return id === call.configurationId
    case "organisation":
      return id === call.org
  }
}

/** Whether the call is of the kind that the grant is for; a dangerous one is of no such kind (I1). */
export const covers = (grant: Covering, call: CallContext): boolean =>
  call.risk !== "danger" &&
  grant.integration === call.integration &&
  (grant.action === call.action || grant.action === "*") &&
  isInScope(grant, call) &&
  fitsAll(grant.constraints, call.params)

/** `held`: a grant with a use that is reserved for this very call. */
export const isLive = ({ id, expiresAtMs, revokedAtMs, usesMax, used }: Grant, nowMs: number, held?: string): boolean =>
  revokedAtMs === null && expiresAtMs > nowMs && (usesMax === null || used - (id === held ? 1 : 0) < usesMax)

const scopes = ["session", "automation", "configuration", "organisation"] as const
const tightness = { equals: 0, oneOf: 1, prefix: 2, atMost: 3, atLeast: 3 } as const
const tightnessOf = ({ constraints }: Covering): number =>
  constraints.reduce((sum, { op }) => sum + tightness[op], 0) / Math.max(1, constraints.length)

/** Uses that are spent do not count: the order of two grants never changes. */
export const narrowestFirst = (one: Grant, other: Grant): number =>
  scopes.indexOf(one.scope.type) - scopes.indexOf(other.scope.type) ||
  Number(one.action === "*") - Number(other.action === "*") ||
  other.constraints.length - one.constraints.length ||
  tightnessOf(one) - tightnessOf(other) ||
  (one.usesMax === other.usesMax ? 0 : (one.usesMax ?? Number.POSITIVE_INFINITY) - (other.usesMax ?? Number.POSITIVE_INFINITY)) ||
  one.expiresAtMs - other.expiresAtMs ||
  (one.id < other.id ? -1 : one.id > other.id ? 1 : 0)

const textOf = ({ id, scope, integration, action, constraints }: Grant): string =>
  `grant ${id} covers ${integration}.${action} in the ${scope.type}${constraints.length === 0 ? "" : ` where ${constraintsText(constraints)}`}`

export const matchedGrant = (grant: Grant, held?: string): MatchedGrant => ({
  id: grant.id,
  expiresAtMs: grant.expiresAtMs,
  usesLeft: grant.usesMax === null ? null : grant.usesMax - grant.used + (grant.id === held ? 1 : 0),
  revision: grant.revision,
  because: textOf(grant)
})

/** Narrowest first. */
export const matchingGrants = (
  grants: ReadonlyArray<Grant>,
  call: CallContext,
  nowMs: number,
  held?: string
): ReadonlyArray<MatchedGrant> =>
  grants
    .filter((grant) => isLive(grant, nowMs, held) && covers(grant, call))
    .sort(narrowestFirst)
    .map((grant) => matchedGrant(grant, held))

/**
 * As narrow as the call: this session, this action, each of `pins` as it is, one more use. The caller leaves out of `pins` what
 * holds a secret, for a grant is read by people.
 */
export const narrowestFor = (call: CallContext, pins: ReadonlyArray<string> = Object.keys(call.params)): GrantDraft => ({
  scope: { type: "session", id: call.sessionId },
  integration: call.integration,
  action: call.action,
  constraints: pins
    .filter((key) => Object.hasOwn(call.params, key) && call.params[key] !== undefined)
    .map((key) => ({ path: pathTo(key), op: "equals", value: call.params[key] as Schema.Json })),
  usesMax: 1,
  lastsMs: grantLastsMs.session
})

const isWithin = (child: GrantScope, parent: GrantScope): boolean =>
  parent.type === "organisation" || (child.type === parent.type && child.id === parent.id)

/** Both are of one organisation. */
export const isNarrower = (child: Grant, parent: Grant): boolean =>
  isWithin(child.scope, parent.scope) &&
  (child.scope.type !== "organisation" || child.scope.id === parent.scope.id) &&
  child.integration === parent.integration &&
  (parent.action === "*" || child.action === parent.action) &&
  parent.constraints.every((wide) => child.constraints.some((narrow) => implies(narrow, wide))) &&
  (parent.usesMax === null || (child.usesMax !== null && child.usesMax <= parent.usesMax)) &&
  child.expiresAtMs <= parent.expiresAtMs
