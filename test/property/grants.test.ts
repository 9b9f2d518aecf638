/** L1 to L4 of machines/grants.ts, the index, and R1 and R2 of machines/rehearsal.ts. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { GrantIndex } from "../../machines/grants/grant-index.ts"
import { covers, type Grant, isNarrower, matchingGrants, narrowestFirst, narrowestFor } from "../../machines/grants.ts"
import { isSameJson } from "../../machines/policy/constraints.ts"
import type { CallContext } from "../../machines/policy.ts"
import { type RecordedCall, rehearse } from "../../machines/rehearsal.ts"
import { call, constraint, grant, params, rule } from "../support/policies.ts"

const nowMs = 1_000
const grants = fc.array(grant, { maxLength: 8 })
const numRuns = 3_000

const lent = (draft: ReturnType<typeof narrowestFor>): Grant => ({
  ...draft,
  id: "grn_draft",
  used: 0,
  expiresAtMs: nowMs + draft.lastsMs,
  createdBy: "usr_1",
  requestId: null,
  parentId: null,
  revokedAtMs: null,
  revision: 1
})

describe("grants that cover a call", () => {
  it("L1 are live, with a use left, of its integration, action and scope; and of no dangerous one", () => {
    fc.assert(
      fc.property(grants, call, (all, asked) => {
        const matched = matchingGrants(all, asked, nowMs)
        if (asked.risk === "danger") assert.isEmpty(matched)
        for (const { id } of matched) {
          const found = all.find((each) => each.id === id)!
          assert.isTrue(found.expiresAtMs > nowMs && found.revokedAtMs === null)
          assert.isTrue(found.usesMax === null || found.used < found.usesMax)
          assert.strictEqual(found.integration, asked.integration)
          assert.include([asked.action, "*"], found.action)
          const ids = [asked.sessionId, asked.automationId, asked.configurationId, asked.org]
          assert.include(ids, found.scope.id)
        }
      }),
      { numRuns }
    )
  })

  it("L1 count a use that is held for this very call, and no other's", () => {
    fc.assert(
      fc.property(grant, call, (one, asked) => {
        const spent = { ...one, usesMax: 2, used: 2, revokedAtMs: null, expiresAtMs: nowMs + 1 }
        assert.isEmpty(matchingGrants([spent], asked, nowMs))
        assert.isEmpty(matchingGrants([spent], asked, nowMs, "grn_other"))
        assert.strictEqual(matchingGrants([spent], asked, nowMs, spent.id).length, covers(spent, asked) ? 1 : 0)
      }),
      { numRuns }
    )
  })

  it("L2 come narrowest first, in an order that is total and does not depend on how they came", () => {
    fc.assert(
      fc.property(grants, call, (all, asked) => {
        assert.deepStrictEqual(matchingGrants(all, asked, nowMs), matchingGrants(all.toReversed(), asked, nowMs))
        for (const one of all)
          for (const other of all) {
            const order = Math.sign(narrowestFirst(one, other))
            assert.strictEqual(order, -Math.sign(narrowestFirst(other, one)) || 0)
            assert.strictEqual(order === 0, one.id === other.id)
            for (const third of all)
              if (narrowestFirst(one, other) < 0 && narrowestFirst(other, third) < 0)
                assert.isBelow(narrowestFirst(one, third), 0)
          }
      }),
      { numRuns: 500 }
    )
  })

  it("are found by the index as they are by looking at each", () => {
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 30 }), fc.array(call, { maxLength: 10 }), (all, calls) => {
        const index = new GrantIndex(all)
        for (const asked of calls) assert.deepStrictEqual(index.matching(asked, nowMs), matchingGrants(all, asked, nowMs))
      }),
      { numRuns: 1_000 }
    )
  })
})

describe("a narrower grant", () => {
  const near = fc.tuple(grant, grant, grant, fc.array(constraint, { maxLength: 2 })).map(([one, two, three, more]) => {
    // Unrelated ones are seldom narrower than each other.
    const child = { ...two, integration: one.integration, constraints: [...one.constraints, ...more] }
    return [one, child, { ...three, integration: one.integration, constraints: [...child.constraints, ...more] }] as const
  })

  it("L3 covers nothing that the wider one does not, for no longer and no more often", () => {
    fc.assert(
      fc.property(near, call, ([wide, narrow], asked) => {
        if (!isNarrower(narrow, wide)) return
        const inOrg = { ...asked, org: wide.scope.type === "organisation" ? wide.scope.id : asked.org }
        if (covers(narrow, inOrg)) assert.isTrue(covers(wide, inOrg))
        assert.isAtMost(narrow.expiresAtMs, wide.expiresAtMs)
        assert.isAtMost(narrow.usesMax ?? Number.POSITIVE_INFINITY, wide.usesMax ?? Number.POSITIVE_INFINITY)
      }),
      { numRuns }
    )
  })

  it("L3 is narrower in a partial order", () => {
    fc.assert(
      fc.property(near, call, ([one, two, three], asked) => {
        assert.isTrue(isNarrower(one, one))
        if (isNarrower(three, two) && isNarrower(two, one)) assert.isTrue(isNarrower(three, one))
        // Narrower both ways, they cover the same.
        if (isNarrower(one, two) && isNarrower(two, one)) assert.strictEqual(covers(one, asked), covers(two, asked))
      }),
      { numRuns }
    )
  })
})

describe("the narrowest grant for a call", () => {
  it("L4 covers it, and no other that differs in a pinned argument, in its action or in its session", () => {
    fc.assert(
      fc.property(call, params, (given, other) => {
        const asked: CallContext = { ...given, risk: "write" }
        const narrowest = lent(narrowestFor(asked))
        assert.isTrue(covers(narrowest, asked))
        assert.isFalse(covers(narrowest, { ...asked, action: "another" }))
        assert.isFalse(covers(narrowest, { ...asked, sessionId: "ses_9" }))
        assert.isFalse(covers(narrowest, { ...asked, risk: "danger" }))
        const changed = JSON.parse(JSON.stringify(asked.params))
        for (const key of Object.keys(other)) {
          if (!Object.hasOwn(asked.params, key) || isSameJson(other[key], asked.params[key])) continue
          Object.defineProperty(changed, key, { value: other[key], enumerable: true, writable: true, configurable: true })
          assert.isFalse(covers(narrowest, { ...asked, params: changed }), key)
        }
      }),
      { numRuns }
    )
  })

  it("pins nothing that the caller leaves out", () => {
    const asked: CallContext = {
      org: "org_1",
      sessionId: "ses_1",
      configurationId: null,
      automationId: null,
      integration: "slack",
      action: "write",
      risk: "write",
      params: { channel: "C1", token: "a secret" }
    }
    assert.deepStrictEqual(narrowestFor(asked, ["channel", "absent"]).constraints, [
      { path: "channel", op: "equals", value: "C1" }
    ])
  })
})

describe("a rehearsal", () => {
  const hidden = fc.array(fc.constantFrom("project", "count", "labels"), { maxLength: 2 })
  const policy = fc.record({ rules: fc.array(rule, { maxLength: 4 }), grants: fc.array(grant, { maxLength: 3 }) })
  const recordedFrom = (asked: CallContext, paths: ReadonlyArray<string>): RecordedCall => ({
    approvalId: "apr_1",
    atMs: nowMs,
    call: { ...asked, params: Object.fromEntries(Object.entries(asked.params).filter(([key]) => !paths.includes(key))) },
    hidden: paths.filter((path) => Object.hasOwn(asked.params, path)).map((path) => [path]),
    verdict: "ask"
  })

  it("R1 of what changes nothing shows no difference", () => {
    fc.assert(
      fc.property(policy, call, hidden, (now, asked, paths) => {
        const [rehearsed] = rehearse([recordedFrom(asked, paths)], now, now)
        assert.isFalse(rehearsed!.differs)
        assert.isNotEmpty(rehearsed!.because.now)
      }),
      { numRuns }
    )
  })

  it("R2 never guesses: what it says of a call with hidden arguments is what it says of the whole call", () => {
    fc.assert(
      fc.property(policy, policy, call, hidden, (now, proposed, asked, paths) => {
        const [seen] = rehearse([recordedFrom(asked, paths)], now, proposed)
        const [whole] = rehearse([recordedFrom(asked, [])], now, proposed)
        for (const which of ["now", "proposed"] as const)
          if (seen![which] !== "unknown") assert.strictEqual(seen![which], whole![which])
        assert.notStrictEqual(whole!.now, "unknown")
      }),
      { numRuns }
    )
  })
})
