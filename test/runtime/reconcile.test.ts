/** The loop that puts right: what is paused, passes that are asked for, and notes that nobody waits for (runtime/reconcile.ts, R3 to R6). */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import { memoryOversight } from "../../adapters/memory/oversight.ts"
import { Oversight } from "../../runtime/oversight.ts"
import { type Mendable, Reconcile, type Reconciler } from "../../runtime/reconcile.ts"
import { passWaitMs, reconcileCallsMax, reconcileMendMs } from "../../runtime/reconcile-limits.ts"

/** Lamps that went out, by organisation, and whoever lit one again. */
const lamps = (count = 2) => {
  const out = new Set(Array.from({ length: count }, (_, index) => `org_${index + 1}`))
  const lit: Array<string> = []
  const world = {
    looks: 0,
    isAway: false,
    looking: Effect.void as Effect.Effect<void>,
    lighting: Effect.void as Effect.Effect<void>
  }
  const found = (): ReadonlyArray<Mendable> =>
    [...out].map((org) => ({
      subject: `lamp/${org}`,
      org,
      actor: null,
      severity: "warn",
      reason: "it is dark",
      desired: {},
      observed: {},
      fix: { event: "light", effect: "it shines", mode: "safe", ifRevision: null },
      mark: "dark",
      mend: () =>
        Effect.as(
          Effect.tap(world.lighting, () => {
            out.delete(org)
            lit.push(org)
            return Effect.void
          }),
          { result: "applied" as const, outcome: "lit" }
        )
    }))
  const kind = (name: string, look: Reconciler["look"]): Reconciler => ({
    kind: name,
    graceMs: 0,
    sightings: 1,
    isGuarded: false,
    look
  })
  const dark = kind(
    "lamp.dark",
    Effect.suspend(() => {
      world.looks += 1
      return Effect.map(world.looking, () => {
        const all = found()
        return { judged: all.map(({ subject }) => subject), found: all, unknown: [], isWhole: true }
      })
    })
  )
  const still = kind("lamp.still", Effect.succeed({ judged: [], found: [], unknown: [], isWhole: true }))
  const isOut = Effect.sync(() => world.isAway)
  const layer = Reconcile.layer(Effect.succeed([dark, still])).pipe(
    Layer.provideMerge(Layer.succeed(Oversight, memoryOversight(emptyJournal(), [], isOut)))
  )
  return { layer, lit, out, world }
}

const minutes = (count: number) => TestClock.adjust(count * 60_000)
const pausing = (kind: string, org = "org_1", lastsMs = 600_000) =>
  Oversight.use((oversight) => oversight.pause({ org, kind, by: "usr_1", why: "a drill", lastsMs }))

