/** How sure one must be before something is put right: D1 to D4 of runtime/drift.ts. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Drifts, type Finding, type Observation } from "../../runtime/drift.ts"
import { breakerFewMax, breakerMax, reconcileEveryMs, reconcileTriesMax } from "../../runtime/reconcile-limits.ts"

const graceMs = 30_000
const patience = { graceMs, sightings: 2, isGuarded: true }

const finding = (subject: string, rest: Partial<Finding> = {}): Finding => ({
  subject,
  org: "org_1",
  actor: null,
  severity: "bad",
  reason: "it is not there",
  desired: {},
  observed: {},
  fix: { event: "sandbox.gone", effect: "another", mode: "safe", ifRevision: 1 },
  mark: "sbx_1",
  ...rest
})

const saw = (found: ReadonlyArray<Finding>, rest: Partial<Observation> = {}): Observation => ({
  judged: found.map(({ subject }) => subject),
  found,
  unknown: [],
  isWhole: false,
  ...rest
})
const silence: Observation = { judged: [], found: [], unknown: [{ org: null, subject: "a", why: "no answer" }], isWhole: false }

describe("what is in trouble", () => {
  it("is put right exactly when it was seen twice, long enough apart, with nothing but silence between", () => {
    const look = fc.record({ what: fc.constantFrom("gone", "fine", "silent"), afterMs: fc.integer({ min: 1, max: 40_000 }) })
    fc.assert(
      fc.property(fc.array(look, { maxLength: 12 }), (looks) => {
        const drifts = new Drifts("session.sandbox-gone", patience)
        let nowMs = 0
        let sightings: Array<number> = []
        for (const { what, afterMs } of looks) {
          nowMs += afterMs
          if (what === "gone") sightings.push(nowMs)
          if (what === "fine") sightings = []
          drifts.note(what === "gone" ? saw([finding("a")]) : what === "fine" ? saw([], { judged: ["a"] }) : silence, nowMs)
          const expected = what === "gone" && sightings.length >= 2 && nowMs - sightings[0]! >= graceMs
          assert.strictEqual(drifts.ripe(nowMs).length, expected ? 1 : 0)
          assert.strictEqual(drifts.unknown.length, what === "silent" ? 1 : 0)
          assert.strictEqual(drifts.rows.length, sightings.length > 0 ? 1 : 0)
        }
      }),
      { numRuns: 500 }
    )
  })

  it("begins anew when it moved meanwhile", () => {
    const drifts = new Drifts("session.silent", patience)
    for (const [nowMs, mark] of [
      [0, "1"],
      [30_000, "2"],
      [60_000, "3"]
    ] as const)
      drifts.note(saw([finding("a", { mark })]), nowMs)
    assert.deepInclude(drifts.rows[0], { sightings: 1, sinceMs: 60_000 })
    assert.isEmpty(drifts.ripe(999_999))
  })

  it("is over when a look at all there is does not find it, and stays where a page of it does not", () => {
    const drifts = new Drifts("outbox.dead", patience)
    drifts.note(saw([finding("a"), finding("b")]), 0)
    drifts.note(saw([], { judged: ["c"] }), 1)
    assert.lengthOf(drifts.rows, 2)
    drifts.note(saw([], { isWhole: true, unknown: [{ org: null, subject: "b", why: "no answer" }] }), 2)
    assert.deepEqual(
      drifts.rows.map(({ subject }) => subject),
      ["b"]
    )
    // What was not looked at again is not acted on.
    assert.isEmpty(drifts.ripe(999_999))
  })

  it("is held while too much of it is in trouble at once, and no longer", () => {
    const many = (count: number, of: number) =>
      saw(
        Array.from({ length: count }, (_, n) => finding(`s${n}`)),
        { judged: Array.from({ length: of }, (_, n) => `s${n}`) }
      )
    for (const [count, of, isHeld] of [
      [breakerFewMax, breakerFewMax, false],
      [breakerFewMax + 1, breakerFewMax + 1, true],
      [breakerFewMax + 1, 60, false],
      [breakerMax + 1, 10_000, true],
      [breakerMax, 10_000, false]
    ] as const) {
      const drifts = new Drifts("session.sandbox-gone", patience)
      drifts.note(many(count, of), 0)
      drifts.note(many(count, of), graceMs)
      assert.strictEqual(drifts.ripe(graceMs).length, isHeld ? 0 : count, `${count} of ${of}`)
      assert.strictEqual(drifts.held !== null, isHeld)
      if (!isHeld) continue
      drifts.note(many(1, of), graceMs + 1)
      assert.lengthOf(drifts.ripe(graceMs + 1), 1)
    }
    const harmless = new Drifts("actor.unhosted", { ...patience, sightings: 1, graceMs: 0, isGuarded: false })
    harmless.note(many(100, 100), 0)
    assert.lengthOf(harmless.ripe(0), 100)
  })

  it("is tried with a pause that doubles, and after five tries left to a person", () => {
    const drifts = new Drifts("sandbox.stray", { graceMs: 0, sightings: 1, isGuarded: true })
    const triedAt: Array<number> = []
    for (let nowMs = 0; nowMs < 3_600_000; nowMs += reconcileEveryMs) {
      drifts.note(saw([finding("a", { fix: { event: "e", effect: "e", mode: "safe", ifRevision: nowMs } })]), nowMs)
      for (const { subject } of drifts.ripe(nowMs)) {
        triedAt.push(nowMs / reconcileEveryMs)
        drifts.tried(subject, { result: "applied", outcome: "no effect" }, nowMs)
      }
    }
    assert.deepEqual(triedAt, [0, 1, 3, 7, 15])
    assert.lengthOf(triedAt, reconcileTriesMax)
    assert.match(drifts.rows[0]!.held!, /tried 5 times/)
  })

  it("waits for a person where its fix asks for one", () => {
    const drifts = new Drifts("outbox.dead", { graceMs: 0, sightings: 1, isGuarded: false })
    drifts.note(saw([finding("a", { fix: { event: "retry", effect: "runs", mode: "ask", ifRevision: null } })]), 0)
    assert.strictEqual(drifts.rows[0]!.ripeAtMs, null)
    assert.isEmpty(drifts.ripe(9_999_999))
  })
})
