/** P1 to P4 of machines/policy.ts and T1 to T3 of machines/policy/constraints.ts, over everything that a few words can say. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { fits, implies, keysOf, pathTo, valueAt } from "../../machines/policy/constraints.ts"
import { decide, matchingRules, type Question } from "../../machines/policy.ts"
import { call, constraint, matchedGrant, matchedRule, params, path, rule } from "../support/policies.ts"

const nowMs = 1_000
const question: fc.Arbitrary<Question> = fc.record({
  risk: fc.constantFrom("read", "write", "danger"),
  rules: fc.array(matchedRule, { maxLength: 5 }),
  grants: fc.array(matchedGrant, { maxLength: 3 }),
  nowMs: fc.constant(nowMs)
})

const always = <Ts extends [unknown, ...Array<unknown>]>(
  ...args: [...arbitraries: { [K in keyof Ts]: fc.Arbitrary<Ts[K]> }, law: (...args: Ts) => void]
) => {
  const law = args.pop() as (...args: Ts) => void
  fc.assert(fc.property(...(args as unknown as { [K in keyof Ts]: fc.Arbitrary<Ts[K]> }), law as never), { numRuns: 3_000 })
}

/** The algebra, written down once more without a word of the machine's. */
const expected = ({ risk, rules, grants }: Question): string => {
  if (rules.some(({ mode }) => mode === "deny")) return "deny"
  const own = rules.filter(({ scope }) => scope === "automation")
  const level = own.length > 0 ? own : rules
  const has = (mode: string) => level.some((each) => each.mode === mode)
  if (risk === "danger")
    return level.some(({ mode, exact }) => exact && (mode === "ask" || mode === "alwaysAsk")) ? "ask" : "deny"
  if (has("alwaysAsk")) return "ask"
  const isNarrowed = level.some(({ mode, pinned }) => mode === "ask" && pinned)
  if (level.some(({ mode, exact, pinned }) => mode === "allow" && exact && (pinned || !isNarrowed))) return "run"
  const isGranted = grants.some(({ expiresAtMs, usesLeft }) => expiresAtMs > nowMs && usesLeft !== 0)
  if (isGranted) return "run"
  if (has("ask")) return "ask"
  return risk === "read" ? "run" : "ask"
}

describe("a decision", () => {
  it("is that of the algebra, whatever rules and grants fit", () => {
    always(question, (asked) => assert.strictEqual(decide(asked).verdict, expected(asked)))
  })

  it("P1 never lets a dangerous call run, and never one that is denied", () => {
    always(question, (asked) => {
      const { verdict } = decide(asked)
      if (asked.risk === "danger") assert.notStrictEqual(verdict, "run")
      if (asked.rules.some(({ mode }) => mode === "deny")) assert.strictEqual(verdict, "deny")
    })
  })

  it("P2 is of the automation's rules where they say anything but deny", () => {
    always(question, (asked) => {
      const own = asked.rules.filter(({ scope }) => scope === "automation")
      fc.pre(own.length > 0 && asked.rules.every(({ mode }) => mode !== "deny"))
      assert.strictEqual(decide(asked).verdict, decide({ ...asked, rules: own }).verdict)
    })
  })

  it("P3 is the same each time, and its path has each step once, in order, and ends in its verdict", () => {
    const steps = ["deny", "danger", "alwaysAsk", "allow", "grant", "ask", "default"]
    always(question, (asked) => {
      const decided = decide(asked)
      assert.deepStrictEqual(decide(structuredClone(asked)), decided)
      const { path } = decided
      assert.deepStrictEqual(
        path.map(({ step }) => step),
        steps.slice(0, path.length)
      )
      assert.strictEqual(path.at(-1)!.outcome, decided.verdict)
      assert.isTrue(path.slice(0, -1).every(({ outcome }) => outcome === "no"))
      assert.isTrue(path.every(({ because }) => because.length > 0))
    })
  })

  it("names what settled it: a live grant, a rule with its revision, or nobody", () => {
    always(question, (asked) => {
      const { verdict, by, grantId, ruleId, revision } = decide(asked)
      assert.strictEqual(by === null, verdict === "ask")
      assert.strictEqual(by === "grant", grantId !== null)
      assert.strictEqual(ruleId === null, revision === null)
      const grant = asked.grants.find(({ id, expiresAtMs, usesLeft }) => id === grantId && expiresAtMs > nowMs && usesLeft !== 0)
      if (grantId !== null) assert.isDefined(grant)
      if (grantId !== null) assert.notStrictEqual(asked.risk, "danger")
    })
  })

  it("does not depend on the order of the rules", () => {
    always(question, (asked) =>
      assert.strictEqual(decide(asked).verdict, decide({ ...asked, rules: asked.rules.toReversed() }).verdict)
    )
  })
})

