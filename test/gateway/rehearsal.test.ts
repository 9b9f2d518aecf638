/** What other rules, or a grant, would have done to the calls that were made: asked before they are saved. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { scene } from "../support/acting.ts"
import { makeBundle, run } from "../support/command.ts"

beforeAll(makeBundle)

const secret = "the password is password=hunter2hunter2"

/** Two notes of `home`, of which one holds a secret, and one of `work`; a person let one of them run. */
const recorded = Effect.fnUntraced(function* () {
  const world = yield* scene()
  const { pending, waiting, decide, call } = world
  const home = yield* pending(yield* waiting("add_note", { page: "home", text: "hello" }))
  const hiding = yield* pending(yield* waiting("add_note", { page: "home", text: secret }))
  const work = yield* pending(yield* waiting("add_note", { page: "work", text: "hello" }))
  yield* decide(home, "approve", { as: "once" })
  yield* world.status(home)
  yield* call("read_page", { page: "home" })
  const rehearse = (set: ReadonlyArray<object>, more: object = {}) =>
    world.gateway.must(world.owner, "POST", "/v1/policy/rehearse", { set, ...more })
  const note = { integration: "notebook", action: "add_note" }
  const draft = (constraints: ReadonlyArray<object>) => ({
    ...{ ...note, scope: { type: "session", id: world.session.id }, usesMax: 1, lastsMs: 3_600_000 },
    constraints
  })
  const preview = (constraints: ReadonlyArray<object>) =>
    world.gateway.must(world.owner, "POST", "/v1/grants/preview", { draft: draft(constraints) })
  return { ...world, home, hiding, work, rehearse, preview, note, draft }
})
const idsOf = (calls: ReadonlyArray<{ readonly callId: string }>) => calls.map(({ callId }) => callId).sort()
const pin = (path: string, value: string) => ({ path, op: "equals", value })

describe("a rule, before it is set", () => {
  it.live("shows which calls it would have changed, and why", () =>
    Effect.gen(function* () {
      const { rehearse, note, work, gateway, owner } = yield* recorded()
      const { looked, changed, changes, unknown, calls } = yield* rehearse([
        { ...note, mode: "deny", pins: [pin("page", "work")] }
      ])
      assert.deepStrictEqual([looked, changed, unknown, changes], [4, 1, 0, { "ask → deny": 1 }])
      assert.deepInclude(calls[0], { callId: work, was: "ask", before: "ask", after: "deny" })
      assert.match(calls[0].because, /says deny of notebook.add_note where page is "work"/)
      assert.deepStrictEqual((yield* gateway.must(owner, "GET", "/v1/policy")).rules, [], "nothing is saved")
    }).pipe(Effect.scoped)
  )

  it.live("does not guess at an argument that was hidden, and names it; what does not depend on it is known", () =>
    Effect.gen(function* () {
      const { rehearse, note, hiding, home, work } = yield* recorded()
      const pinned = yield* rehearse([{ ...note, mode: "deny", pins: [pin("text", "hello")] }])
      assert.deepStrictEqual(pinned.changes, { "ask → deny": 2, "ask → unknown": 1 })
      assert.strictEqual(pinned.unknown, 1)
      const doubtful = pinned.calls.find(({ after }: any) => after === "unknown")
      assert.strictEqual(doubtful.callId, hiding)
      assert.match(doubtful.because, /depends on text/)
      assert.notInclude(JSON.stringify(pinned), "hunter2")

      const every = yield* rehearse([{ ...note, mode: "deny" }])
      assert.deepStrictEqual([every.changes, every.unknown], [{ "ask → deny": 3 }, 0])
      assert.deepStrictEqual(idsOf(every.calls), [home, hiding, work].sort())
    }).pipe(Effect.scoped)
  )

  it.live("of an action that takes other arguments now an allow says nothing, as of a call that is made", () =>
    Effect.gen(function* () {
      const { rehearse, note, integration, gateway, owner, call } = yield* recorded()
      assert.deepStrictEqual((yield* rehearse([{ ...note, mode: "allow" }])).changes, { "ask → run": 3 })
      integration.drift("add_note")
      const drifted = yield* rehearse([{ ...note, mode: "allow" }])
      assert.deepStrictEqual([drifted.looked, drifted.changes], [4, {}])
      assert.deepStrictEqual((yield* rehearse([{ ...note, mode: "deny" }])).changes, { "ask → deny": 3 })
      yield* gateway.must(owner, "POST", "/v1/policy/rules", { ...note, mode: "allow" })
      const explained = yield* gateway.must(owner, "POST", "/v1/policy/explain", note)
      const { body } = yield* call("add_note", { page: "home", text: "new" }, { waitMs: 300 })
      assert.deepStrictEqual([explained.verdict, body.status], ["ask", "pending"])
    }).pipe(Effect.scoped)
  )

  it.live("counts what is lent: a call that a grant covers would have run, until every one is asked about", () =>
    Effect.gen(function* () {
      const { rehearse, note, draft, gateway, owner, work } = yield* recorded()
      yield* gateway.must(owner, "POST", "/v1/grants", { draft: draft([pin("page", "work")]) })
      const { changes, calls } = yield* rehearse([{ ...note, mode: "alwaysAsk" }])
      assert.deepStrictEqual(changes, { "run → ask": 1 })
      assert.deepStrictEqual(idsOf(calls), [work])
    }).pipe(Effect.scoped)
  )
})

