/** What operators see and do of commands that are not settled; part of the suite in oversight.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Journal } from "../../runtime/journal.ts"
import { Oversight } from "../../runtime/oversight.ts"
import { begun, claimedCommand, JournalWorld, session } from "./journal/world.ts"

export type OversightServices = Journal | JournalWorld | Oversight
type Story = (title: string, body: () => Effect.Effect<void, unknown, OversightServices>) => void

export const commandStories = (story: Story) => {
  story("lists an organisation's commands: how each stands, how old it is, and until when", () =>
    Effect.gen(function* () {
      const [journal, oversight, world] = [yield* Journal, yield* Oversight, yield* JournalWorld]
      const running = yield* claimedCommand(session("a"), 10_000)
      const dead = yield* claimedCommand(session("b"), 10_000)
      yield* journal.bury(dead, "the hand broke")
      yield* world.passTime(100)
      const aside = yield* claimedCommand(session("d"), 5_000)
      yield* journal.retry(aside, 60_000, "no answer")
      yield* begun(session("c"), 1, { commands: [{ name: "go", params: {} }] })
      yield* begun(session("e", "org_2"), 1, { commands: [{ name: "theirs", params: {} }] })
      yield* journal.quarantine(session("d"), { reason: "crashes", event: null })
      yield* world.passTime(50)

      const open = yield* oversight.commands("org_1", "open", 10)
      const one = { address: session("a"), name: "provision", attempt: 1, error: null, isAside: false }
      const go = { key: "session:ses_c:1:0", address: session("c"), name: "go", attempt: 0, error: null, isAside: false }
      assert.deepStrictEqual(open[0], { ...one, key: running.key, state: "running", ageMs: 150, inMs: 9_850 })
      assert.deepStrictEqual(open[1], { ...go, state: "waiting", ageMs: 50, inMs: -50 })
      assert.deepInclude(open[2], { key: aside.key, state: "waiting", isAside: true, error: "no answer", inMs: 59_950 })
      assert.lengthOf(open, 3)
      assert.lengthOf(yield* oversight.commands("org_1", "open", 2), 2)
      const [buried] = yield* oversight.commands("org_1", "dead", 10)
      assert.deepInclude(buried, { key: dead.key, state: "dead", error: "the hand broke", ageMs: 150, inMs: -150 })
      assert.lengthOf(yield* oversight.commands("org_2", "open", 10), 1)
      assert.deepStrictEqual(yield* oversight.commands("org_2", "dead", 10), [])
    })
  )

  story("finds buried commands by what they are, whose, and why", () =>
    Effect.gen(function* () {
      const [journal, oversight, world] = [yield* Journal, yield* Oversight, yield* JournalWorld]
      const keys: Array<string> = []
      for (const [id, error] of [
        ["a", "no answer"],
        ["b", "100% of it: no answer"],
        ["c", "refused"]
      ] as const) {
        const claimed = yield* claimedCommand(session(id))
        yield* journal.bury(claimed, error)
        yield* world.passTime(1)
        keys.unshift(claimed.key)
      }
      yield* claimedCommand(session("d"))
      const found = (sought: Parameters<typeof oversight.buried>[1], org = "org_1", limit = 10) =>
        oversight.buried(org, sought, limit)
      assert.deepStrictEqual(yield* found({}), keys)
      assert.deepStrictEqual(yield* found({}, "org_1", 2), keys.slice(0, 2))
      assert.deepStrictEqual(yield* found({}, "org_2"), [])
      assert.deepStrictEqual(yield* found({ name: "provision", error: "no answer" }), keys.slice(1))
      assert.deepStrictEqual(yield* found({ error: "%" }), keys.slice(1, 2))
      assert.deepStrictEqual(yield* found({ actor: "ses_c", error: "answer" }), [])
      assert.deepStrictEqual(yield* found({ name: "go" }), [])
    })
  )

  story("takes one command away from everybody, due or buried, for its own organisation alone", () =>
    Effect.gen(function* () {
      const [journal, oversight, world] = [yield* Journal, yield* Oversight, yield* JournalWorld]
      const claimed = yield* claimedCommand(session("a"), 1_000)
      const { key } = claimed
      assert.strictEqual(yield* oversight.seize("org_1", key, 5_000), "running")
      assert.isNull(yield* oversight.seize("org_2", key, 5_000))
      assert.isNull(yield* oversight.seize("org_1", "session:ses_none:1:0", 5_000))
      yield* journal.bury(claimed, "it broke")
      const seized = yield* oversight.seize("org_1", key, 5_000)
      const params = { size: 1 }
      assert.deepStrictEqual(seized, { key, address: session("a"), name: "provision", params, attempt: 2, claim: "2" })
      assert.strictEqual(yield* oversight.seize("org_1", key, 5_000), "running")
      assert.deepStrictEqual(yield* oversight.exhume("org_1", [key]), [])
      yield* journal.complete([claimed])
      assert.lengthOf(yield* oversight.dead(10), 1)

      // Whoever took it is gone: as buried as it was.
      yield* world.passTime(5_000)
      const again = yield* oversight.seize("org_1", key, 5_000)
      if (again === null || again === "running") throw new Error("it is nobody's by now")
      yield* journal.complete([again])
      assert.deepStrictEqual(yield* oversight.dead(10), [])
      assert.isNull(yield* oversight.seize("org_1", key, 5_000))

      yield* begun(session("b"), 1, { commands: [{ name: "go", params: {} }] })
      assert.deepInclude(yield* oversight.seize("org_1", "session:ses_b:1:0", 5_000), { name: "go", attempt: 1 })
      assert.deepStrictEqual(yield* journal.claim(10, 1_000), [])
      yield* world.passTime(5_000)
      assert.lengthOf(yield* journal.claim(10, 1_000), 1)
    })
  )
}
