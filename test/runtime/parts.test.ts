/** Looking after a journal in two parts: one that says nothing leaves its own as they were, and the other is judged all the same. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { memoryFeed } from "../../adapters/memory/feed.ts"
import { memoryJournal } from "../../adapters/memory/journal.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import { memoryOversight } from "../../adapters/memory/oversight.ts"
import { Drifts } from "../../runtime/drift.ts"
import { FeedStore } from "../../runtime/feed.ts"
import { Journal } from "../../runtime/journal.ts"
import { Oversight } from "../../runtime/oversight.ts"
import { type Division, type Part, Parts, type Stores } from "../../runtime/parts.ts"
import { reconcilePartMs } from "../../runtime/reconcile-limits.ts"
import { overParts } from "../../runtime/reconcilers.ts"
import { begun, session } from "../contract/journal/world.ts"

const partOf = (name: string, answers: Effect.Effect<boolean>) => {
  const state = emptyJournal()
  const stores: Context.Context<Stores> = Context.make(Journal, memoryJournal(state)).pipe(
    Context.add(FeedStore, memoryFeed()),
    Context.add(Oversight, memoryOversight(state, [], answers))
  )
  return { name, stores, trouble: () => null, ready: Effect.void } satisfies Part as Part
}

const look = overParts(
  "actor.quarantined",
  Effect.map(Oversight, ({ quarantined }) =>
    Effect.map(quarantined(null, 10), (rows) => {
      const found = rows.map(({ address, rev }) => ({
        ...{ subject: address.id, org: address.org, actor: address, severity: "bad" as const, reason: "set aside" },
        ...{ desired: {}, observed: {}, mark: `${rev}`, mend: () => Effect.die("nobody mends") },
        fix: { event: "release", effect: "goes on", mode: "ask" as const, ifRevision: rev }
      }))
      return { judged: found.map(({ subject }) => subject), found, unknown: [], isWhole: true }
    })
  )
)

for (const [how, silence] of [
  ["fails", Effect.succeed(true)],
  ["hangs", Effect.never]
] as const) {
  it.effect(`a part that ${how} is unknown, its trouble stays, and that of the other comes and goes`, () =>
    Effect.gen(function* () {
      let farAnswers: Effect.Effect<boolean> = Effect.succeed(false)
      const near = partOf("near", Effect.succeed(false))
      const far = partOf(
        "far",
        Effect.suspend(() => farAnswers)
      )
      const division: Division = {
        all: [near, far],
        known: (org) => (org === "org_near" ? near : far),
        find: (org) => Effect.succeed(org === "org_near" ? near : far)
      }
      const looking = yield* Effect.provideContext(Effect.provideService(look, Parts, division), near.stores)
      const drifts = new Drifts("actor.quarantined", { graceMs: 0, sightings: 1, isGuarded: false })
      const rows = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(looking)
        yield* TestClock.adjust(reconcilePartMs)
        drifts.note(yield* Fiber.join(fiber), 1)
        return drifts.rows.map(({ subject }) => subject).sort()
      })
      const [mine, theirs] = [session("near", "org_near"), session("far", "org_far")]
      for (const [part, address] of [
        [near, mine],
        [far, theirs]
      ] as const) {
        const journal = Context.get(part.stores, Journal)
        yield* Effect.provideService(begun(address), Journal, journal)
        yield* journal.quarantine(address, { reason: "crashes", event: null })
      }
      assert.deepStrictEqual(yield* rows, ["ses_far", "ses_near"])

      farAnswers = silence
      yield* Context.get(near.stores, Journal).release(mine)
      assert.deepStrictEqual(yield* rows, ["ses_far"])
      assert.deepInclude(drifts.unknown[0], { org: null, subject: "actor.quarantined in the cell far" })
      yield* Context.get(near.stores, Journal).quarantine(mine, { reason: "again", event: null })
      assert.deepStrictEqual(yield* rows, ["ses_far", "ses_near"])

      farAnswers = Effect.succeed(false)
      yield* Context.get(far.stores, Journal).release(theirs)
      assert.deepStrictEqual(yield* rows, ["ses_near"])
      assert.deepStrictEqual(drifts.unknown, [])
    })
  )
}