describe("what is paused", () => {
  it.effect("is left alone until its end, for its organisation alone, and is shown with who paused it until when", () => {
    const { layer, lit } = lamps()
    return Effect.gen(function* () {
      const reconcile = yield* Reconcile
      const pause = yield* pausing("lamp.dark")
      yield* minutes(9)
      assert.deepStrictEqual(lit, ["org_2"])
      const { kinds, rows } = yield* reconcile.known("org_1")
      assert.deepStrictEqual(
        kinds.map(({ kind, paused }) => [kind, paused]),
        [
          ["lamp.dark", pause],
          ["lamp.still", null]
        ]
      )
      assert.strictEqual(rows[0]?.held, "paused until 1970-01-01T00:10:00.000Z by usr_1: a drill")
      assert.isNull((yield* reconcile.known("org_2")).kinds[0]!.paused)
      yield* minutes(2)
      assert.deepStrictEqual(lit, ["org_2", "org_1"])
      assert.isNull((yield* reconcile.known("org_1")).kinds[0]!.paused)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is put right by a person who names it, and not by one who applies what is safe, planned before or since", () => {
    const { layer, lit, out } = lamps()
    return Effect.gen(function* () {
      const reconcile = yield* Reconcile
      const by = { user: "usr_2", why: "it is dark" }
      out.delete("org_2")
      const before = yield* reconcile.plan({ org: "org_1" })
      assert.isNull(before.rows[0]!.held)
      yield* pausing("all")
      const since = yield* reconcile.plan({ org: "org_1" })
      for (const { id } of [before, since]) assert.deepStrictEqual(yield* reconcile.apply("org_1", id, "safe", by), [])
      assert.deepStrictEqual(lit, [])
      const named = yield* reconcile.apply("org_1", before.id, ["lamp.dark:lamp/org_1"], by)
      assert.deepStrictEqual(
        named!.map(({ result }) => result),
        ["applied"]
      )
      assert.deepStrictEqual(lit, ["org_1"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("may be anything while nobody can say what is", () => {
    const { layer, lit, world } = lamps()
    return Effect.gen(function* () {
      world.isAway = true
      yield* minutes(5)
      assert.deepStrictEqual(lit, [])
      assert.isAbove(world.looks, 5)
      world.isAway = false
      yield* minutes(1)
      assert.sameMembers(lit, ["org_1", "org_2"])
    }).pipe(Effect.provide(layer))
  })
})

describe("a pass that is asked for", () => {
  it.effect("is made at once, of one kind or all, unless one began since", () => {
    const { layer, lit, world } = lamps()
    return Effect.gen(function* () {
      const reconcile = yield* Reconcile
      yield* TestClock.adjust(1_000)
      assert.isTrue(yield* reconcile.pass("lamp.still", 1_000))
      assert.strictEqual(world.looks, 0)
      assert.isTrue(yield* reconcile.pass("lamp.dark", 1_000))
      assert.deepStrictEqual([world.looks, lit.length], [1, 2])
      assert.isTrue(yield* reconcile.pass(null, 900))
      assert.strictEqual(world.looks, 1)
      yield* TestClock.adjust(10)
      assert.isTrue(yield* reconcile.pass(null, 1_010))
      assert.strictEqual(world.looks, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("serves all who asked before it began", () => {
    const { layer, world } = lamps()
    return Effect.gen(function* () {
      const reconcile = yield* Reconcile
      const gate = yield* Deferred.make<void>()
      world.looking = Deferred.await(gate)
      const first = yield* Effect.forkChild(reconcile.pass("lamp.dark", 0))
      yield* TestClock.adjust(1)
      const asked = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(reconcile.pass("lamp.dark", 1)))
      yield* Deferred.succeed(gate, undefined)
      for (const one of [first, ...asked]) assert.isTrue(yield* Fiber.join(one))
      assert.strictEqual(world.looks, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("goes on where it is not over in time, and is not made again for whoever asks after it", () => {
    // 8 at once, each given up after 10 s: 30 s for all.
    const { layer, world } = lamps(reconcileCallsMax * 3)
    return Effect.gen(function* () {
      const reconcile = yield* Reconcile
      world.lighting = Effect.never
      yield* TestClock.adjust(1_000)
      const asked = yield* Effect.forkChild(reconcile.pass("lamp.dark", 1_000))
      yield* TestClock.adjust(passWaitMs)
      assert.isFalse(yield* Fiber.join(asked))
      const after = yield* Effect.forkChild(reconcile.pass("lamp.dark", 1_000))
      yield* TestClock.adjust(reconcileMendMs * 3 - passWaitMs)
      // Another round would take as long again.
      assert.isTrue(yield* Fiber.join(after))
      const notes = yield* Oversight.use((oversight) => oversight.notes("org_1", 10))
      assert.deepInclude(notes[0], { result: "failed" })
    }).pipe(Effect.provide(layer))
  })
})

it.effect("a fix is noted though whoever applied it went away", () => {
  const { layer, lit, out, world } = lamps()
  return Effect.gen(function* () {
    const reconcile = yield* Reconcile
    out.delete("org_2")
    const gate = yield* Deferred.make<void>()
    world.lighting = Deferred.await(gate)
    const { id } = yield* reconcile.plan({ org: "org_1" })
    const applying = yield* Effect.forkChild(reconcile.apply("org_1", id, "safe", { user: "usr_1", why: "a drill" }))
    yield* TestClock.adjust(1)
    yield* Fiber.interrupt(applying)
    yield* Deferred.succeed(gate, undefined)
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(lit, ["org_1"])
    const notes = yield* Oversight.use((oversight) => oversight.notes("org_1", 10))
    assert.deepInclude(notes[0], { by: "usr_1", why: "a drill", result: "applied", outcome: "lit" })
  }).pipe(Effect.provide(layer))
})
