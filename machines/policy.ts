/**
 * Who may run an action. Pure: no clock, no store; the caller brings the time and what matched. The first that fits decides:
 *
 *   deny        a rule says deny, at whatever scope
 *   danger      denied; asked about, each time, where a rule says `ask` or `alwaysAsk` of that exact action
 *   alwaysAsk   a person is asked, whatever is granted
 *   allow       runs: an administrator said so of that exact action
 *   grant       runs under the narrowest live grant
 *   ask         a person is asked
 *   default     reads run, writes are asked about
 *
 *   P1  A dangerous call never runs by a decision of this file, and a denied one never runs or waits.
 *   P2  Of rules that do not deny, those of the automation hide those of the organisation; and an `ask` that is pinned to
 *       arguments hides an `allow` that is not.
 *   P3  Every verdict has the path that led to it, whose last step has the verdict as its outcome.
 *   P4  An `allow` for `*` is none.
 */
import { Schema } from "effect"
import { Constraint, constraintsText, fitsAll } from "./policy/constraints.ts"

export const Risk = Schema.Literals(["read", "write", "danger"])
export type Risk = typeof Risk.Type

export const Mode = Schema.Literals(["allow", "ask", "alwaysAsk", "deny"])
export type Mode = typeof Mode.Type

const Word = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200))

export const Rule = Schema.Struct({
  id: Word,
  integration: Word,
  /** Exact, or `*` for every action of the integration. */
  action: Word,
  mode: Mode,
  scope: Schema.Union([
    Schema.Struct({ type: Schema.tag("organisation") }),
    Schema.Struct({ type: Schema.tag("automation"), id: Word })
  ]),
  pins: Schema.Array(Constraint),
  /** Of the rules of the organisation, when this one was written. */
  revision: Schema.Int
})
export type Rule = typeof Rule.Type

/** A call as it is weighed. `params` are the raw arguments, and go no further. */
export interface CallContext {
  readonly org: string
  readonly sessionId: string
  readonly configurationId: string | null
  readonly automationId: string | null
  readonly integration: string
  readonly action: string
  readonly risk: Risk
  readonly params: Readonly<Record<string, unknown>>
  /** Its action takes other arguments than an administrator accepted: an `allow` says nothing of it. */
  readonly drifted?: boolean
}

/** A rule that fits a call, without what it was compared with. */
export const MatchedRule = Schema.Struct({
  id: Word,
  mode: Mode,
  scope: Schema.Literals(["automation", "organisation"]),
  /** False: it was said of `*`. */
  exact: Schema.Boolean,
  pinned: Schema.Boolean,
  revision: Schema.Int,
  because: Schema.String
})
export type MatchedRule = typeof MatchedRule.Type

export const MatchedGrant = Schema.Struct({
  id: Word,
  expiresAtMs: Schema.Number,
  /** Null: without a limit. */
  usesLeft: Schema.NullOr(Schema.Int),
  revision: Schema.Int,
  because: Schema.String
})
export type MatchedGrant = typeof MatchedGrant.Type

export type Verdict = "run" | "ask" | "deny"

export const DecisionStep = Schema.Struct({
  step: Schema.Literals(["deny", "danger", "alwaysAsk", "allow", "grant", "ask", "default"]),
  /** `no`: it does not apply, and the next one is looked at. */
  outcome: Schema.Literals(["no", "run", "ask", "deny"]),
  because: Schema.String
})
export type DecisionStep = typeof DecisionStep.Type

export interface Decided {
  readonly verdict: Verdict
  /** What settled it; null: nothing did, a person is asked. */
  readonly by: "policy" | "grant" | null
  readonly grantId: string | null
  /** The rule that settled it, and its revision; null: no rule did. */
  readonly ruleId: string | null
  readonly revision: number | null
  readonly path: ReadonlyArray<DecisionStep>
}

export interface Question {
  readonly risk: Risk
  readonly rules: ReadonlyArray<MatchedRule>
  /** Narrowest first. */
  readonly grants: ReadonlyArray<MatchedGrant>
  readonly nowMs: number
}

export const isOfScope = ({ scope }: Rule, { automationId }: CallContext): boolean =>
  scope.type === "organisation" || (automationId !== null && scope.id === automationId)

const textOf = ({ mode, integration, action, scope, pins }: Rule): string =>
  `the ${scope.type} says ${mode} of ${integration}.${action}${pins.length === 0 ? "" : ` where ${constraintsText(pins)}`}`

export const matchesRule = (rule: Rule, call: CallContext): boolean =>
  rule.integration === call.integration &&
  (rule.action === call.action || (rule.action === "*" && rule.mode !== "allow")) &&
  (rule.mode !== "allow" || call.drifted !== true) &&
  isOfScope(rule, call) &&
  fitsAll(rule.pins, call.params)

export const matchedRule = (rule: Rule): MatchedRule => ({
  id: rule.id,
  mode: rule.mode,
  scope: rule.scope.type,
  exact: rule.action !== "*",
  pinned: rule.pins.length > 0,
  revision: rule.revision,
  because: textOf(rule)
})

