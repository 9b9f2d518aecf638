/**
 * Decisions on 10⁵ calls that are all different, half of which no grant covers, over 10,000 grants of one organisation: by the index,
 * by looking at each grant, and, with --peers, by Cedar (preparsed, in WebAssembly, in this process) on the same as policies. Nothing
 * remembers a verdict. The others are asked for the calls at the front alone; all must answer the same.
 */
import assert from "node:assert"
import { join } from "node:path"
import { Effect } from "effect"
import { GrantIndex } from "../../machines/grants/grant-index.ts"
import { type Grant, matchingGrants } from "../../machines/grants.ts"
import { type CallContext, decide, matchingRules, type Rule } from "../../machines/policy.ts"
import { type Row, rounds, rowOf } from "./rows.ts"

const nowMs = 1_000
const grantsCount = 10_000
const callsCount = 100_000
/** Of these the slower ones are asked in one round. */
const slowCalls = { linear: 400, cedar: 200 }
const roundsCount = 5

const rules: ReadonlyArray<Rule> = [
  {
    id: "rul_1",
    integration: "github",
    action: "*",
    mode: "deny",
    scope: { type: "organisation" },
    pins: [{ path: "project", op: "equals", value: "p1" }],
    revision: 1
  }
]

/** A third each of a session, an automation and the organisation; each for its project, and for few labels or texts. */
const grants: ReadonlyArray<Grant> = Array.from({ length: grantsCount }, (_, n): Grant => {
  const scope = (["session", "automation", "organisation"] as const)[n % 3]!
  const id = { session: `ses_${n % 50}`, automation: `aut_${n % 20}`, organisation: "org_1" }[scope]
  return {
    id: `grn_${n}`,
    scope: { type: scope, id },
    integration: "github",
    action: n % 10 === 0 ? "*" : "create_issue",
    constraints: [
      { path: "project", op: "equals", value: `p${n}` },
      n % 2 === 0 ? { path: "title", op: "prefix", value: "fix" } : { path: "count", op: "atMost", value: 5 }
    ],
    usesMax: null,
    used: 0,
    expiresAtMs: 2_000,
    createdBy: "usr_1",
    requestId: null,
    parentId: null,
    revokedAtMs: null,
    revision: 1
  }
})

/** Every second one fits its grant; the others miss by scope, by text or by number. */
const calls: ReadonlyArray<CallContext> = Array.from({ length: callsCount }, (_, n): CallContext => {
  const about = (n * 7_919) % grantsCount
  const isHit = n % 2 === 0
  return {
    org: "org_1",
    sessionId: `ses_${isHit ? about % 50 : (about + 1) % 50}`,
    configurationId: null,
    automationId: `aut_${isHit ? about % 20 : (about + 1) % 20}`,
    integration: "github",
    action: "create_issue",
    risk: "write",
    params: { project: `p${about}`, title: `${isHit ? "fix" : "add"} ${n}`, count: isHit ? n % 5 : 6 + n }
  }
})

const index = new GrantIndex(grants)
const byIndex = (call: CallContext) =>
  decide({ risk: call.risk, rules: matchingRules(rules, call), grants: index.matching(call, nowMs), nowMs }).verdict
const byLooking = (call: CallContext) =>
  decide({ risk: call.risk, rules: matchingRules(rules, call), grants: matchingGrants(grants, call, nowMs), nowMs }).verdict

const rate = (verdictOf: (call: CallContext) => unknown, count: number) => async () => {
  const startedAt = performance.now()
  let last: unknown
  for (let n = 0; n < count; n++) last = verdictOf(calls[n]!)
  assert(last !== undefined)
  return (count * 1_000) / (performance.now() - startedAt)
}

interface Peer {
  readonly prepare: (policies: { readonly rules: ReadonlyArray<Rule>; readonly grants: ReadonlyArray<Grant> }) => void
  readonly isAllowed: (call: CallContext) => boolean
}

const against = async (
  name: string,
  verdictOf: (call: CallContext) => string,
  count: number,
  goal: number | null
): Promise<Row> => {
  for (const call of calls.slice(0, count)) assert.strictEqual(verdictOf(call) === "run", byIndex(call) === "run")
  const measured = await rounds(roundsCount, rate(byIndex, callsCount), rate(verdictOf, count))
  return rowOf("policy", name, "per s", measured.ours, measured.theirs, goal)
}

export const benchPolicy = (withPeers: boolean): Effect.Effect<ReadonlyArray<Row>> =>
  Effect.promise(async () => {
    const runs = calls.filter((call) => byIndex(call) === "run").length
    assert(Math.abs(runs - callsCount / 2) < callsCount / 100, `${runs} of ${callsCount} run: half were to miss`)
    const linear = await against("a linear scan", byLooking, slowCalls.linear, null)
    if (!withPeers) return [linear]
    const peer: Peer = await import(join(import.meta.dirname, "peers/policy-cedar.ts"))
    peer.prepare({ rules, grants })
    return [linear, await against("Cedar 4", (call) => (peer.isAllowed(call) ? "run" : "ask"), slowCalls.cedar, 10)]
  })
