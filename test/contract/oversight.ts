/** What every oversight of a journal promises (runtime/oversight.ts), W1 to W4. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { Journal } from "../../runtime/journal.ts"
import { type FixNote, Oversight } from "../../runtime/oversight.ts"
import { begun, claimedCommand, commit, JournalWorld, session, transition } from "./journal/world.ts"
import { commandStories, type OversightServices as Services } from "./oversight-commands.ts"

const note = (id: string, rest: Partial<FixNote> = {}): FixNote => ({
  id,
  org: "org_1",
  kind: "session.sandbox-gone",
  subject: "session/ses_a",
  fix: "sandbox.gone",
  by: null,
  why: null,
  plannedRev: 4,
  result: "applied",
  outcome: "revision 5",
  ...rest
})

export const exerciseOversight = (name: string, world: Layer.Layer<Services, unknown>) =>
  layer(world)(`the oversight of the journal in ${name}`, (it) => {
    const story = (title: string, body: () => Effect.Effect<void, unknown, Services>) =>
      it.effect(title, () =>
        Effect.andThen(
          JournalWorld.use(({ clear }) => clear),
          Effect.suspend(body)
        )
      )

    story("pages through the actors with standing work, by id, and leaves out those set aside", () =>
      Effect.gen(function* () {
        const [journal, oversight] = [yield* Journal, yield* Oversight]
        for (const id of ["c", "a", "d", "b"]) yield* begun(session(id), 2, { resident: id !== "d" })
        yield* begun(session("e"), 1, { resident: true })
        assert.deepStrictEqual(yield* oversight.standing(null, 2), [
          { address: session("a"), rev: 2 },
          { address: session("b"), rev: 2 }
        ])
        yield* journal.quarantine(session("c"), { reason: "crashes", event: null })
        assert.deepStrictEqual(yield* oversight.standing("ses_b", 10), [{ address: session("e"), rev: 1 }])
        assert.deepStrictEqual(yield* oversight.standing("ses_e", 10), [])
      })
    )

    story("shows who is set aside, why and since when", () =>
      Effect.gen(function* () {
        const [journal, oversight] = [yield* Journal, yield* Oversight]
        for (const id of ["a", "b"]) yield* begun(session(id), 3)
        assert.deepStrictEqual(yield* oversight.quarantined(null, 10), [])
        yield* journal.quarantine(session("b"), { reason: "five crashes", event: { type: "poison" } })
        const { updatedAtMs } = (yield* journal.load(session("b")))!
        const quarantine = { reason: "five crashes", event: { type: "poison" }, atMs: updatedAtMs }
        assert.deepStrictEqual(yield* oversight.quarantined(null, 10), [{ address: session("b"), rev: 3, quarantine }])
        assert.deepStrictEqual(yield* oversight.quarantined(null, 0), [])
        assert.lengthOf(yield* oversight.quarantined("org_1", 10), 1)
        assert.deepStrictEqual(yield* oversight.quarantined("org_2", 10), [])
      })
    )

    story("finds what is due and nobody's for too long: never claimed, or claimed by one who is gone", () =>
      Effect.gen(function* () {
        const [journal, oversight, world] = [yield* Journal, yield* Oversight, yield* JournalWorld]
        const held = yield* claimedCommand(session("a"), 10_000)
        yield* begun(session("b"), 1, { commands: [{ name: "go", params: { far: true } }] })
        yield* world.passTime(29_999)
        assert.deepStrictEqual(yield* oversight.stuck(30_000, 10), [])
        yield* world.passTime(1)
        const late = { key: "session:ses_b:1:0", address: session("b"), name: "go", attempt: 0, forMs: 30_000, error: null }
        assert.deepStrictEqual(yield* oversight.stuck(30_000, 10), [late])
        yield* world.passTime(10_000)
        const gone = { key: held.key, address: session("a"), name: "provision", attempt: 1, forMs: 30_000, error: null }
        assert.deepStrictEqual(yield* oversight.stuck(30_000, 10), [{ ...late, forMs: 40_000 }, gone])
        assert.deepStrictEqual(yield* oversight.stuck(30_000, 1), [{ ...late, forMs: 40_000 }])

        yield* journal.quarantine(session("b"), { reason: "crashes", event: null })
        assert.deepStrictEqual(yield* oversight.stuck(30_000, 10), [gone])
        const [again] = yield* journal.claim(1, 10_000)
        assert.deepStrictEqual(yield* oversight.stuck(30_000, 10), [])
        yield* journal.retry(again!, 60_000, "no answer")
        yield* world.passTime(89_999)
        assert.deepStrictEqual(yield* oversight.stuck(30_000, 10), [])
        yield* world.passTime(1)
        assert.deepStrictEqual(yield* oversight.stuck(30_000, 10), [{ ...gone, attempt: 2, error: "no answer" }])
      })
    )

    story("shows what was buried, and makes it due again under its key, for its own organisation alone", () =>
      Effect.gen(function* () {
        const [journal, oversight, world] = [yield* Journal, yield* Oversight, yield* JournalWorld]
        const [first, second] = [yield* claimedCommand(session("a")), yield* claimedCommand(session("b"))]
        yield* journal.bury(first, "the hand broke")
        yield* world.passTime(500)
        yield* journal.bury(second, "it broke too")
        yield* world.passTime(10)
        const rows = yield* oversight.dead(10)
        assert.deepStrictEqual(
          rows.map(({ key, forMs, error }) => [key, forMs, error]),
          [
            [second.key, 10, "it broke too"],
            [first.key, 510, "the hand broke"]
          ]
        )
        assert.deepStrictEqual(yield* oversight.stuck(0, 10), [])
        assert.deepStrictEqual(yield* oversight.exhume("org_2", [first.key]), [])
        assert.deepStrictEqual(yield* oversight.exhume("org_1", ["session:ses_none:1:0", first.key]), [first.key])
        assert.deepStrictEqual(yield* oversight.exhume("org_1", [first.key]), [])
        const [again] = yield* journal.claim(10, 1_000)
        assert.deepInclude(again, { key: first.key, attempt: 2, params: { size: 1 } })
        assert.strictEqual((yield* oversight.dead(10)).length, 1)
      })
    )

    commandStories(story)

    story("shows of several organisations each one's first, however much of it another has", () =>
      Effect.gen(function* () {
        const [journal, oversight, world] = [yield* Journal, yield* Oversight, yield* JournalWorld]
        const actors = [...["a", "b", "c"].map((id) => session(id)), session("z", "org_2")]
        for (const address of actors) {
          yield* journal.bury(yield* claimedCommand(address), "it broke")
          yield* world.passTime(1)
        }
        const idsOf = (rows: ReadonlyArray<{ readonly address: { readonly id: string } }>) =>
          rows.map(({ address }) => address.id)
        assert.deepStrictEqual(idsOf(yield* oversight.dead(10)), ["ses_z", "ses_c", "ses_b", "ses_a"])
        assert.deepStrictEqual(idsOf(yield* oversight.dead(2)), ["ses_z", "ses_c"])
        // The other way round: what one has piled up since hides nobody's.
        yield* journal.bury(yield* claimedCommand(session("d")), "it broke")
        assert.sameMembers(idsOf(yield* oversight.dead(2)), ["ses_z", "ses_d"])

        for (const address of actors) yield* journal.quarantine(address, { reason: "crashes", event: null })
        assert.sameMembers(idsOf(yield* oversight.quarantined(null, 2)), ["ses_a", "ses_z"])
        assert.lengthOf(yield* oversight.quarantined(null, 10), 4)
        assert.deepStrictEqual(idsOf(yield* oversight.quarantined("org_1", 2)), ["ses_a", "ses_b"])

        yield* begun(session("e"), 1, { commands: [{ name: "go", params: {} }] })
        yield* begun(session("f"), 1, { commands: [{ name: "go", params: {} }] })
        yield* world.passTime(1)
        yield* begun(session("g", "org_2"), 1, { commands: [{ name: "go", params: {} }] })
        yield* world.passTime(30_000)
        assert.sameMembers(idsOf(yield* oversight.stuck(30_000, 2)), ["ses_e", "ses_g"])
      })
    )

    story("lists what an actor still waits for, in the order in which it asked, and nobody else's", () =>
      Effect.gen(function* () {
        const [journal, oversight] = [yield* Journal, yield* Oversight]
        const [one, two] = ["one", "two"].map((name) => ({ name, params: { for: name } }))
        yield* begun(session("a"), 1, { commands: [one!, two!] })
        for (const other of ["aa", "b", "A"]) yield* begun(session(other), 1, { commands: [one!] })
        yield* commit(transition(session("a"), 1, { commands: [one!] }))
        const keysOf = Effect.map(oversight.commandsOf(session("a")), (rows) => rows.map(({ key }) => key))
        assert.deepStrictEqual(yield* keysOf, ["session:ses_a:1:0", "session:ses_a:1:1", "session:ses_a:2:0"])
        assert.deepStrictEqual((yield* oversight.commandsOf(session("a")))[1], {
          key: "session:ses_a:1:1",
          name: "two",
          params: { for: "two" }
        })
        assert.deepStrictEqual(yield* oversight.commandsOf(session("a", "org_2")), [])
        const claimed = yield* journal.claim(10, 1_000)
        yield* journal.bury(claimed.find(({ key }) => key === "session:ses_a:1:0")!, "gave up")
        yield* journal.complete([claimed.find(({ key }) => key === "session:ses_a:1:1")!])
        assert.deepStrictEqual(yield* keysOf, ["session:ses_a:2:0"])
      })
    )

    story("keeps pauses until they are over or resumed, the last word of each kind, each organisation's apart", () =>
      Effect.gen(function* () {
        const [oversight, world] = [yield* Oversight, yield* JournalWorld]
        const pause = (kind: string, lastsMs: number, why: string, org = "org_1") =>
          oversight.pause({ org, kind, by: "usr_1", why, lastsMs })
        const first = yield* pause("sandbox.stray", 60_000, "a drill")
        assert.strictEqual(first.untilMs - first.atMs, 60_000)
        yield* world.passTime(10)
        const longer = yield* pause("sandbox.stray", 120_000, "a longer one")
        assert.strictEqual(longer.atMs - first.atMs, 10)
        const all = yield* pause("all", 1_000, "an outage", "org_2")
        assert.deepStrictEqual(yield* oversight.pauses("org_1"), [longer])
        assert.deepStrictEqual(yield* oversight.pauses(null), [longer, all])
        assert.deepInclude(all, { org: "org_2", kind: "all", by: "usr_1", why: "an outage" })

        yield* world.passTime(999)
        assert.lengthOf(yield* oversight.pauses("org_2"), 1)
        yield* world.passTime(1)
        assert.deepStrictEqual(yield* oversight.pauses(null), [longer])
        assert.isFalse(yield* oversight.resume("org_2", "all"))
        assert.isFalse(yield* oversight.resume("org_2", "sandbox.stray"))
        assert.isTrue(yield* oversight.resume("org_1", "sandbox.stray"))
        assert.isFalse(yield* oversight.resume("org_1", "sandbox.stray"))
        assert.deepStrictEqual(yield* oversight.pauses(null), [])
      })
    )

    story("keeps what was put right, written once, newest first, each organisation's apart", () =>
      Effect.gen(function* () {
        const [oversight, world] = [yield* Oversight, yield* JournalWorld]
        yield* oversight.note(note("fix_1"))
        yield* world.passTime(5)
        const skipped = note("fix_2", { by: "usr_1", why: "a drill", plannedRev: null, result: "skipped", outcome: "moved on" })
        yield* oversight.note(skipped)
        yield* oversight.note(note("fix_1", { result: "failed", outcome: "another word" }))
        yield* oversight.note(note("fix_3", { org: "org_2" }))
        const notes = yield* oversight.notes("org_1", 10)
        assert.deepStrictEqual(
          notes.map(({ atMs: _, ...rest }) => rest),
          [skipped, note("fix_1")]
        )
        assert.strictEqual(notes[0]!.atMs - notes[1]!.atMs, 5)
        assert.strictEqual((yield* oversight.notes("org_1", 1)).length, 1)
        const idsOf = (only: Parameters<typeof oversight.notes>[2]) =>
          Effect.map(oversight.notes("org_1", 10, only), (all) => all.map(({ id }) => id))
        assert.deepStrictEqual(yield* idsOf({ by: "usr_1" }), ["fix_2"])
        assert.deepStrictEqual(yield* idsOf({ by: "usr_2" }), [])
        yield* world.passTime(10)
        assert.deepStrictEqual(yield* idsOf({ withinMs: 10 }), ["fix_2"])
        assert.deepStrictEqual(yield* idsOf({ withinMs: 15 }), ["fix_2", "fix_1"])
      })
    )
  })
