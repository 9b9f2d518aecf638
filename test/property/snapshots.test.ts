/** N1 and N2 of machines/snapshots.ts, for any candidates. */
import fc from "fast-check"
import { assert, it } from "vitest"
import { type Candidate, chooseSnapshot, discardable, layers } from "../../machines/snapshots.ts"

const nowMs = 1_000
const providers = ["local", "e2b"]

const candidates = fc.uniqueArray(
  fc.record({
    snapshotId: fc.nat({ max: 50 }).map((n) => `snp_${n}`),
    layer: fc.constantFrom(...layers),
    provider: fc.constantFrom(...providers),
    createdAtMs: fc.integer({ min: 0, max: nowMs }),
    expiresAtMs: fc.option(fc.integer({ min: nowMs - 5, max: nowMs + 5 })),
    failed: fc.boolean()
  }),
  { selector: ({ snapshotId }) => snapshotId, maxLength: 20 }
)

it("what is chosen can be restored here and now, and nothing better was passed over", () => {
  fc.assert(
    fc.property(candidates, fc.constantFrom(...providers), (all, provider) => {
      const { chosen, layer } = chooseSnapshot(all, { provider, nowMs })
      const usable = all.filter(
        (one) => one.provider === provider && !one.failed && (one.expiresAtMs === null || one.expiresAtMs > nowMs)
      )
      const it = usable.find(({ snapshotId }) => snapshotId === chosen)
      assert.strictEqual(it === undefined, usable.length === 0)
      for (const other of usable) {
        assert.isAtLeast(layers.indexOf(other.layer), layers.indexOf(it!.layer))
        if (other.layer === it!.layer) assert.isAtMost(other.createdAtMs, it!.createdAtMs)
      }
      assert.strictEqual(layer, it?.layer ?? "none")
    })
  )
})

it("every candidate is the chosen one or is ignored with a reason, in whatever order they come", () => {
  fc.assert(
    fc.property(candidates, fc.constantFrom(...providers), (all, provider) => {
      const choice = chooseSnapshot(all, { provider, nowMs })
      const named = [...(choice.chosen === null ? [] : [choice.chosen]), ...choice.ignored.map(({ snapshotId }) => snapshotId)]
      assert.deepStrictEqual(named.sort(), all.map(({ snapshotId }) => snapshotId).sort())
      for (const { because } of choice.ignored) assert.isAbove(because.length, 0)
      assert.deepStrictEqual(chooseSnapshot([...all].reverse(), { provider, nowMs }), choice)
    })
  )
})

it("discarding changes no choice, takes nothing that is in use, and finds no more the second time", () => {
  const sessions = candidates.map((all): ReadonlyArray<Candidate> => all.map((one) => ({ ...one, layer: "session" })))
  fc.assert(
    fc.property(sessions, fc.array(fc.nat({ max: 50 }).map((n) => `snp_${n}`)), fc.nat({ max: 500 }), (all, used, keepMs) => {
      const inUse = new Set(used)
      const gone = new Set(discardable(all, { inUse, keepMs, nowMs }))
      const left = all.filter(({ snapshotId }) => !gone.has(snapshotId))
      for (const provider of providers)
        assert.strictEqual(chooseSnapshot(left, { provider, nowMs }).chosen, chooseSnapshot(all, { provider, nowMs }).chosen)
      for (const snapshotId of gone) assert.isFalse(inUse.has(snapshotId))
      assert.deepStrictEqual(discardable(left, { inUse, keepMs, nowMs }), [])
    })
  )
})
