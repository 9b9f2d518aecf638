/** J5: commands and timers, what is due and whose it is, judged by the journal's clock. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Address } from "../../../runtime/address.ts"
import { Journal } from "../../../runtime/journal.ts"
import { begun, claimedCommand, commit, JournalWorld, type Story, session, tags, transition } from "./world.ts"

const names = (rows: ReadonlyArray<{ readonly name: string }>) => rows.map(({ name }) => name)
const commands = (...list: ReadonlyArray<string>) => list.map((name) => ({ name, params: { for: name } }))
const timer = (delayMs: number) => ({ delayMs, event: { type: `after ${delayMs}` } })

export const work = (story: Story) => {
  story("hands out committed commands, oldest first, each under a key and a claim of its own", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      yield* begun(session("z"), 2, { commands: commands("one", "two") })
      yield* world.passTime(1)
      yield* begun(session("a"), 1, { commands: commands("three", "four", "five") })
      const first = yield* journal.claim(3, 30_000)
      assert.deepStrictEqual(names(first), ["one", "two", "three"])
      assert.deepStrictEqual(first[1], {
        key: "session:ses_z:2:1",
        address: session("z"),
        name: "two",
        params: { for: "two" },
        attempt: 1,
        claim: first[1]!.claim
      })
      assert.deepStrictEqual(names(yield* journal.claim(10, 30_000)), ["four", "five"])
      assert.deepStrictEqual(yield* journal.claim(10, 30_000), [])
    })
  )

  story("hands out commands of organisations in turns, and no more of one than its share", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      const many = Array.from({ length: 40 }, (_, n) => `flood ${n}`)
      yield* begun(session("flood", "org_b"), 1, { commands: commands(...many) })
      yield* world.passTime(10)
      yield* begun(session("early", "org_a"), 1, { commands: commands("a1", "a2", "a3") })
      yield* begun(session("late", "org_c"), 1, { commands: commands("c1") })
      const sorted = (rows: ReadonlyArray<{ readonly name: string }>) => [...names(rows)].sort()
      assert.deepStrictEqual(sorted(yield* journal.claim(5, 30_000)), ["a1", "a2", "c1", "flood 0", "flood 1"])
      const shares = { each: 2, of: { org_b: 3 } }
      assert.deepStrictEqual(sorted(yield* journal.claim(10, 30_000, {}, shares)), ["a3", "flood 2", "flood 3", "flood 4"])
      assert.deepStrictEqual(yield* journal.claim(10, 30_000, {}, { each: 5, of: { org_b: 0 } }), [])
      assert.lengthOf(yield* journal.claim(100, 30_000), 35)
    })
  )

  story("gives timers of organisations in turns where there are more than asked for", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      yield* begun(session("flood", "org_b"), 1, {
        timers: new Map(Array.from({ length: 40 }, (_, n) => [`t${n}`, timer(n + 1)]))
      })
      yield* begun(session("a", "org_a"), 1, { timers: new Map([["a", timer(90)]]) })
      yield* begun(session("c", "org_c"), 1, { timers: new Map([["c", timer(95)]]) })
      yield* world.passTime(100)
      const due = yield* journal.dueTimers(0, 4)
      assert.deepStrictEqual(
        due.map(({ timerId, inMs }) => [timerId, inMs]),
        [
          ["t0", -99],
          ["t1", -98],
          ["a", -10],
          ["c", -5]
        ]
      )
      assert.lengthOf(yield* journal.dueTimers(0, 100), 42)
    })
  )

  story("hands out a command once among those who ask at once", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("a"), 1, { commands: Array.from({ length: 40 }, (_, n) => ({ name: `${n}`, params: n })) })
      const taken = yield* Effect.all(
        Array.from({ length: 8 }, () => journal.claim(10, 30_000)),
        { concurrency: "unbounded" }
      )
      const rest = yield* journal.claim(40, 30_000)
      assert.strictEqual(new Set([...taken.flat(), ...rest].map(({ key }) => key)).size, 40)
      assert.strictEqual(taken.flat().length + rest.length, 40)
    })
  )

  story("hands out a command again when its claim has run out, and the stale claim counts for nothing", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      const stale = yield* claimedCommand(session("a"), 1_000)
      yield* world.passTime(999)
      assert.deepStrictEqual(yield* journal.claim(10, 1_000), [])
      assert.deepStrictEqual(yield* journal.renew([stale], 1_000), [true])
      yield* world.passTime(999)
      assert.deepStrictEqual(yield* journal.claim(10, 1_000), [])
      yield* world.passTime(1)
      const [fresh] = yield* journal.claim(10, 1_000)
      assert.deepInclude(fresh, { key: stale.key, attempt: 2 })
      assert.notStrictEqual(fresh!.claim, stale.claim)

      assert.deepStrictEqual(yield* journal.renew([stale], 60_000), [false])
      yield* journal.complete([stale])
      yield* journal.retry(stale, 0, "stale")
      yield* journal.bury(stale, "stale")
      const fact = { messageId: `fact:${stale.key}`, completes: stale }
      assert.deepStrictEqual(tags(yield* commit(transition(session("a"), 1, fact))), ["Won"])
      assert.deepStrictEqual(yield* journal.renew([fresh!], 1_000), [true])
      assert.deepStrictEqual(yield* commit(transition(session("a"), 1, { ...fact, completes: fresh! })), [
        { _tag: "Duplicate", rev: 2 }
      ])
      assert.deepStrictEqual(yield* journal.renew([fresh!], 1_000), [false])
      yield* world.passTime(60_000)
      assert.deepStrictEqual(yield* journal.claim(10, 1_000), [])
    })
  )

  story("a command given back is due again after its pause, one completed or buried never", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      yield* begun(session("a"), 1, { commands: commands("retried", "completed", "buried") })
      const [retried, completed, buried] = yield* journal.claim(3, 1_000)
      yield* journal.retry(retried!, 500, "no answer")
      yield* journal.complete([completed!])
      yield* journal.bury(buried!, "gave up")
      yield* world.passTime(499)
      assert.deepStrictEqual(yield* journal.claim(10, 1_000), [])
      yield* world.passTime(1)
      const again = yield* journal.claim(10, 1_000)
      assert.deepStrictEqual(
        again.map(({ name, attempt }) => [name, attempt]),
        [["retried", 2]]
      )
      yield* world.passTime(60_000)
      assert.deepStrictEqual(names(yield* journal.claim(10, 1_000)), ["retried"])
      for (const ended of [completed!, buried!]) assert.deepStrictEqual(yield* journal.renew([ended], 1_000), [false])
    })
  )

  story("a host that knows it is alone makes the claims of the dead one void", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const dead = yield* claimedCommand(session("a"))
      yield* journal.reclaim
      const fact = { messageId: `fact:${dead.key}`, completes: dead }
      assert.deepStrictEqual(tags(yield* commit(transition(session("a"), 1, fact))), ["Won"])
      assert.deepStrictEqual(yield* journal.renew([dead], 1_000), [false])
      const [again] = yield* journal.claim(10, 1_000)
      assert.deepInclude(again, { key: dead.key, attempt: 2 })
    })
  )

  story("arms, cancels and arms again in one step, by the last word", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      yield* begun(session("a"), 1, {
        timers: new Map([
          ["kept", timer(30)],
          ["moved", timer(10)],
          ["gone", timer(20)],
          ["never", null]
        ])
      })
      yield* world.passTime(5)
      yield* commit(
        transition(session("a"), 1, {
          timers: new Map([
            ["moved", timer(40)],
            ["gone", null],
            ["new", timer(0.5)]
          ])
        })
      )
      assert.deepStrictEqual(
        (yield* journal.load(session("a")))!.timers,
        new Map([
          ["kept", 1],
          ["moved", 2],
          ["new", 2]
        ])
      )
      const due = yield* journal.dueTimers(60, 10)
      assert.deepStrictEqual(due, [
        { address: session("a"), timerId: "new", rev: 2, event: { type: "after 0.5" }, inMs: 1 },
        { address: session("a"), timerId: "kept", rev: 1, event: { type: "after 30" }, inMs: 25 },
        { address: session("a"), timerId: "moved", rev: 2, event: { type: "after 40" }, inMs: 40 }
      ])
    })
  )

  story("gives the soonest timers first, those that passed too, and none beyond the horizon", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      yield* begun(session("a"), 1, { timers: new Map([["late", timer(3_000)]]) })
      yield* begun(session("b"), 1, { timers: new Map([["soon", timer(100)]]) })
      yield* begun(session("c"), 1, { timers: new Map([["edge", timer(1_200)]]) })
      yield* world.passTime(200)
      const due = yield* journal.dueTimers(1_000, 10)
      assert.deepStrictEqual(
        due.map(({ timerId, inMs }) => [timerId, inMs]),
        [
          ["soon", -100],
          ["edge", 1_000]
        ]
      )
      assert.deepStrictEqual(
        (yield* journal.dueTimers(1_000, 1)).map(({ timerId }) => timerId),
        ["soon"]
      )
    })
  )

  story("what a newer version of its machine stored is handed to the programs that know that version", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      const due = { commands: commands("go"), timers: new Map([["idle", timer(1)]]) }
      yield* begun(session("a"), 1, { ...due, machineVersion: 2 })
      yield* begun(session("b"), 1, due)
      yield* world.passTime(10)
      const idsOf = (rows: ReadonlyArray<{ readonly address: Address }>) => rows.map(({ address }) => address.id)
      assert.deepStrictEqual(idsOf(yield* journal.dueTimers(0, 10, { session: 1 })), ["ses_b"])
      assert.deepStrictEqual(idsOf(yield* journal.claim(10, 1_000, { session: 1 })), ["ses_b"])
      assert.strictEqual((yield* journal.dueTimers(0, 10, { session: 2 })).length, 2)
      assert.deepStrictEqual(idsOf(yield* journal.claim(10, 1_000, { session: 2, run: 1 })), ["ses_a"])
    })
  )

  story("a quarantined actor's commands and timers wait until it is released", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      const rest = { commands: commands("go"), timers: new Map([["idle", timer(1)]]), resident: true }
      yield* begun(session("a"), 1, rest)
      yield* begun(session("b"), 1, rest)
      yield* world.passTime(10)
      yield* journal.quarantine(session("a"), { reason: "five crashes", event: { type: "poison" } })
      const { quarantine, updatedAtMs } = (yield* journal.load(session("a")))!
      assert.deepStrictEqual(quarantine, { reason: "five crashes", event: { type: "poison" }, atMs: updatedAtMs + 10 })
      assert.deepStrictEqual(
        (yield* journal.claim(10, 1_000)).map(({ address }) => address.id),
        ["ses_b"]
      )
      assert.deepStrictEqual(
        (yield* journal.dueTimers(0, 10)).map(({ address }) => address.id),
        ["ses_b"]
      )

      assert.isFalse(yield* journal.release(session("a", "org_2")))
      assert.isTrue(yield* journal.release(session("a")))
      assert.isFalse(yield* journal.release(session("a")))
      assert.strictEqual((yield* journal.load(session("a")))!.quarantine, null)
      assert.deepStrictEqual(
        (yield* journal.claim(10, 1_000)).map(({ address }) => address.id),
        ["ses_a"]
      )
      assert.strictEqual((yield* journal.dueTimers(0, 10)).length, 2)
      yield* journal.quarantine(session("nobody"), { reason: "none", event: null })
    })
  )

  story("names every resident, quarantined ones too, and who told something last, so that a host knows whom to activate", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      assert.deepStrictEqual(yield* journal.residents(1_000), [])
      yield* begun(session("a"), 1, { resident: true })
      const notices = [{ kind: "state", body: {} }]
      yield* begun(session("b"), 2, { notices })
      yield* begun(session("c"), 2, { resident: true })
      yield* begun(session("d"), 1, { resident: true, notices })
      yield* commit(transition(session("d"), 1, { resident: false }))
      yield* journal.quarantine(session("c"), { reason: "crashes", event: null })
      assert.deepStrictEqual(yield* journal.residents(0), [session("a"), session("c")])
      yield* world.passTime(5_000)
      yield* begun(session("e"), 1, { notices })
      yield* begun(session("f"), 1)
      yield* world.passTime(60_000)
      assert.deepStrictEqual(yield* journal.residents(5_000), [session("a"), session("c"), session("e")])
      assert.deepStrictEqual(
        yield* journal.residents(5_001),
        ["a", "b", "c", "d", "e"].map((id) => session(id))
      )
    })
  )
}
