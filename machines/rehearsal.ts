/**
 * What a proposed policy or grant would have done to the calls of the last days, before it is saved. Pure.
 *
 * Of a recorded call only the arguments that hold no secret are known, by their path; a rule or grant that asks for another one is
 * not guessed at: the call is `unknown`, with the path that was missing.
 *
 *   R1  Under the rules and grants of now unchanged, no known verdict differs.
 *   R2  A call is `unknown` only where a hidden argument decides: whatever it was, could change the verdict.
 *   R3  Uses are not counted: a grant that covers a call would have covered it as long as it had uses left.
 */
import { GrantIndex } from "./grants/grant-index.ts"
import { covers, type Grant, isLive, matchedGrant } from "./grants.ts"
import { keysOf } from "./policy/constraints.ts"
import { type CallContext, type Decided, decide, isOfScope, matchedRule, matchesRule, type Rule, type Verdict } from "./policy.ts"

export interface RecordedCall {
  readonly approvalId: string
  readonly atMs: number
  /** `params`: what may be known of them. */
  readonly call: CallContext
  /** The keys that lead to what was there and is hidden; none: any of it may be. */
  readonly hidden: ReadonlyArray<ReadonlyArray<string>>
  /** What was decided then. */
  readonly verdict: Verdict
}

export interface Policy {
  readonly rules: ReadonlyArray<Rule>
  readonly grants: ReadonlyArray<Grant>
}

export interface Rehearsed {
  readonly approvalId: string
  readonly was: Verdict
  readonly now: Verdict | "unknown"
  readonly proposed: Verdict | "unknown"
  /** What settles it under each; of an unknown one, what is not known. */
  readonly because: { readonly now: string; readonly proposed: string }
  readonly differs: boolean
}

type Judged = { readonly verdict: Verdict | "unknown"; readonly because: string }

const isHidden = (path: string, hidden: ReadonlyArray<ReadonlyArray<string>>): boolean => {
  const keys = keysOf(path)
  return hidden.some((parts) => {
    const shorter = Math.min(parts.length, keys.length)
    return parts.slice(0, shorter).every((part, at) => part === keys[at])
  })
}

/** Both ways, where a hidden argument could decide: with all that asks for one fitting, and with none. */
const judge = ({ rules, grants, index }: Arranged, { call, hidden, atMs }: RecordedCall): Judged => {
  const matched = rules.filter((rule) => matchesRule(rule, call))
  const granted = index.matching(call, atMs)
  const ask = (more: Policy): Decided =>
    decide({
      risk: call.risk,
      rules: [...matched, ...more.rules].map(matchedRule),
      grants: [...granted, ...more.grants.map((grant) => matchedGrant(grant))],
      nowMs: atMs
    })

  const known = ask({ rules: [], grants: [] })
  if (hidden.length > 0) {
    const withoutHidden = <A extends { readonly path: string }>(pins: ReadonlyArray<A>) =>
      pins.filter(({ path }) => !isHidden(path, hidden))
    const doubtfulRules = rules.filter(
      (rule) =>
        withoutHidden(rule.pins).length < rule.pins.length && matchesRule({ ...rule, pins: withoutHidden(rule.pins) }, call)
    )
    const doubtfulGrants = grants.filter((grant) => {
      const constraints = withoutHidden(grant.constraints)
      return constraints.length < grant.constraints.length && isLive(grant, atMs) && covers({ ...grant, constraints }, call)
    })
    for (const doubtful of subsets(doubtfulRules, doubtfulGrants))
      if (ask(doubtful).verdict !== known.verdict) return { verdict: "unknown", because: unknownText(doubtful, hidden) }
  }
  return { verdict: known.verdict, because: known.path.at(-1)!.because }
}

/** Enough to see every verdict that is possible: each rule alone, each with all grants, and each pair, for a rule may hide another. */
function* subsets(rules: ReadonlyArray<Rule>, grants: ReadonlyArray<Grant>): Generator<Policy> {
  if (grants.length > 0) yield { rules: [], grants }
  for (const [at, rule] of rules.entries()) {
    yield { rules: [rule], grants: [] }
    if (grants.length > 0) yield { rules: [rule], grants }
    for (const other of rules.slice(at + 1)) {
      yield { rules: [rule, other], grants: [] }
      if (grants.length > 0) yield { rules: [rule, other], grants }
    }
  }
}

const unknownText = ({ rules, grants }: Policy, hidden: ReadonlyArray<ReadonlyArray<string>>): string => {
  const pins = [...rules.flatMap((rule) => rule.pins), ...grants.flatMap((grant) => grant.constraints)]
  const paths = [...new Set(pins.map(({ path }) => path).filter((path) => isHidden(path, hidden)))]
  return `it depends on ${paths.join(", ")}, of which not all was kept: it may hold a secret, or was too long`
}

export const rehearse = (recorded: ReadonlyArray<RecordedCall>, now: Policy, proposed: Policy): ReadonlyArray<Rehearsed> => {
  const [before, after] = [arranged(now), arranged(proposed)]
  return recorded.map((each) => {
    const [was, would] = [judge(before(each.call), each), judge(after(each.call), each)]
    return {
      approvalId: each.approvalId,
      was: each.verdict,
      now: was.verdict,
      proposed: would.verdict,
      because: { now: was.because, proposed: would.because },
      differs: was.verdict !== would.verdict
    }
  })
}

/** What could have a say in a call of some action, whatever its arguments. */
interface Arranged extends Policy {
  readonly index: GrantIndex
}

const arranged = ({ rules, grants }: Policy): ((call: CallContext) => Arranged) => {
  const unspent = grants.map((grant) => ({ ...grant, used: 0 }))
  const index = new GrantIndex(unspent)
  const byAction = new Map<string, Policy>()
  return (call) => {
    const key = JSON.stringify([call.integration, call.action])
    const named = ({ integration, action }: { readonly integration: string; readonly action: string }) =>
      integration === call.integration && (action === call.action || action === "*")
    const known = byAction.get(key) ?? { rules: rules.filter(named), grants: unspent.filter(named) }
    byAction.set(key, known)
    return { rules: known.rules.filter((rule) => isOfScope(rule, call)), grants: known.grants, index }
  }
}