describe("a grant, before it is lent", () => {
  it.live("shows what it would have let run, without what would have run anyway or not at all", () =>
    Effect.gen(function* () {
      const { preview, gateway, owner, note, home, hiding, work } = yield* recorded()
      const { looked, covered, waited, unknown, calls } = yield* preview([pin("page", "home")])
      assert.deepStrictEqual([looked, covered, waited, unknown], [4, 2, 2, 0])
      assert.deepStrictEqual(idsOf(calls), [home, hiding].sort())

      const pinned = yield* preview([pin("text", "hello")])
      assert.deepStrictEqual([idsOf(pinned.calls), idsOf(pinned.unknownCalls)], [[home, work].sort(), [hiding]])

      yield* gateway.must(owner, "POST", "/v1/policy/rules", { ...note, mode: "deny", pins: [pin("page", "home")] })
      assert.deepStrictEqual((yield* preview([pin("page", "home")])).covered, 0)
      assert.deepStrictEqual((yield* gateway.must(owner, "GET", "/v1/grants")).grants, [], "nothing is lent")
    }).pipe(Effect.scoped)
  )
})

describe("whoever may neither lend nor set", () => {
  it.live("rehearses nothing: each time thousands of calls are read", () =>
    Effect.gen(function* () {
      const { gateway, owner, note, draft } = yield* recorded()
      const member = { name: "Max", email: "max@acme.test", role: "member" }
      const { id: userId } = yield* gateway.must(owner, "POST", "/v1/users", member)
      const { secret } = yield* gateway.must(owner, "POST", "/v1/tokens", { userId, name: "laptop" })
      const rehearsed = yield* gateway.ask(secret, "POST", "/v1/policy/rehearse", { set: [{ ...note, mode: "deny" }] })
      const previewed = yield* gateway.ask(secret, "POST", "/v1/grants/preview", { draft: draft([]) })
      assert.deepStrictEqual([rehearsed.status, previewed.status], [403, 403])
    }).pipe(Effect.scoped)
  )
})

describe("the command", () => {
  it.live("tells both in a table, and says of how many it cannot say", () =>
    Effect.gen(function* () {
      const { gateway, owner, session } = yield* recorded()
      const env = { PROLIFERATE_URL: gateway.url, PROLIFERATE_TOKEN: owner }
      const typed = (...args: ReadonlyArray<string>) => Effect.promise(() => run(args, env))
      const rehearsed = yield* typed("policy", "rehearse", "notebook.add_note", "deny", "--where", '{"text":"hello"}')
      assert.strictEqual(rehearsed.code, 0, rehearsed.stderr)
      assert.match(rehearsed.stdout, /would change +3/)
      assert.match(rehearsed.stdout, /unknown +1, which depend on arguments that were not kept/)
      const lent = ["--integration", "notebook", "--action", "add_note", "--session", session.id, "--where", '{"page":"home"}']
      const previewed = yield* typed("grants", "preview", ...lent)
      assert.strictEqual(previewed.code, 0, previewed.stderr)
      assert.match(previewed.stdout, /would have run +2, about 2 of which a person was asked/)
      assert.notInclude(rehearsed.stdout + previewed.stdout, "hunter2")
    }).pipe(Effect.scoped)
  )
})
