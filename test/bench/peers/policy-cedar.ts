/**
 * The same rules and grants as policies of Cedar, parsed once: a grant is a `permit`, a rule that denies a `forbid`; a session is in its
 * automation and in its organisation; constraints are conditions on the context.
 */
import { type EntityUid, preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs"
import type { Grant } from "../../../machines/grants.ts"
import type { Constraint } from "../../../machines/policy/constraints.ts"
import type { CallContext, Rule } from "../../../machines/policy.ts"

const policySet = "bench"
const kinds = {
  session: "Session",
  automation: "Automation",
  configuration: "Configuration",
  organisation: "Organisation"
} as const

const condition = ({ path, op, value }: Constraint): string => {
  const at = `context.${path}`
  switch (op) {
    case "equals":
      return `${at} == ${JSON.stringify(value)}`
    case "prefix":
      return `${at} like "${String(value)}*"`
    case "atMost":
      return `${at} <= ${value}`
    case "atLeast":
      return `${at} >= ${value}`
    case "oneOf":
      return `${JSON.stringify(value)}.contains(${at})`
  }
}

const when = (constraints: ReadonlyArray<Constraint>): string =>
  constraints.length === 0 ? "" : ` when { ${constraints.map(condition).join(" && ")} }`
const actionText = (action: string): string => (action === "*" ? "action" : `action == Action::"${action}"`)

export const prepare = ({ rules, grants }: { readonly rules: ReadonlyArray<Rule>; readonly grants: ReadonlyArray<Grant> }) => {
  const permits = grants.map(
    ({ scope, integration, action, constraints }) =>
      `permit(principal in ${kinds[scope.type]}::"${scope.id}", ${actionText(action)}, resource == Integration::"${integration}")${when(constraints)};`
  )
  const forbids = rules.map(
    ({ integration, action, pins }) =>
      `forbid(principal, ${actionText(action)}, resource == Integration::"${integration}")${when(pins)};`
  )
  const parsed = preparsePolicySet(policySet, { staticPolicies: [...permits, ...forbids].join("\n") })
  if (parsed.type !== "success") throw new Error(JSON.stringify(parsed.errors[0]))
}

export const isAllowed = ({ org, sessionId, automationId, integration, action, params }: CallContext): boolean => {
  const principal = { type: "Session", id: sessionId }
  const parents: Array<EntityUid> = [{ type: "Organisation", id: org }]
  if (automationId !== null) parents.push({ type: "Automation", id: automationId })
  const answer = statefulIsAuthorized({
    principal,
    action: { type: "Action", id: action },
    resource: { type: "Integration", id: integration },
    context: params as never,
    preparsedPolicySetId: policySet,
    entities: [{ uid: principal, attrs: {}, parents }]
  })
  if (answer.type !== "success") throw new Error(JSON.stringify(answer.errors[0]))
  return answer.response.decision === "allow"
}
