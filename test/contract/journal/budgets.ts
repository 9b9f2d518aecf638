/** Conditional records: uses of a budget that are taken one by one, and rooms that hold a bounded number of actors. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Journal, type RecordWrite, type Transition, type Verdict } from "../../../runtime/journal.ts"
import {
  begun,
  claim,
  claimedCommand,
  commit,
  ensure,
  JournalWorld,
  Lender,
  lend,
  occupy,
  refund,
  reserve,
  type Story,
  session,
  tags,
  transition,
  vacate
} from "./world.ts"

const rejected = (name: "budget" | "room", key: string, holder: string): Verdict => ({
  _tag: "Rejected",
  record: { name, key, holder }
})

const lent = (...records: ReadonlyArray<RecordWrite>) => begun(session("lender"), 1, { records })
const create = (id: string, ...records: ReadonlyArray<RecordWrite>) => commit(transition(session(id), 0, { records }))
const usedOf = (budgetId: string) => Lender.use(({ used }) => used("org_1", budgetId))
const counted = (verdicts: ReadonlyArray<Verdict>) => ({
  won: verdicts.filter(({ _tag }) => _tag === "Won").length,
  rejected: verdicts.filter(({ _tag }) => _tag === "Rejected").length
})

/** In two committers' batches at once. */
const inTwoBatches = (all: ReadonlyArray<Transition>) =>
  Effect.map(
    Effect.all([commit(...all.filter((_, n) => n % 2 === 0)), commit(...all.filter((_, n) => n % 2 === 1))], {
      concurrency: "unbounded"
    }),
    (verdicts) => verdicts.flat()
  )

