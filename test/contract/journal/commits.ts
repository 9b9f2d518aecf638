/** J1 to J4: what a commit writes, and who may. */
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { Directory } from "../../../actors/ports/directory.ts"
import { Journal } from "../../../runtime/journal.ts"
import { begun, claimedCommand, commit, JournalWorld, reasonOf, type Story, session, tags, transition } from "./world.ts"

export const commits = (story: Story) => {
  story("knows the number of an actor's newest notice, whatever came after it", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const noticed = Effect.map(journal.load(session("a")), (stored) => stored!.noticed)
      yield* begun(session("a"), 1)
      assert.strictEqual(yield* noticed, 0)
      const said = { kind: "said", body: {} }
      yield* commit(transition(session("a"), 1, { notices: [said, said] }))
      assert.strictEqual(yield* noticed, 2_001)
      yield* commit(transition(session("a"), 2))
      assert.strictEqual(yield* noticed, 2_001)
    })
  )

  story("J2 counts the revisions of an actor from 1, without gaps", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const verdicts = [
        ...(yield* commit(transition(session("a"), 0))),
        ...(yield* commit(transition(session("a"), 1))),
        ...(yield* commit(transition(session("a"), 2, { status: "paused", machineVersion: 2, resident: true })))
      ]
      assert.deepStrictEqual(
        verdicts.map((verdict) => verdict._tag === "Won" && [verdict.rev, verdict.epoch]),
        [
          [1, 1],
          [2, 1],
          [3, 1]
        ]
      )
      const stored = yield* journal.load(session("a"))
      assert.deepInclude(stored!, { rev: 3, epoch: 1, machineVersion: 2, status: "paused", resident: true, quarantine: null })
      assert.deepStrictEqual(stored!.snapshot, { value: "odd", context: { n: 3 } })
      const won = verdicts[2]!
      assert.strictEqual(won._tag === "Won" && won.atMs, stored!.updatedAtMs)
    })
  )

  story("keeps what an actor did, and gives it out in pages", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const notices = [{ kind: "turn.started", body: { turnId: "t1", text: 'a "quoted"\nline, 日本 \\u0000 🙂' } }]
      const commands = [
        { name: "runTurn", params: undefined },
        { name: "tell", params: null }
      ]
      yield* begun(session("a"), 5, { notices, commands, taken: [], by: "usr_1", cause: "prompt 7" })
      const page = yield* journal.history(session("a"), 1, 3)
      assert.deepStrictEqual(
        page.map(({ rev }) => rev),
        [2, 3, 4]
      )
      const rest = yield* journal.history(session("a"), 4, 10)
      assert.deepStrictEqual(
        rest.map(({ atMs, ...row }) => row),
        [
          {
            rev: 5,
            machineVersion: 1,
            messageId: "message 5",
            event: { type: "next", n: 5 },
            taken: [],
            effects: ["runTurn", "tell"],
            notices,
            by: "usr_1",
            cause: "prompt 7"
          }
        ]
      )
      const claimed = yield* journal.claim(10, 1_000)
      assert.deepStrictEqual(
        claimed.map(({ params }) => params),
        [null, null]
      )
      assert.deepStrictEqual(yield* journal.history(session("nobody"), 0, 10), [])
    })
  )

  story("J2 fences whoever lost the compare-and-set, and writes nothing of theirs", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("a"), 2)
      const rest = {
        messageId: "late",
        commands: [{ name: "provision", params: {} }],
        timers: new Map([["idle", { delayMs: 1, event: {} }]]),
        records: [
          {
            type: "project",
            row: { title: "late", status: "late", owner: null, configurationId: null, archived: false }
          } as const
        ]
      }
      assert.deepStrictEqual(yield* commit(transition(session("a"), 1, rest)), [{ _tag: "Fenced", rev: 2, epoch: 1 }])
      assert.deepStrictEqual(yield* commit(transition(session("a"), 3, rest)), [{ _tag: "Fenced", rev: 2, epoch: 1 }])
      assert.deepStrictEqual(yield* commit(transition(session("a"), 2, { ...rest, epoch: 0 })), [
        { _tag: "Fenced", rev: 2, epoch: 1 }
      ])
      assert.deepStrictEqual(yield* commit(transition(session("a"), 0, rest)), [{ _tag: "Fenced", rev: 2, epoch: 1 }])
      assert.deepStrictEqual(yield* commit(transition(session("b"), 1, rest)), [{ _tag: "Fenced", rev: null, epoch: null }])
      assert.strictEqual((yield* journal.load(session("a")))!.rev, 2)
      assert.strictEqual(yield* journal.load(session("b")), null)
      assert.strictEqual((yield* journal.seen(session("a"), "late")).at, null)
      assert.deepStrictEqual(yield* journal.claim(10, 1_000), [])
      assert.deepStrictEqual(yield* journal.dueTimers(60_000, 10), [])
      assert.strictEqual(yield* Directory.use((directory) => directory.session("org_1", "ses_a")), null)
    })
  )

  story("J2 an owner that takes the epoch fences every earlier one", () =>
    Effect.gen(function* () {
      yield* begun(session("a"))
      const taken = yield* commit(transition(session("a"), 1, { takesEpoch: true }))
      assert.deepInclude(taken[0], { _tag: "Won", rev: 2, epoch: 2 })
      assert.deepStrictEqual(yield* commit(transition(session("a"), 2)), [{ _tag: "Fenced", rev: 2, epoch: 2 }])
      assert.deepInclude((yield* commit(transition(session("a"), 2, { epoch: 2 })))[0], { _tag: "Won", rev: 3, epoch: 2 })
    })
  )

  story("J2 of two that write the same revision at once, one wins", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      for (let base = 0; base < 5; base++) {
        const racers = ["one", "two", "three", "four"].map((messageId) =>
          commit(transition(session("a"), base, { messageId: `${messageId} ${base}` }))
        )
        const verdicts = (yield* Effect.all(racers, { concurrency: "unbounded" })).flat()
        assert.deepStrictEqual(tags(verdicts).sort(), ["Fenced", "Fenced", "Fenced", "Won"])
        assert.isTrue(
          verdicts.every((verdict) => verdict._tag === "Won" || (verdict._tag === "Fenced" && verdict.rev === base + 1))
        )
      }
      assert.deepStrictEqual(
        (yield* journal.history(session("a"), 0, 10)).map(({ rev }) => rev),
        [1, 2, 3, 4, 5]
      )
    })
  )

  story("another organisation neither sees nor writes an actor", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("a", "org_1"))
      const stranger = session("a", "org_3")
      assert.deepStrictEqual(yield* commit(transition(stranger, 0)), [{ _tag: "Fenced", rev: null, epoch: null }])
      assert.deepStrictEqual(yield* commit(transition(stranger, 1)), [{ _tag: "Fenced", rev: null, epoch: null }])
      assert.strictEqual(yield* journal.load(stranger), null)
      assert.strictEqual((yield* journal.seen(stranger, "message 1")).at, null)
      assert.deepStrictEqual(yield* journal.history(stranger, 0, 10), [])
      assert.strictEqual(yield* journal.find("org_3", "session", "ses_a"), null)
      assert.deepStrictEqual(yield* journal.find("org_1", "session", "ses_a"), session("a"))
    })
  )

  story("J3 answers a repeated message with the revision of the first, whatever it was decided on", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* begun(session("a"), 3)
      for (const base of [0, 1, 3, 9]) {
        assert.deepStrictEqual(yield* commit(transition(session("a"), base, { messageId: "message 2", epoch: base })), [
          { _tag: "Duplicate", rev: 2 }
        ])
      }
      assert.strictEqual((yield* journal.load(session("a")))!.rev, 3)
      assert.strictEqual((yield* journal.history(session("a"), 0, 10)).length, 3)
      assert.strictEqual((yield* journal.seen(session("a"), "message 2")).at, 2)
      assert.strictEqual((yield* journal.seen(session("a"), "message 4")).at, null)
      assert.deepStrictEqual(tags(yield* commit(transition(session("b"), 0, { messageId: "message 2" }))), ["Won"])
    })
  )

  story("J3 a message that comes twice at once is journaled once", () =>
    Effect.gen(function* () {
      yield* begun(session("a"))
      for (let base = 1; base < 5; base++) {
        const racers = Array.from({ length: 4 }, () => commit(transition(session("a"), base)))
        const verdicts = (yield* Effect.all(racers, { concurrency: "unbounded" })).flat()
        assert.deepStrictEqual(tags(verdicts).sort(), ["Duplicate", "Duplicate", "Duplicate", "Won"])
        assert.isTrue(verdicts.every((verdict) => "rev" in verdict && verdict.rev === base + 1))
      }
    })
  )

  story("J1 a fact and the end of the command that established it are one commit, also when the fact is a repeat", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const first = yield* claimedCommand(session("a"))
      yield* begun(session("other"), 1, { messageId: `fact:${first.key}`, completes: first })
      assert.deepStrictEqual(yield* journal.renew([first], 1_000), [false])

      const second = yield* claimedCommand(session("b"))
      yield* commit(transition(session("b"), 1, { messageId: `fact:${second.key}` }))
      const again = yield* commit(transition(session("b"), 1, { messageId: `fact:${second.key}`, completes: second }))
      assert.deepStrictEqual(again, [{ _tag: "Duplicate", rev: 2 }])
      assert.deepStrictEqual(yield* journal.renew([second], 1_000), [false])
    })
  )

  story("J1 a transition that lost does not end its command", () =>
    Effect.gen(function* () {
      const command = yield* claimedCommand(session("a"))
      assert.deepStrictEqual(tags(yield* commit(transition(session("a"), 7, { completes: command }))), ["Fenced"])
      assert.deepStrictEqual(yield* Journal.use((journal) => journal.renew([command], 1_000)), [true])
    })
  )

  story("J4 one bad row fails a batch of 64 whole; alone, its neighbours win and it is refused", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      for (const [round, bad] of ["a\u0000b", "half \ud800 a pair", 1n].entries()) {
        const at = (n: number) => session(`${round}_${n}`)
        const batch = Array.from({ length: 64 }, (_, n) =>
          transition(at(n), 0, n === 40 ? { event: { type: "next", text: bad } } : {})
        )
        assert.strictEqual(yield* reasonOf(commit(...batch)), "refused")
        assert.strictEqual(yield* journal.load(at(0)), null)
        for (const [n, each] of batch.entries()) {
          if (n === 40) assert.strictEqual(yield* reasonOf(commit(each)), "refused")
          else assert.deepStrictEqual(tags(yield* commit(each)), ["Won"])
        }
        assert.strictEqual(yield* journal.load(at(40)), null)
      }
    })
  )

  story("J4 each row of a batch has its own verdict, in the order of the batch", () =>
    Effect.gen(function* () {
      yield* begun(session("m"), 2)
      yield* begun(session("b"), 2)
      const batch = [
        transition(session("z"), 0),
        transition(session("m"), 2, { messageId: "message 1" }),
        transition(session("b"), 1, { messageId: "late" }),
        transition(session("a"), 0)
      ]
      assert.deepStrictEqual(tags(yield* commit(...batch)), ["Won", "Duplicate", "Fenced", "Won"])
      const twice = yield* Effect.exit(commit(transition(session("q"), 0), transition(session("q"), 0)))
      assert.isTrue(Exit.isFailure(twice) && Cause.hasDies(twice.cause))
    })
  )

  for (const lost of ["question", "answer"] as const) {
    story(`a commit whose ${lost} is lost is unknown; sent again it stands exactly once`, () =>
      Effect.gen(function* () {
        const [journal, world] = [yield* Journal, yield* JournalWorld]
        const commands = [{ name: "provision", params: {} }]
        const batch = ["a", "b", "c"].map((id) => transition(session(id), 0, { commands }))
        yield* world.lose(lost)
        assert.strictEqual(yield* reasonOf(journal.commit(batch)), "unknown")
        const expected = lost === "question" ? "Won" : "Duplicate"
        const verdicts = yield* journal.commit(batch)
        assert.deepStrictEqual(
          verdicts.map((verdict) => [verdict._tag, "rev" in verdict && verdict.rev]),
          Array(3).fill([expected, 1])
        )
        assert.strictEqual((yield* journal.claim(10, 1_000)).length, 3)
        for (const { address } of batch) assert.strictEqual((yield* journal.history(address, 0, 10)).length, 1)
      })
    )
  }

  story("lists show of a session what its last projecting commit said", () =>
    Effect.gen(function* () {
      const [directory, world] = [yield* Directory, yield* JournalWorld]
      const project = (status: string) =>
        ({
          type: "project",
          row: { title: "Fix it", status, owner: "usr_1", configurationId: "cfg_1", archived: false }
        }) as const
      yield* begun(session("a"), 1, { records: [project("pending")] })
      const created = (yield* directory.session("org_1", "ses_a"))!
      assert.deepInclude(created, { title: "Fix it", status: "pending", owner: "usr_1", configurationId: "cfg_1", rev: 1 })
      yield* world.passTime(5)
      yield* commit(transition(session("a"), 1, { records: [project("running"), project("paused")] }))
      yield* commit(transition(session("a"), 2))
      const { createdAtMs } = created
      assert.deepStrictEqual(yield* directory.session("org_1", "ses_a"), {
        ...created,
        status: "paused",
        rev: 2,
        updatedAtMs: createdAtMs + 5
      })
      yield* begun({ org: "org_1", kind: "approval", id: "apr_1", home: "ses_a" }, 1, { records: [project("pending")] })
      assert.deepStrictEqual(
        (yield* directory.sessions("org_1", { limit: 10 })).map(({ id }) => id),
        ["ses_a"]
      )
    })
  )
}
