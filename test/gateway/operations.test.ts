/** What operators see and do over the API: what has come apart, a plan, applying it, and the notes of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { sessionAddress } from "../../actors/services/sessions.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { Journal } from "../../runtime/journal.ts"
import { localCoordination, Table } from "../../runtime/local-coordination.ts"
import { type Started, startGateway } from "../support/gateway.ts"

const plan = ({ must, owner }: Started, wanted = {}) => must(owner.token, "POST", "/v1/operations/plans", wanted)

/** A session whose quarantine nobody lifted yet. */
const setAside = Effect.fnUntraced(function* (its: Started) {
  const { id } = yield* its.session()
  const address = sessionAddress(its.organisation.id, id)
  yield* its.its(Journal.use((journal) => journal.quarantine(address, { reason: "five crashes", event: { type: "poison" } })))
  return id
})

describe("an operator", () => {
  it.live("is shown what has come apart, plans, and applies by name what asks for a person", () =>
    Effect.gen(function* () {
      const its = yield* startGateway()
      const { ask, must, owner } = its
      assert.deepEqual((yield* plan(its)).drift, [])
      const id = yield* setAside(its)
      const seen = yield* plan(its)
      assert.lengthOf(seen.drift, 1)
      const [row] = seen.drift
      assert.deepInclude(row, {
        id: `actor.quarantined:session/${id}`,
        kind: "actor.quarantined",
        actor: id,
        severity: "bad",
        ripeAt: null
      })
      assert.deepEqual(row.fix, { event: "release", effect: "it goes on from what is stored", mode: "ask", ifRevision: 1 })
      assert.deepEqual((yield* plan(its, { kind: "outbox.dead" })).drift, [])
      assert.deepEqual((yield* plan(its, { actor: "ses_other" })).drift, [])

      const apply = (items: unknown, planId = seen.plan) =>
        ask(owner.token, "POST", `/v1/operations/plans/${planId}/apply`, { items, why: "a drill" })
      assert.deepEqual((yield* apply("safe")).body.items, [])
      assert.strictEqual((yield* apply([row.id, "actor.quarantined:session/ses_no"])).status, 409)
      assert.strictEqual((yield* apply("safe", "pln_no")).status, 409)
      assert.strictEqual(
        (yield* its.its(Journal.use((journal) => journal.load(sessionAddress(its.organisation.id, id)))))?.quarantine?.reason,
        "five crashes"
      )
      assert.deepEqual((yield* apply([row.id])).body.items, [{ id: row.id, result: "applied", outcome: "released" }])
      assert.deepEqual((yield* apply([row.id])).body.items, [
        { id: row.id, result: "skipped", outcome: "it was released before" }
      ])
      assert.deepEqual((yield* plan(its)).drift, [])

      const { fixes, kinds } = yield* must(owner.token, "GET", "/v1/operations")
      assert.deepEqual(
        fixes.map(({ by, why, plannedRev, result, fix }: any) => ({ by, why, plannedRev, result, fix })),
        ["skipped", "applied"].map((result) => ({ by: owner.id, why: "a drill", plannedRev: 1, result, fix: "release" }))
      )
      assert.includeMembers(
        kinds.map(({ kind }: any) => kind),
        [
          "actor.unhosted",
          "outbox.stuck",
          "outbox.dead",
          "deadline.late",
          "session.sandbox-gone",
          "session.silent",
          "sandbox.stray"
        ]
      )
    })
  )

  it.live("sees what the server hosts, whole or of one home, and who is set aside", () =>
    Effect.gen(function* () {
      const its = yield* startGateway()
      const { must, owner } = its
      const id = yield* setAside(its)
      const { id: other } = yield* its.session()
      const tree = (query = "") => must(owner.token, "GET", `/v1/operations/tree${query}`)
      const { homes, homesTotal, quarantined } = yield* tree()
      assert.strictEqual(homesTotal, 2)
      assert.sameMembers(
        homes.map(({ home }: any) => home),
        [id, other]
      )
      const [one] = (yield* tree(`?home=${other}`)).homes
      assert.deepInclude(one.actors[0], { kind: "session", id: other, state: "running", crashes: 0, crash: null, givenUp: [] })
      assert.lengthOf(quarantined, 1)
      assert.deepInclude(quarantined[0], { kind: "session", id, home: id, reason: "five crashes", event: { type: "poison" } })
      assert.deepEqual((yield* tree(`?home=${other}`)).quarantined, [])
      assert.deepInclude(yield* tree("?home=ses_none"), { homesTotal: 0, homes: [] })
    })
  )

  it.live("releases an actor, with a reason that is kept", () =>
    Effect.gen(function* () {
      const its = yield* startGateway()
      const { must, owner, ask } = its
      const id = yield* setAside(its)
      const release = `/v1/operations/actors/session/${id}/release`
      assert.strictEqual((yield* ask(owner.token, "POST", release, {})).status, 400)
      assert.deepEqual(yield* must(owner.token, "POST", release, { why: "mended" }), { released: true })
      assert.deepEqual(yield* must(owner.token, "POST", release, { why: "again" }), { released: false })
      assert.strictEqual(
        (yield* ask(owner.token, "POST", "/v1/operations/actors/session/ses_no/release", { why: "x" })).status,
        404
      )
      const { fixes } = yield* must(owner.token, "GET", "/v1/operations")
      assert.lengthOf(fixes, 1)
      assert.deepInclude(fixes[0], { subject: `session/${id}`, fix: "release", by: owner.id, why: "mended" })
    })
  )

  it.live("must be an administrator, and sees their own organisation alone", () =>
    Effect.gen(function* () {
      const its = yield* startGateway()
      const { ask, must, owner, person } = its
      yield* setAside(its)
      const requests = [
        ["GET", "/v1/operations", undefined],
        ["GET", "/v1/operations/tree", undefined],
        ["POST", "/v1/operations/plans", {}],
        ["POST", "/v1/operations/plans/pln_1/apply", { items: "safe", why: "x" }],
        ["GET", "/v1/operations/audit", undefined],
        ["POST", "/v1/operations/passes", {}],
        ["POST", "/v1/operations/kinds/all/pause", { lastsMs: 60_000, why: "x" }],
        ["POST", "/v1/operations/kinds/all/resume", undefined],
        ["GET", "/v1/operations/commands", undefined],
        ["POST", "/v1/operations/commands/retry", { keys: ["session:ses_1:1:0"], why: "x" }],
        ["POST", "/v1/operations/commands/session:ses_1:1:0/discard", { why: "x" }],
        ["POST", "/v1/operations/actors/session/ses_1/release", { why: "x" }]
      ] as const
      const member = yield* person("member")
      for (const [method, path, body] of requests)
        assert.strictEqual((yield* ask(member.token, method, path, body)).status, 403, path)
      const admin = yield* person("admin")
      const { plan: planId, drift } = yield* must(admin.token, "POST", "/v1/operations/plans", {})
      assert.lengthOf(drift, 1)

      const other = yield* must(owner.token, "POST", "/v1/organisations", {
        name: "Second",
        owner: { name: "Bo", email: "bo@example.org" }
      })
      const theirs = other.token.secret
      assert.deepEqual((yield* must(theirs, "POST", "/v1/operations/plans", {})).drift, [])
      assert.deepEqual((yield* must(theirs, "GET", "/v1/operations")).drift, [])
      assert.deepEqual(yield* must(theirs, "GET", "/v1/operations/tree"), { homesTotal: 0, homes: [], quarantined: [] })
      const stolen = yield* ask(theirs, "POST", `/v1/operations/plans/${planId}/apply`, { items: [drift[0].id], why: "x" })
      assert.strictEqual(stolen.status, 409)
    })
  )

  it.live("whose plan another server has is told which, and where there is none that there is none", () =>
    Effect.gen(function* () {
      const coordination = Layer.succeed(Coordination, localCoordination(new Table()))
      const first = yield* startGateway({ coordination, server: "one (10.0.0.1)" })
      yield* setAside(first)
      const { plan: planId, drift } = yield* plan(first)
      const second = yield* startGateway({ coordination, server: "two (10.0.0.2)", again: first })
      const apply = ({ ask, owner }: Started, id: string) =>
        ask(owner.token, "POST", `/v1/operations/plans/${id}/apply`, { items: [drift[0].id], why: "a drill" })
      const elsewhere = yield* apply(second, planId)
      assert.strictEqual(elsewhere.status, 409)
      assert.match(
        elsewhere.body.detail,
        /was made by the server one \(10\.0\.0\.1\).*this is two \(10\.0\.0\.2\); nothing was done/
      )
      assert.match((yield* apply(second, "pln_none")).body.detail, /there is no plan pln_none/)
      assert.strictEqual((yield* apply(first, planId)).status, 200)
    })
  )

  it.live(
    "pauses a kind for a while, and every look shows until when and by whom; then it is resumed, and all of it is noted",
    () =>
      Effect.gen(function* () {
        const { ask, must, owner } = yield* startGateway()
        const pause = (kind: string, body: unknown) => ask(owner.token, "POST", `/v1/operations/kinds/${kind}/pause`, body)
        const minute = 60_000
        for (const wrong of [
          { why: "x" },
          { lastsMs: minute },
          { lastsMs: minute - 1, why: "x" },
          { lastsMs: 7 * 1_440 * minute + 1, why: "x" }
        ])
          assert.strictEqual((yield* pause("all", wrong)).status, 400, JSON.stringify(wrong))
        const unknown = yield* pause("sandbx.stray", { lastsMs: minute, why: "x" })
        assert.strictEqual(unknown.status, 400)
        assert.include(unknown.body.detail, "sandbox.stray")

        const { body: paused } = yield* pause("sandbox.stray", { lastsMs: 30 * minute, why: "moving hosts" })
        assert.deepInclude(paused, { kind: "sandbox.stray", by: owner.id, why: "moving hosts" })
        assert.strictEqual(paused.untilMs - paused.atMs, 30 * minute)
        const shown = Effect.map(must(owner.token, "GET", "/v1/operations"), ({ kinds }) =>
          kinds.flatMap(({ kind, paused }: any) => (paused === null ? [] : [[kind, paused.untilMs]]))
        )
        assert.deepEqual(yield* shown, [["sandbox.stray", paused.untilMs]])

        const other = yield* must(owner.token, "POST", "/v1/organisations", {
          name: "Second",
          owner: { name: "Bo", email: "bo@example.org" }
        })
        const theirs = yield* must(other.token.secret, "GET", "/v1/operations")
        assert.isTrue(theirs.kinds.every(({ paused }: any) => paused === null))
        const resume = (token: string) => must(token, "POST", "/v1/operations/kinds/sandbox.stray/resume")
        assert.deepEqual(yield* resume(other.token.secret), { resumed: false })
        assert.deepEqual(yield* resume(owner.token), { resumed: true })
        assert.deepEqual(yield* resume(owner.token), { resumed: false })
        assert.deepEqual(yield* shown, [])
        const { notes } = yield* must(owner.token, "GET", `/v1/operations/audit?by=${owner.id}&withinMs=600000`)
        assert.deepEqual(
          notes.map(({ fix, subject, why }: any) => [fix, subject, why]),
          [
            ["resume", "sandbox.stray", null],
            ["pause", "sandbox.stray", "moving hosts"]
          ]
        )
        assert.deepEqual((yield* must(owner.token, "GET", "/v1/operations/audit?by=usr_none")).notes, [])
        assert.lengthOf((yield* must(owner.token, "GET", "/v1/operations/audit?limit=1")).notes, 1)
      })
  )

  it.live("asks for a pass, and hears that it was made", () =>
    Effect.gen(function* () {
      const its = yield* startGateway()
      const { ask, must, owner } = its
      const id = yield* setAside(its)
      const passed = yield* must(owner.token, "POST", "/v1/operations/passes", {})
      assert.isAtLeast(passed.handledAtMs, passed.requestedAtMs)
      assert.deepEqual(
        passed.drift.map(({ actor }: any) => actor),
        [id]
      )
      const one = yield* must(owner.token, "POST", "/v1/operations/passes", {
        kind: "outbox.dead",
        sinceMs: passed.requestedAtMs
      })
      assert.deepInclude(one, { requestedAtMs: passed.requestedAtMs, drift: [] })
      assert.deepEqual(
        one.kinds.map(({ kind }: any) => kind),
        ["outbox.dead"]
      )
      for (const path of ["passes", "plans"])
        assert.strictEqual((yield* ask(owner.token, "POST", `/v1/operations/${path}`, { kind: "outbox.ded" })).status, 400)
    })
  )

  it.live("is told that the database is away, and of nothing come apart", () =>
    Effect.gen(function* () {
      let isAway = false
      const its = yield* startGateway({
        disturb: (operation) => Effect.succeed(isAway && operation === "dueTimers" ? "unavailable" : null)
      })
      isAway = true
      const { drift, kinds } = yield* plan(its, { kind: "deadline.late" })
      assert.deepEqual(drift, [])
      assert.lengthOf(kinds.find(({ kind }: any) => kind === "deadline.late").unknown, 1)
    })
  )

  it.live("asks what is older than is kept, and has it archived and dropped", () =>
    Effect.gen(function* () {
      const { ask, must, owner } = yield* startGateway()
      const retention = (dryRun: boolean) => must(owner.token, "POST", "/v1/operations/retention", { dryRun })
      const none = { journal: 0, feed: 0, commands: 0 }
      const days = { journal: 90, feed: 30, commands: 0 }
      assert.deepEqual(yield* retention(true), { days, old: none, left: null, finished: true })
      assert.deepEqual(yield* retention(false), { days, old: none, left: none, finished: true })
      assert.strictEqual((yield* ask(owner.token, "POST", "/v1/operations/retention", {})).status, 400)
    })
  )
})