export const budgets = (story: Story) => {
  story("gives out as many uses as a budget has, and refuses the next with all of its transition", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* lent(lend("grn_1", 2))
      const command = yield* claimedCommand(session("late"))
      assert.deepStrictEqual(tags(yield* create("a", reserve("grn_1"))), ["Won"])
      assert.deepStrictEqual(tags(yield* create("b", reserve("grn_1"))), ["Won"])
      const rest = { records: [claim("sbx_1"), reserve("grn_1")], completes: command, commands: [{ name: "go", params: {} }] }
      assert.deepStrictEqual(yield* commit(transition(session("late"), 1, rest)), [rejected("budget", "grn_1", "spent")])
      assert.strictEqual((yield* journal.load(session("late")))!.rev, 1)
      assert.deepStrictEqual(yield* journal.renew([command], 1_000), [true])
      assert.deepStrictEqual(tags(yield* create("c", claim("sbx_1"))), ["Won"])
      assert.strictEqual(yield* usedOf("grn_1"), 2)
    })
  )

  story("gives a use back to whoever asks next, and never more than were taken", () =>
    Effect.gen(function* () {
      yield* lent(lend("grn_1", 1), reserve("grn_1"))
      assert.deepStrictEqual(yield* create("a", reserve("grn_1")), [rejected("budget", "grn_1", "spent")])
      yield* commit(transition(session("lender"), 1, { records: [refund("grn_1"), refund("grn_1"), refund("absent")] }))
      assert.strictEqual(yield* usedOf("grn_1"), 0)
      assert.deepStrictEqual(tags(yield* create("a", reserve("grn_1"))), ["Won"])
      assert.deepStrictEqual(yield* create("b", reserve("grn_1")), [rejected("budget", "grn_1", "spent")])
    })
  )

  story("counts the uses of a budget without a limit, too", () =>
    Effect.gen(function* () {
      yield* lent(lend("grn_1"))
      for (const id of ["a", "b", "c"]) assert.deepStrictEqual(tags(yield* create(id, reserve("grn_1"))), ["Won"])
      assert.strictEqual(yield* usedOf("grn_1"), 3)
    })
  )

  story("a budget is lent once, whoever has lent it, and not at all with a transition that is refused", () =>
    Effect.gen(function* () {
      yield* lent(lend("grn_1", 1))
      assert.deepStrictEqual(yield* create("a", lend("grn_1", 5)), [rejected("budget", "grn_1", "taken")])
      assert.deepStrictEqual(yield* create("a", lend("grn_2", 5), reserve("grn_2"), lend("grn_1", 1)), [
        rejected("budget", "grn_1", "taken")
      ])
      assert.strictEqual(yield* usedOf("grn_2"), null)
      assert.deepStrictEqual(yield* create("b", reserve("grn_2")), [rejected("budget", "grn_2", "absent")])
    })
  )

  story("J5 a budget expires by the journal's own clock", () =>
    Effect.gen(function* () {
      const { passTime } = yield* JournalWorld
      yield* lent(lend("grn_1", 9, { lastsMs: 10_000 }))
      yield* passTime(9_999)
      assert.deepStrictEqual(tags(yield* create("a", reserve("grn_1"), ensure("grn_1"))), ["Won"])
      yield* passTime(1)
      assert.deepStrictEqual(yield* create("b", reserve("grn_1")), [rejected("budget", "grn_1", "expired")])
      assert.deepStrictEqual(yield* create("b", ensure("grn_1")), [rejected("budget", "grn_1", "expired")])
      assert.deepStrictEqual(tags(yield* commit(transition(session("a"), 1, { records: [refund("grn_1")] }))), ["Won"])
    })
  )

  story("a budget that is revoked is neither spent nor made sure of, and those narrowed from it go with it", () =>
    Effect.gen(function* () {
      const { revoke } = yield* Lender
      const narrowed = (parentId: string) => ({ about: { parentId } })
      yield* lent(lend("g1"), lend("g2", 5, narrowed("g1")), lend("g3", 5, narrowed("g2")), lend("g4", 5))
      yield* create("a", reserve("g3"))
      assert.deepStrictEqual(yield* revoke("org_2", "g1"), [])
      assert.deepStrictEqual(yield* revoke("org_1", "g1"), ["g1", "g2", "g3"])
      assert.deepStrictEqual(yield* revoke("org_1", "g1"), [])
      for (const id of ["g1", "g2", "g3"]) {
        assert.deepStrictEqual(yield* create("b", reserve(id)), [rejected("budget", id, "revoked")])
        assert.deepStrictEqual(yield* create("b", ensure(id)), [rejected("budget", id, "revoked")])
      }
      assert.deepStrictEqual(tags(yield* create("b", reserve("g4"))), ["Won"])
    })
  )

  story("makes sure of a budget without spending it, and of a spent one as of another", () =>
    Effect.gen(function* () {
      yield* lent(lend("grn_1", 1), reserve("grn_1"))
      for (const id of ["a", "b"]) assert.deepStrictEqual(tags(yield* create(id, ensure("grn_1"))), ["Won"])
      assert.strictEqual(yield* usedOf("grn_1"), 1)
      assert.deepStrictEqual(yield* create("c", ensure("absent")), [rejected("budget", "absent", "absent")])
    })
  )

  story("one organisation's budgets and rooms are not another's", () =>
    Effect.gen(function* () {
      yield* lent(lend("grn_1", 1))
      assert.deepStrictEqual(yield* commit(transition(session("x", "org_2"), 0, { records: [reserve("grn_1")] })), [
        rejected("budget", "grn_1", "absent")
      ])
      assert.deepStrictEqual(
        tags(yield* commit(transition(session("x", "org_2"), 0, { records: [lend("grn_1", 1), occupy("room", 1)] }))),
        ["Won"]
      )
      assert.deepStrictEqual(tags(yield* create("a", occupy("room", 1), reserve("grn_1"))), ["Won"])
    })
  )

  story("a room holds as many actors as it may, each once, until they leave", () =>
    Effect.gen(function* () {
      for (const id of ["a", "b"]) assert.deepStrictEqual(tags(yield* create(id, occupy("pending/s", 2))), ["Won"])
      assert.deepStrictEqual(tags(yield* commit(transition(session("a"), 1, { records: [occupy("pending/s", 2)] }))), ["Won"])
      assert.deepStrictEqual(yield* create("c", occupy("pending/s", 2)), [rejected("room", "pending/s", "full")])
      assert.deepStrictEqual(tags(yield* create("other", occupy("pending/t", 2), vacate("pending/s"))), ["Won"])
      assert.deepStrictEqual(yield* create("c", occupy("pending/s", 2)), [rejected("room", "pending/s", "full")])
      yield* commit(transition(session("b"), 1, { records: [vacate("pending/s"), vacate("nowhere")] }))
      assert.deepStrictEqual(tags(yield* create("c", occupy("pending/s", 2))), ["Won"])
      assert.deepStrictEqual(yield* create("d", occupy("pending/s", 2)), [rejected("room", "pending/s", "full")])
    })
  )

  story("of 100 that take from a budget of 10 at once, ten win and every use is theirs", () =>
    Effect.gen(function* () {
      yield* lent(lend("grn_1", 10))
      const all = Array.from({ length: 100 }, (_, n) => transition(session(`r${n}`), 0, { records: [reserve("grn_1")] }))
      assert.deepStrictEqual(counted(yield* inTwoBatches(all)), { won: 10, rejected: 90 })
      assert.strictEqual(yield* usedOf("grn_1"), 10)
    })
  )

  story("the same where each comes in a commit of its own", () =>
    Effect.gen(function* () {
      yield* lent(lend("grn_1", 10))
      const all = Array.from({ length: 100 }, (_, n) => create(`r${n}`, reserve("grn_1")))
      const verdicts = (yield* Effect.all(all, { concurrency: "unbounded" })).flat()
      assert.deepStrictEqual(counted(verdicts), { won: 10, rejected: 90 })
      assert.strictEqual(yield* usedOf("grn_1"), 10)
    })
  )

  story("of 40 that go into a room for 10 at once, ten are in it", () =>
    Effect.gen(function* () {
      const all = Array.from({ length: 40 }, (_, n) => transition(session(`r${n}`), 0, { records: [occupy("room", 10)] }))
      assert.deepStrictEqual(counted(yield* inTwoBatches(all)), { won: 10, rejected: 30 })
      assert.deepStrictEqual(yield* create("late", occupy("room", 10)), [rejected("room", "room", "full")])
    })
  )

  story("two batches that take from the same budgets in opposite orders both get their verdicts", () =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 12 }, (_, n) => `g${n}`)
      yield* lent(...ids.map((id) => lend(id, 1)))
      const taking = (owner: string, order: ReadonlyArray<string>) =>
        commit(
          ...order.map((id, n) => transition(session(`${owner}${String(n).padStart(2, "0")}`), 0, { records: [reserve(id)] }))
        )
      const verdicts = yield* Effect.all([taking("x", ids), taking("y", ids.toReversed())], { concurrency: "unbounded" })
      assert.deepStrictEqual(counted(verdicts.flat()), { won: 12, rejected: 12 })
    })
  )

  story("a budget that is revoked while a commit makes sure of it is either revoked first or used first", () =>
    Effect.gen(function* () {
      const { revoke } = yield* Lender
      yield* lent(...Array.from({ length: 10 }, (_, n) => lend(`g${n}`)))
      for (let n = 0; n < 10; n++) {
        const [[verdict]] = yield* Effect.all([create(`u${n}`, ensure(`g${n}`)), revoke("org_1", `g${n}`)], {
          concurrency: "unbounded"
        })
        assert.include(["Won", "Rejected"], verdict!._tag)
        assert.deepStrictEqual(yield* create(`v${n}`, ensure(`g${n}`)), [rejected("budget", `g${n}`, "revoked")])
      }
    })
  )
}
