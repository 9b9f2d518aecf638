/** J1 to J3 of several steps of one actor in one commit: as if they had been committed one after another, or not at all. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Directory } from "../../../actors/ports/directory.ts"
import { Journal, type RecordWrite, type Step, type Transition } from "../../../runtime/journal.ts"
import { begun, claim, commit, JournalWorld, release, type Story, session, tags, transition } from "./world.ts"

const timer = (delayMs: number) => ({ delayMs, event: { type: `after ${delayMs}` } })
const titled = (title: string): RecordWrite => ({
  type: "project",
  row: { title, status: "running", owner: "usr_1", configurationId: null, archived: false }
})

/** Steps from `base` on as one transition; what each says, in order. */
const folded = (id: string, base: number, ...says: ReadonlyArray<Partial<Step>>): Transition => {
  const steps = says.map((rest, index) => transition(session(id), base + index, rest))
  const { epoch, takesEpoch } = steps[0]!
  return { ...steps.at(-1)!, base, epoch, takesEpoch, earlier: steps.slice(0, -1) }
}

export const folds = (story: Story) => {
  story("J2 several steps in one commit are as many revisions without a gap, each with a row of its own", () =>
    Effect.gen(function* () {
      const [journal, directory] = [yield* Journal, yield* Directory]
      yield* begun(session("a"), 2)
      const notices = [{ kind: "said", body: { text: "one" } }]
      const verdicts = yield* commit(
        folded(
          "a",
          2,
          { notices, by: "usr_1", cause: "why", records: [titled("first")] },
          { taken: [], commands: [{ name: "go", params: 1 }], records: [titled("second")] },
          { by: "usr_2" }
        )
      )
      assert.deepInclude(verdicts[0], { _tag: "Won", rev: 5, epoch: 1 })
      const rows = yield* journal.history(session("a"), 2, 10)
      const atMs = rows[0]!.atMs
      const row = (rev: number, rest: object) => ({
        rev,
        machineVersion: 1,
        messageId: `message ${rev}`,
        event: { type: "next", n: rev },
        taken: ["even -next-> odd"],
        effects: [],
        notices: [],
        by: null,
        cause: null,
        atMs,
        ...rest
      })
      assert.deepStrictEqual(rows, [
        row(3, { notices, by: "usr_1", cause: "why" }),
        row(4, { taken: [], effects: ["go"] }),
        row(5, { by: "usr_2" })
      ])
      const stored = yield* journal.load(session("a"))
      assert.deepInclude(stored, { rev: 5, epoch: 1, updatedAtMs: atMs })
      assert.deepStrictEqual(stored!.snapshot, { value: "odd", context: { n: 5 } })
      assert.strictEqual((yield* journal.seen(session("a"), "message 4")).at, 4)
      assert.deepInclude(yield* directory.session("org_1", "ses_a"), { title: "second", rev: 4 })
      assert.deepInclude((yield* commit(transition(session("a"), 5)))[0], { _tag: "Won", rev: 6 })
    })
  )

  story("an actor may begin with several steps, and take its epoch with them", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      assert.deepInclude((yield* commit(folded("a", 0, {}, {}, {})))[0], { _tag: "Won", rev: 3, epoch: 1 })
      assert.deepInclude((yield* commit({ ...folded("a", 3, {}, {}), takesEpoch: true }))[0], { _tag: "Won", rev: 5, epoch: 2 })
      assert.deepStrictEqual(tags(yield* commit(transition(session("a"), 5))), ["Fenced"])
      assert.deepInclude(yield* journal.load(session("a")), { rev: 5, epoch: 2 })
    })
  )

  story("commands are keyed by the revision that asked for them, and handed out in that order", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const go = (...names: ReadonlyArray<string>) => ({ commands: names.map((name) => ({ name, params: { for: name } })) })
      yield* begun(session("a"))
      yield* commit(folded("a", 1, go("one", "two"), {}, go("three")))
      const claimed = yield* journal.claim(10, 1_000)
      assert.deepStrictEqual(
        claimed.map(({ key, name, params }) => [key, name, params]),
        [
          ["session:ses_a:2:0", "one", { for: "one" }],
          ["session:ses_a:2:1", "two", { for: "two" }],
          ["session:ses_a:4:0", "three", { for: "three" }]
        ]
      )
    })
  )

  story("timers are armed and cancelled by the last word of all steps, each by the revision that said it", () =>
    Effect.gen(function* () {
      const [journal, world] = [yield* Journal, yield* JournalWorld]
      yield* begun(session("a"), 1, {
        timers: new Map([
          ["old", timer(10)],
          ["kept", timer(20)]
        ])
      })
      const words = (entries: ReadonlyArray<readonly [string, ReturnType<typeof timer> | null]>) => ({ timers: new Map(entries) })
      yield* commit(
        folded(
          "a",
          1,
          words([
            ["old", null],
            ["gone", timer(1)],
            ["again", timer(2)],
            ["first", timer(3)]
          ]),
          words([
            ["gone", null],
            ["again", timer(30)]
          ]),
          words([["old", timer(40)]])
        )
      )
      const armed = new Map([
        ["kept", 1],
        ["first", 2],
        ["again", 3],
        ["old", 4]
      ])
      assert.deepStrictEqual((yield* journal.load(session("a")))!.timers, armed)
      yield* world.passTime(30)
      assert.deepStrictEqual(
        (yield* journal.dueTimers(0, 10)).map(({ timerId, rev, event }) => [timerId, rev, event]),
        [
          ["first", 2, { type: "after 3" }],
          ["kept", 1, { type: "after 20" }],
          ["again", 3, { type: "after 30" }]
        ]
      )
    })
  )

  story("several commands are completed by the commit of their facts, or none of them", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("a"), 1, { commands: ["one", "two", "three"].map((name) => ({ name, params: null })) })
      const [one, two, three] = yield* journal.claim(3, 30_000)
      const fact = (completes: typeof one) => ({ messageId: `fact:${completes!.key}`, completes: completes! })
      yield* commit(transition(session("a"), 1, { messageId: `fact:${one!.key}` }))
      assert.deepStrictEqual(yield* commit(folded("a", 2, fact(two), fact(one), fact(three))), [{ _tag: "Duplicate", rev: 2 }])
      assert.deepStrictEqual(yield* journal.renew([one!, two!, three!], 1_000), [true, true, true])
      assert.deepStrictEqual(tags(yield* commit(folded("a", 2, fact(two), {}, fact(three)))), ["Won"])
      assert.deepStrictEqual(yield* journal.renew([one!, two!, three!], 1_000), [true, false, false])
    })
  )

  for (const at of [0, 1, 2]) {
    story(
      `J3 a repeat among them, the ${["first", "one between", "last"][at]}, keeps all of them out, and its neighbours win`,
      () =>
        Effect.gen(function* () {
          const journal = yield* Journal
          yield* begun(session("a"), 2)
          const says = Array.from({ length: 3 }, (_, index) => (index === at ? { messageId: "message 1" } : {}))
          const go = { commands: [{ name: "go", params: null }], timers: new Map([["idle", timer(0)]]) }
          const verdicts = yield* commit(
            transition(session("n"), 0),
            folded("a", 2, ...says.map((say) => ({ ...go, ...say }))),
            folded("z", 0, {}, {})
          )
          assert.deepStrictEqual(tags(verdicts), ["Won", "Duplicate", "Won"])
          assert.deepInclude(verdicts[1], { rev: 1 })
          assert.deepInclude(yield* journal.load(session("a")), { rev: 2 })
          assert.strictEqual((yield* journal.history(session("a"), 0, 10)).length, 2)
          assert.deepStrictEqual(yield* journal.claim(10, 1_000), [])
          assert.deepStrictEqual(yield* journal.dueTimers(1_000, 10), [])
        })
    )
  }

  story("J2 whoever lost the compare-and-set is fenced with all steps", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("a"), 3)
      const fresh = (n: number) => ({ messageId: `fresh ${n}` })
      assert.deepStrictEqual(yield* commit(folded("a", 2, fresh(1), fresh(2))), [{ _tag: "Fenced", rev: 3, epoch: 1 }])
      assert.deepStrictEqual(yield* commit(folded("a", 0, fresh(1), fresh(2))), [{ _tag: "Fenced", rev: 3, epoch: 1 }])
      assert.deepStrictEqual(yield* commit({ ...folded("a", 3, fresh(1), fresh(2)), epoch: 0 }), [
        { _tag: "Fenced", rev: 3, epoch: 1 }
      ])
      assert.strictEqual((yield* journal.history(session("a"), 0, 10)).length, 3)
    })
  )

  story("claims of all steps are taken together, and one that another holds rejects every step", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const wants = (...records: ReadonlyArray<RecordWrite>) => ({ records })
      yield* begun(session("b"), 1, wants(claim("held")))
      yield* begun(session("a"), 1, wants(claim("mine")))
      assert.deepStrictEqual(yield* commit(folded("a", 1, wants(claim("one")), wants(claim("held")), wants(release("mine")))), [
        { _tag: "Rejected", record: { name: "sandbox", key: "held", holder: "session/ses_b" } }
      ])
      assert.deepInclude(yield* journal.load(session("a")), { rev: 1 })
      yield* commit(folded("a", 1, wants(claim("one")), {}, wants(release("mine"))))
      const others = ["one", "mine"].map((key, n) => transition(session(`o${n}`), 0, wants(claim(key))))
      assert.deepStrictEqual(tags(yield* commit(...others)), ["Rejected", "Won"])
    })
  )

  story("a step that cannot be stored refuses the whole batch", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("a"))
      const bad = commit(folded("a", 1, {}, { event: { type: "next", text: "a\u0000b" } }, {}))
      assert.strictEqual((yield* Effect.flip(bad)).reason, "refused")
      assert.deepInclude(yield* journal.load(session("a")), { rev: 1 })
    })
  )

  for (const lost of ["question", "answer"] as const) {
    story(`several steps whose ${lost} is lost stand once, sent again`, () =>
      Effect.gen(function* () {
        const [journal, world] = [yield* Journal, yield* JournalWorld]
        yield* begun(session("a"))
        const three = folded("a", 1, {}, {}, {})
        yield* world.lose(lost)
        assert.strictEqual((yield* Effect.flip(commit(three))).reason, "unknown")
        const [again] = yield* commit(three)
        assert.strictEqual(again!._tag, lost === "question" ? "Won" : "Duplicate")
        assert.strictEqual((yield* journal.history(session("a"), 0, 10)).length, 4)
      })
    )
  }
}