describe("the rules that fit a call", () => {
  it("are of its integration, its action and its scope, and each of their pins fits", () => {
    always(fc.array(rule, { maxLength: 6 }), call, (rules, asked) => {
      const matched = new Set(matchingRules(rules, asked).map(({ id }) => id))
      for (const each of rules) {
        const isOfAction = each.action === asked.action || (each.action === "*" && each.mode !== "allow")
        const isOfScope = each.scope.type === "organisation" || each.scope.id === asked.automationId
        const isPinned = each.pins.every((pin) => fits(pin, asked.params))
        const fitting = each.integration === asked.integration && isOfAction && isOfScope && isPinned
        if (fitting) assert.isTrue(matched.has(each.id))
        else if (rules.filter(({ id }) => id === each.id).length === 1) assert.isFalse(matched.has(each.id))
      }
    })
  })

  it("P4 do not allow `*`", () => {
    always(rule, call, (each, asked) => assert.isEmpty(matchingRules([{ ...each, action: "*", mode: "allow" }], asked)))
  })
})

describe("a constraint", () => {
  it("T1 holds for nothing that is missing or of another type", () => {
    always(constraint, params, (each, document) => {
      if (!fits(each, document)) return
      const found = valueAt(document, keysOf(each.path))
      assert.notStrictEqual(found, undefined)
      if (each.op === "prefix") assert.isTrue(String(found).startsWith(each.value as string) && typeof found === "string")
      if (each.op === "atMost") assert.isTrue(typeof found === "number" && found <= (each.value as number))
      if (each.op === "atLeast") assert.isTrue(typeof found === "number" && found >= (each.value as number))
      if (each.op === "equals") assert.deepStrictEqual(found, each.value)
      if (each.op === "oneOf")
        assert.isTrue((each.value as Array<unknown>).some((one) => JSON.stringify(one) === JSON.stringify(found)))
    })
  })

  it("T2 finds what the document says itself, and nothing of its prototype", () => {
    for (const missing of ["__proto__", "constructor", "toString", "length", "constructor.name", "0"]) {
      assert.isUndefined(valueAt({}, keysOf(missing)), missing)
      assert.isUndefined(valueAt({ list: [], text: "text" }, keysOf(`list.${missing}`)), missing)
      assert.isUndefined(valueAt({ list: [], text: "text" }, keysOf(`text.${missing}`)), missing)
    }
    assert.strictEqual(valueAt(JSON.parse('{"__proto__":{"a":1}}'), keysOf("__proto__.a")), 1)
    for (const index of ["-1", "01", "1.0", "1e0", " 1", "+1", "1"]) assert.isUndefined(valueAt(["a"], keysOf(index)), index)
  })

  it("T2 reaches every key by its path, whatever characters that has", () => {
    always(fc.string(), fc.string(), (key, inner) => {
      const document = JSON.parse(`{${JSON.stringify(key)}:{${JSON.stringify(inner)}:1}}`)
      assert.strictEqual(valueAt(document, keysOf(`${pathTo(key)}.${pathTo(inner)}`)), 1)
    })
  })

  it("T3 that implies another fits no document that the other does not", () => {
    always(constraint, constraint, params, (narrow, wide, document) => {
      if (implies(narrow, wide) && fits(narrow, document)) assert.isTrue(fits(wide, document))
    })
  })

  it("T3 implies itself, and what is implied by what it implies", () => {
    const near = fc
      .tuple(path, constraint, constraint, constraint)
      .map(([path, ...all]) => all.map((each) => ({ ...each, path })))
    always(near, ([one, two, three]) => {
      assert.isTrue(implies(one!, one!))
      if (implies(one!, two!) && implies(two!, three!)) assert.isTrue(implies(one!, three!))
    })
  })
})
