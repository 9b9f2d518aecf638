/** Arbitrary rules, grants and calls in which names meet: two integrations, three actions, few arguments and values. */
import fc from "fast-check"
import type { Grant } from "../../machines/grants.ts"
import type { Constraint } from "../../machines/policy/constraints.ts"
import type { CallContext, MatchedGrant, MatchedRule, Rule } from "../../machines/policy.ts"

const pick = <const A>(...values: ReadonlyArray<A>) => fc.constantFrom(...values)

export const value = fc.oneof(
  fc.constantFrom<unknown>("prod", "production", "test", "", 1, 2, 3, "1", true, false, null),
  fc.constantFrom<unknown>(["prod"], [], { name: "prod" }, { name: "test", more: [1] })
) as fc.Arbitrary<any>

const names = ["project", "count", "labels", "__proto__", "constructor", "a.b", "length"]
export const params: fc.Arbitrary<Record<string, unknown>> = fc
  .array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 4 })
  // As JSON has it: `__proto__` is a key like any other.
  .map((entries) => JSON.parse(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`))

export const path = pick(
  "project",
  "count",
  "labels",
  "labels.0",
  "labels.name",
  "labels.length",
  "project.0",
  "project.length",
  "__proto__",
  "constructor",
  "constructor.name",
  "toString",
  "a.b",
  "a\\.b",
  "length"
)

export const constraint: fc.Arbitrary<Constraint> = fc.oneof(
  fc.record({ path, op: pick("equals"), value }),
  fc.record({ path, op: pick("oneOf"), value: fc.array(value, { maxLength: 3 }) }),
  fc.record({ path, op: pick("prefix"), value: pick("", "prod", "te", "production") }),
  fc.record({ path, op: pick("atMost", "atLeast"), value: pick(0, 1, 2, 3) }),
  // What nobody should have written.
  fc.record({ path, op: pick("prefix", "atMost", "atLeast", "oneOf"), value })
)

const integration = pick("github", "slack")
const action = pick("read", "write", "merge")

export const rule: fc.Arbitrary<Rule> = fc.record({
  id: fc.integer({ min: 1, max: 1_000_000 }).map((n) => `rul_${n}`),
  integration,
  action: fc.oneof(action, pick("*")),
  mode: pick("allow", "ask", "alwaysAsk", "deny"),
  scope: pick(
    { type: "organisation" } as const,
    { type: "automation", id: "aut_1" } as const,
    {
      type: "automation",
      id: "aut_2"
    } as const
  ),
  pins: fc.array(constraint, { maxLength: 2 }),
  revision: pick(1, 2)
})

const scope = fc
  .tuple(pick("session", "automation", "configuration", "organisation"), pick(1, 2))
  .map(([type, n]): Grant["scope"] => ({ type, id: `${type.slice(0, 3)}_${n}` }))

let made = 0
export const grant: fc.Arbitrary<Grant> = fc
  .record({
    scope,
    integration,
    action: fc.oneof(action, pick("*")),
    constraints: fc.array(constraint, { maxLength: 2 }),
    usesMax: pick(null, 1, 2, 5),
    used: pick(0, 1, 2),
    expiresAtMs: pick(500, 1_000, 1_001, 5_000),
    revokedAtMs: fc.option(pick(100), { freq: 6, nil: null })
  })
  .map((given) => ({
    id: `grn_${++made}`,
    createdBy: "usr_1",
    requestId: null,
    parentId: null,
    revision: 1,
    ...given
  }))

export const call: fc.Arbitrary<CallContext> = fc.record({
  org: pick("org_1", "org_2"),
  sessionId: pick("ses_1", "ses_2"),
  configurationId: pick("con_1", null),
  automationId: pick("aut_1", null),
  integration,
  action,
  risk: pick("read", "write", "danger"),
  params
})

export const matchedRule: fc.Arbitrary<MatchedRule> = fc.record({
  id: pick("rul_1", "rul_2"),
  mode: pick("allow", "ask", "alwaysAsk", "deny"),
  scope: pick("automation", "organisation"),
  exact: fc.boolean(),
  pinned: fc.boolean(),
  revision: pick(1, 2),
  because: pick("a rule")
})

export const matchedGrant: fc.Arbitrary<MatchedGrant> = fc.record({
  id: pick("grn_1", "grn_2"),
  expiresAtMs: pick(999, 1_000, 1_001),
  usesLeft: pick(null, 0, 1),
  revision: pick(1),
  because: pick("a grant")
})
