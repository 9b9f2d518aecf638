import { assert, describe, it } from "vitest"
import { snapshotRetentionMs } from "../../machines/limits.ts"
import { type Candidate, chooseSnapshot, discardable, type Layer } from "../../machines/snapshots.ts"

const nowMs = 1_800_000_000_000
const day = 24 * 60 * 60 * 1_000
const local = { provider: "local", nowMs }
const snapshot = (snapshotId: string, layer: Layer, changes: Partial<Candidate> = {}): Candidate => ({
  snapshotId,
  layer,
  provider: "local",
  createdAtMs: nowMs - day,
  expiresAtMs: null,
  ...changes
})
const everyLayer = [snapshot("b", "base"), snapshot("r", "repository"), snapshot("c", "configuration"), snapshot("s", "session")]

describe("a boot", () => {
  it("starts from the session's own snapshot, else its configuration's, else its repository's, else the base", () => {
    for (const expected of ["s", "c", "r", "b"]) {
      const left = everyLayer.slice(0, ["b", "r", "c", "s"].indexOf(expected) + 1)
      assert.strictEqual(chooseSnapshot(left, local).chosen, expected)
    }
  })

  it("starts empty when there is nothing, and says so", () => {
    assert.deepStrictEqual(chooseSnapshot([], local), {
      chosen: null,
      layer: "none",
      reason: "no snapshot fits: the sandbox starts empty",
      ignored: []
    })
  })

  it("starts from the newest of its layer", () => {
    const older = snapshot("s1", "session", { createdAtMs: nowMs - 2 * day })
    const { chosen, ignored } = chooseSnapshot([older, snapshot("s2", "session")], local)
    assert.strictEqual(chosen, "s2")
    assert.deepStrictEqual(ignored, [{ snapshotId: "s1", because: "a newer one of this session is used" }])
  })

  it("never restores a snapshot of another provider, and tells whose it is and that state is lost", () => {
    const { chosen, layer, reason, ignored } = chooseSnapshot(
      [snapshot("s", "session", { provider: "e2b" }), snapshot("c", "configuration")],
      local
    )
    assert.deepStrictEqual([chosen, layer], ["c", "configuration"])
    assert.deepStrictEqual(ignored, [{ snapshotId: "s", because: "it was made by provider e2b, and local cannot restore it" }])
    assert.include(reason, "its state is lost")
  })

  it("ignores what failed and what has expired, to the millisecond", () => {
    const { chosen, ignored } = chooseSnapshot(
      [
        snapshot("s", "session", { failed: true }),
        snapshot("c", "configuration", { expiresAtMs: nowMs }),
        snapshot("r", "repository", { expiresAtMs: nowMs + 1 })
      ],
      local
    )
    assert.strictEqual(chosen, "r")
    assert.deepStrictEqual(
      ignored.map(({ because }) => because),
      ["it failed", "it has expired"]
    )
  })
})

describe("retention", () => {
  const keeping = (...inUse: ReadonlyArray<string>) => ({ inUse: new Set(inUse), keepMs: snapshotRetentionMs, nowMs })
  const aged = (snapshotId: string, days: number, changes: Partial<Candidate> = {}) =>
    snapshot(snapshotId, "session", { createdAtMs: nowMs - days * day, ...changes })

  it("keeps the newest, however old, and those of the last two weeks", () => {
    assert.deepStrictEqual(discardable([aged("s1", 90), aged("s2", 60), aged("s3", 30)], keeping()), ["s1", "s2"])
    assert.deepStrictEqual(discardable([aged("s1", 15), aged("s2", 13), aged("s3", 1)], keeping()), ["s1"])
  })

  it("keeps what is in use", () => {
    assert.deepStrictEqual(discardable([aged("s1", 90), aged("s2", 60), aged("s3", 30)], keeping("s1")), ["s2"])
  })

  it("keeps nothing for its age that cannot be restored any more, and no newest that is none", () => {
    const failed = aged("s3", 1, { failed: true })
    const expired = aged("s2", 2, { expiresAtMs: nowMs - 1 })
    assert.deepStrictEqual(discardable([aged("s1", 90), expired, failed], keeping()), ["s2", "s3"])
  })
})
