/** What the records of actions promise (actors/ports: rules, connections, grants, calls). A world brings them, writes calls, and lets time pass. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { Calls } from "../../actors/ports/calls.ts"
import { ConnectionRecords } from "../../actors/ports/connections.ts"
import { Directory } from "../../actors/ports/directory.ts"
import { Grants, type NewGrant } from "../../actors/ports/grants.ts"
import type { Notices } from "../../actors/ports/notices.ts"
import { type NewRule, Rules } from "../../actors/ports/rules.ts"
import { RecordsWorld } from "../support/records-world.ts"
import { answered, grant, narrowed } from "./grants.ts"
import { claims, people, refreshes } from "./notices.ts"

type Records = Notices | Directory | Rules | ConnectionRecords | Grants | Calls | RecordsWorld

const rule = (org: string, id: string, more: Partial<NewRule> = {}): NewRule => ({
  ...{ org, id, integration: "github", action: "comment", mode: "allow", scope: { type: "organisation" }, pins: [] },
  ...{ createdBy: "usr_1" },
  ...more
})
const connection = (org: string, id: string, integration = "github") => ({
  ...{ org, id, integration, kind: "token" as const, account: "ada", scopes: ["repo"], settings: { team: `T-${org}` } },
  ...{ expiresAtMs: null, createdBy: "usr_1", checkedAtMs: 5, sealed: new Uint8Array([1, 2, 3]) }
})
export const exerciseActionRecords = (name: string, world: Layer.Layer<Records, unknown>) =>
  layer(world)(`the records of actions in ${name}`, (it) => {
    let organisations = 0
    const organisation = Effect.gen(function* () {
      const id = `org_${++organisations}`
      yield* Directory.use((directory) => directory.addOrganisation({ id, name: id }))
      return id
    })
    const reasonOf = <A, E extends { readonly reason: string }, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.map(Effect.flip(effect), ({ reason }) => reason)

    it.effect("rules: each change is a revision, the same subject is one rule, and an old revision is refused", () =>
      Effect.gen(function* () {
        const rules = yield* Rules
        const org = yield* organisation
        assert.deepStrictEqual(yield* rules.book(org), { revision: 0, rules: [] })
        const first = yield* rules.set(rule(org, "rul_1"))
        assert.deepInclude(first, { id: "rul_1", mode: "allow", revision: 1, scope: { type: "organisation" }, pins: [] })
        const pins = [{ path: "project", op: "equals" as const, value: { b: 1, a: [2] } }]
        yield* rules.set(rule(org, "rul_2", { mode: "ask", pins, scope: { type: "automation", id: "aut_1" } }))
        const changed = yield* rules.set(rule(org, "rul_3", { mode: "deny" }))
        assert.deepInclude(changed, { id: "rul_1", mode: "deny", revision: 3 })
        const book = yield* rules.book(org)
        assert.strictEqual(book.revision, 3)
        assert.deepStrictEqual(
          book.rules.map(({ id, pins }) => [id, pins]),
          [
            ["rul_1", []],
            ["rul_2", pins]
          ]
        )
        assert.strictEqual(yield* reasonOf(rules.set(rule(org, "rul_4", { action: "other" }), 2)), "conflict")
        assert.strictEqual((yield* rules.book(org)).revision, 3)
        assert.strictEqual(yield* rules.remove(org, "rul_1"), 4)
        assert.strictEqual(yield* rules.remove(org, "rul_1"), null)
        assert.deepStrictEqual(yield* rules.book(yield* organisation), { revision: 0, rules: [] })
      })
    )

    it.effect("connections: one is live, what replaces or revokes it takes its secret, and another organisation sees none", () =>
      Effect.gen(function* () {
        const records = yield* ConnectionRecords
        const [org, other] = [yield* organisation, yield* organisation]
        const first = yield* records.connect(connection(org, "con_1"))
        assert.deepInclude(first, { status: "active", reason: null, account: "ada", scopes: ["repo"] })
        const live = yield* records.live(org, "github")
        assert.deepStrictEqual([live?.connection, [...live!.sealed]], [first, [1, 2, 3]])
        yield* records.connect(connection(org, "con_2"))
        assert.deepInclude(yield* records.find(org, "con_1"), { status: "revoked", reason: "replaced" })
        assert.strictEqual((yield* records.live(org, "github"))?.connection.id, "con_2")
        const change = { status: "needsReauth", reason: "gone", sealed: new Uint8Array([9]), expiresAtMs: 7, scopes: [] } as const
        assert.deepInclude(yield* records.change(org, "con_2", change), { status: "needsReauth", expiresAtMs: 7, account: "ada" })
        assert.deepStrictEqual([...(yield* records.live(org, "github"))!.sealed], [9])
        const settings = Effect.fnUntraced(function* (given: Record<string, string | null>) {
          return (yield* records.change(org, "con_2", { settings: given }))?.settings
        })
        const team = `T-${org}`
        assert.deepStrictEqual(yield* settings({ approvals: "C0", note: "x" }), { team, approvals: "C0", note: "x" })
        assert.deepStrictEqual(yield* settings({ note: null, nothing: null }), { team, approvals: "C0" })
        assert.strictEqual(yield* records.find(other, "con_2"), null)
        assert.strictEqual(yield* records.revoke(other, "con_2"), false)
        assert.strictEqual(yield* records.revoke(org, "con_2"), true)
        assert.strictEqual(yield* records.revoke(org, "con_2"), false)
        assert.strictEqual(yield* records.live(org, "github"), null)
        assert.strictEqual(yield* records.change(org, "con_2", { status: "active" }), null)
        assert.deepStrictEqual(
          (yield* records.list(org)).map(({ status }) => status),
          ["revoked", "revoked"]
        )
      })
    )

    it.effect(
      "connectors and nonces: a name is taken once, a change raises the revision, a nonce is good once and for a while",
      () =>
        Effect.gen(function* () {
          const records = yield* ConnectionRecords
          const { passTime } = yield* RecordsWorld
          const org = yield* organisation
          const connector = {
            ...{
              org,
              id: "ctr_1",
              slug: "docs",
              name: "Docs",
              url: "https://docs.example/mcp",
              auth: { type: "bearer" as const }
            },
            ...{
              riskPolicy: { defaultRisk: null, overrides: { search: "read" as const } },
              pins: {},
              enabled: true,
              createdBy: null
            }
          }
          assert.deepInclude(yield* records.addConnector(connector), { ...connector, revision: 1 })
          assert.strictEqual(yield* reasonOf(records.addConnector({ ...connector, id: "ctr_2" })), "conflict")
          const changed = yield* records.changeConnector(org, "docs", { enabled: false, pins: { search: "h" } })
          assert.deepInclude(changed, { enabled: false, pins: { search: "h" }, revision: 2, riskPolicy: connector.riskPolicy })
          assert.strictEqual(yield* records.removeConnector(org, "docs"), true)
          assert.deepStrictEqual(yield* records.connectors(org), [])

          yield* records.giveNonce(org, "oauth/slack", "n1", 1_000)
          yield* records.giveNonce(org, "oauth/slack", "n2", 1_000, new Uint8Array([1]))
          yield* records.giveNonce(org, "oauth/slack", "n3", 1_000, new Uint8Array([7, 0, 255]))
          assert.isNull(yield* records.takeNonce(org, "oauth/other", "n1"))
          assert.deepStrictEqual(yield* records.takeNonce(org, "oauth/slack", "n1"), { kept: null })
          assert.isNull(yield* records.takeNonce(org, "oauth/slack", "n1"))
          assert.deepStrictEqual([...(yield* records.takeNonce(org, "oauth/slack", "n3"))!.kept!], [7, 0, 255])
          yield* passTime(1_001)
          assert.isNull(yield* records.takeNonce(org, "oauth/slack", "n2"))
        })
    )

    it.effect("grants: live ones are candidates, ending one ends what was narrowed from it, and time ends all", () =>
      Effect.gen(function* () {
        const grants = yield* Grants
        const { passTime } = yield* RecordsWorld
        const org = yield* organisation
        const lent = (yield* grants.lend(grant(org, "grt_1")))!
        assert.deepInclude(lent, {
          used: 0,
          usesMax: 2,
          revokedAtMs: null,
          revokedBy: null,
          approvalId: null,
          createdBy: "usr_1"
        })
        assert.deepStrictEqual(lent.constraints, [{ path: "repo", op: "equals", value: "api" }])
        assert.strictEqual(yield* reasonOf(grants.lend(grant(org, "grt_1"))), "conflict")
        yield* grants.lend(grant(org, "grt_2", { action: "*", usesMax: null, lastsMs: 600_000 }))
        yield* grants.lend(grant(org, "grt_3", { action: "merge" }))
        yield* grants.lend(grant(org, "grt_4", { scope: { type: "organisation", id: org } }, "grt_1"))
        const candidates = (action: string) =>
          Effect.map(grants.candidates(org, "github", action), (all) => all.map(({ id }) => id).sort())
        assert.deepStrictEqual(yield* candidates("comment"), ["grt_1", "grt_2", "grt_4"])
        assert.deepStrictEqual([...(yield* grants.revoke(org, "grt_1", "usr_2"))].sort(), ["grt_1", "grt_4"])
        assert.deepStrictEqual(yield* grants.revoke(org, "grt_1", "usr_2"), [])
        assert.deepInclude(yield* grants.find(org, "grt_4"), { revokedBy: "usr_2" })
        assert.deepStrictEqual(yield* candidates("comment"), ["grt_2"])
        yield* grants.endOf(org, "ses_1")
        assert.deepStrictEqual(yield* candidates("comment"), [])
        yield* grants.lend(grant(org, "grt_5", { scope: { type: "organisation", id: org } }))
        yield* passTime(60_001)
        assert.deepStrictEqual(yield* grants.list(org, { limit: 10, ended: false }), [])
        const ended = yield* grants.list(org, { limit: 2, ended: true, before: "grt_5" })
        assert.deepStrictEqual(
          ended.map(({ id }) => id),
          ["grt_4", "grt_3"]
        )
      })
    )

    it.effect("grants: what is narrowed from one ends with it at the latest, and is not lent from one that has ended", () =>
      Effect.flatMap(organisation, narrowed)
    )
    it.effect("grants: a request is granted exactly where a grant is lent for it", () => Effect.flatMap(organisation, answered))

    it.effect("requests for grants: five of a session are open at once, each is answered once, and expires", () =>
      Effect.gen(function* () {
        const grants = yield* Grants
        const { passTime } = yield* RecordsWorld
        const org = yield* organisation
        const asks = (n: number, more: Partial<NewGrant["draft"]> = {}) => ({
          ...{ id: `grq_${n}`, org, sessionId: "ses_1", reason: "often" },
          draft: { ...grant(org, "x").draft, action: `action_${n}`, ...more }
        })
        const asked = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7], (n) => grants.ask(asks(n), 5, 1_000), { concurrency: 7 })
        assert.strictEqual(asked.filter((request) => request !== null).length, 5)
        const open = yield* grants.requests(org, { limit: 10, open: true })
        assert.strictEqual(open.length, 5)
        // The same again is the one that is open, however much of it is wanted; another constraint or session is another.
        const again = { ...asks(9), draft: { ...open[0]!.draft, usesMax: 99, lastsMs: 1 } }
        const repeated = yield* Effect.forEach([1, 2, 3], () => grants.ask(again, 5, 1_000), { concurrency: 3 })
        assert.deepStrictEqual(repeated, [open[0]!, open[0]!, open[0]!])
        assert.isNull(yield* grants.ask({ ...again, draft: { ...again.draft, constraints: [] } }, 5, 1_000))
        const elsewhere = { ...again, id: "grq_10", sessionId: "ses_2" }
        assert.strictEqual((yield* grants.ask(elsewhere, 5, 1_000))?.id, "grq_10")
        const answer = { status: "denied", by: "usr_1", answer: "no" } as const
        assert.deepInclude(yield* grants.answer(org, open[0]!.id, answer), { status: "denied", by: "usr_1", answer: "no" })
        assert.strictEqual(yield* grants.answer(org, open[0]!.id, answer), null)
        // Answered, it may be asked for anew.
        assert.strictEqual((yield* grants.ask(again, 5, 1_000))?.id, "grq_9")
        yield* passTime(1_001)
        assert.deepInclude(yield* grants.request(org, open[1]!.id), { status: "expired" })
        assert.strictEqual(yield* grants.answer(org, open[1]!.id, answer), null)
        assert.deepStrictEqual(yield* grants.requests(org, { limit: 10, open: true, sessionId: "ses_1" }), [])
        assert.isNotNull(yield* grants.ask(asks(8), 5, 1_000))
      })
    )

    it.effect("calls: newest first, by session and by state, page by page, of one organisation", () =>
      Effect.gen(function* () {
        const calls = yield* Calls
        const { call } = yield* RecordsWorld
        const [org, other] = [yield* organisation, yield* organisation]
        const statuses = ["pending", "completed", "pending", "outcomeUnknown", "denied", "pending"]
        for (const [n, status] of statuses.entries())
          yield* call({ org, id: `apr_${org}_${n}`, sessionId: `ses_${n % 2}`, status })
        const found = (query: Omit<Parameters<typeof calls.list>[1], "limit">, limit = 10) =>
          Effect.map(calls.list(org, { limit, ...query }), (rows) => rows.map(({ id }) => Number(id.at(-1))))
        assert.deepStrictEqual(yield* found({}), [5, 4, 3, 2, 1, 0])
        assert.deepStrictEqual(yield* found({ statuses: ["pending"] }), [5, 2, 0])
        assert.deepStrictEqual(yield* found({ statuses: ["pending", "outcomeUnknown"] }, 2), [5, 3])
        assert.deepStrictEqual(yield* found({ statuses: ["pending"], before: `apr_${org}_5` }), [2, 0])
        assert.deepStrictEqual(yield* found({ sessionId: "ses_1" }), [5, 3, 1])
        assert.deepStrictEqual(yield* found({ sessionId: "ses_1", statuses: ["denied", "completed"] }), [1])
        assert.deepStrictEqual(yield* calls.list(other, { limit: 10 }), [])
        assert.strictEqual(yield* calls.sessionOf(org, `apr_${org}_3`), "ses_1")
        assert.strictEqual(yield* calls.sessionOf(other, `apr_${org}_3`), null)
      })
    )

    it.effect("sealed arguments: the first is kept, wiping is for ever, and orphans go after their hour", () =>
      Effect.gen(function* () {
        const calls = yield* Calls
        const { call, passTime } = yield* RecordsWorld
        const org = yield* organisation
        const [own, orphan] = [`apr_${org}_own`, `apr_${org}_orphan`]
        yield* call({ org, id: own, sessionId: "ses_1", status: "pending" })
        for (const id of [own, orphan]) yield* calls.seal(org, id, new Uint8Array([1]))
        yield* calls.seal(org, own, new Uint8Array([2]))
        assert.deepStrictEqual([...(yield* calls.sealed(org, own))!], [1])
        assert.strictEqual(yield* calls.sweep(1_000), 0)
        yield* passTime(1_001)
        assert.strictEqual(yield* calls.sweep(1_000), 1)
        assert.isNotNull(yield* calls.sealed(org, own))
        assert.isNull(yield* calls.sealed(org, orphan))
        yield* calls.wipe(org, own)
        yield* calls.wipe(org, own)
        assert.isNull(yield* calls.sealed(org, own))
      })
    )

    it.effect("chats: a person is one user in an organisation, and is unlinked", () => Effect.flatMap(organisation, people))
    it.effect("connections: one server refreshes, until its time is over or it has", () =>
      Effect.flatMap(organisation, refreshes)
    )
    it.effect("notices: what waits is claimed by one, is due again where it moved meanwhile, and rests where it did not", () =>
      Effect.flatMap(organisation, claims)
    )

    it.effect("dispatches: of any number at once one is first, ever", () =>
      Effect.gen(function* () {
        const calls = yield* Calls
        const org = yield* organisation
        assert.isNull(yield* calls.dispatchedAtMs(org, "apr_1:1"))
        const won = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], () => calls.dispatch(org, "apr_1:1"), { concurrency: 8 })
        assert.strictEqual(won.filter(Boolean).length, 1)
        assert.isNotNull(yield* calls.dispatchedAtMs(org, "apr_1:1"))
        assert.isTrue(yield* calls.dispatch(org, "apr_1:2"))
      })
    )
  })