const noRules: ReadonlyArray<MatchedRule> = []

export const matchingRules = (rules: ReadonlyArray<Rule>, call: CallContext): ReadonlyArray<MatchedRule> => {
  let matched: Array<MatchedRule> | null = null
  for (const rule of rules) {
    if (!matchesRule(rule, call)) continue
    matched ??= []
    matched.push(matchedRule(rule))
  }
  return matched ?? noRules
}

// One object each, however many verdicts there are.
const no = {
  deny: { step: "deny", outcome: "no", because: "no rule denies it" },
  danger: { step: "danger", outcome: "no", because: "it is not dangerous" },
  alwaysAsk: { step: "alwaysAsk", outcome: "no", because: "no rule asks for a person each time" },
  allow: { step: "allow", outcome: "no", because: "no rule allows this exact action" },
  grant: { step: "grant", outcome: "no", because: "no live grant covers it" },
  ask: { step: "ask", outcome: "no", because: "no rule asks for a person" }
} as const satisfies Record<string, DecisionStep>

const pathTo: Record<DecisionStep["step"], ReadonlyArray<DecisionStep>> = {
  deny: [],
  danger: [no.deny],
  alwaysAsk: [no.deny, no.danger],
  allow: [no.deny, no.danger, no.alwaysAsk],
  grant: [no.deny, no.danger, no.alwaysAsk, no.allow],
  ask: [no.deny, no.danger, no.alwaysAsk, no.allow, no.grant],
  default: [no.deny, no.danger, no.alwaysAsk, no.allow, no.grant, no.ask]
}

const verdictAt = (
  step: DecisionStep["step"],
  verdict: Verdict,
  because: string,
  { rule, grant }: { readonly rule?: MatchedRule | undefined; readonly grant?: MatchedGrant } = {}
): Decided => ({
  verdict,
  by: verdict === "ask" ? null : grant === undefined ? "policy" : "grant",
  grantId: grant?.id ?? null,
  ruleId: rule?.id ?? null,
  revision: rule?.revision ?? null,
  path: [...pathTo[step], { step, outcome: verdict, because }]
})

const isLive = ({ expiresAtMs, usesLeft }: MatchedGrant, nowMs: number): boolean =>
  expiresAtMs > nowMs && (usesLeft === null || usesLeft > 0)

/** The rules that have a say once none denies (P2). */
const standing = (rules: ReadonlyArray<MatchedRule>): ReadonlyArray<MatchedRule> => {
  if (rules.length < 2) return rules
  const own = rules.filter(({ scope }) => scope === "automation")
  const level = own.length > 0 ? own : rules
  if (!level.some(({ mode, pinned }) => mode === "ask" && pinned)) return level
  return level.filter(({ mode, pinned }) => mode !== "allow" || pinned)
}

const reads: Decided = {
  ...verdictAt("default", "run", "reads run unless a rule says otherwise"),
  path: [
    ...pathTo.grant,
    { step: "grant", outcome: "no", because: "a read that nobody asks about needs none, and spends none" },
    no.ask,
    { step: "default", outcome: "run", because: "reads run unless a rule says otherwise" }
  ]
}
const writes = verdictAt("default", "ask", "writes are asked about unless a rule or a grant says otherwise")

const granted = (grants: ReadonlyArray<MatchedGrant>, nowMs: number): Decided | null => {
  for (const grant of grants) if (isLive(grant, nowMs)) return verdictAt("grant", "run", grant.because, { grant })
  return null
}

export const decide = ({ risk, rules, grants, nowMs }: Question): Decided => {
  // Most calls, of most organisations.
  if (rules.length === 0 && risk !== "danger") return risk === "read" ? reads : (granted(grants, nowMs) ?? writes)
  const denied = rules.find(({ mode }) => mode === "deny")
  if (denied !== undefined) return verdictAt("deny", "deny", denied.because, { rule: denied })

  const effective = standing(rules)
  const said = (wanted: Mode) => effective.find(({ mode, exact }) => mode === wanted && (exact || mode !== "allow"))
  if (risk === "danger") {
    const asking = effective.find(({ mode, exact }) => exact && (mode === "ask" || mode === "alwaysAsk"))
    return asking === undefined
      ? verdictAt("danger", "deny", "it is dangerous, and no rule asks for a person on this exact action")
      : verdictAt("danger", "ask", `it is dangerous, and ${asking.because}: each time`, { rule: asking })
  }
  if (effective.length > 0) {
    const always = said("alwaysAsk")
    if (always !== undefined) return verdictAt("alwaysAsk", "ask", always.because, { rule: always })
    const allowed = said("allow")
    if (allowed !== undefined) return verdictAt("allow", "run", allowed.because, { rule: allowed })
  }
  if (risk === "read" && said("ask") === undefined) return reads
  const lent = granted(grants, nowMs)
  if (lent !== null) return lent
  const asking = said("ask")
  if (asking !== undefined) return verdictAt("ask", "ask", asking.because, { rule: asking })
  return writes
}
