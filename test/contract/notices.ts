/** What notices of calls, the people of a chat and the refreshing of connections promise; parts of the suite in action-records.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ConnectionRecords } from "../../actors/ports/connections.ts"
import { Directory } from "../../actors/ports/directory.ts"
import { Notices } from "../../actors/ports/notices.ts"
import { RecordsWorld } from "../support/records-world.ts"

/** Of an organisation that is fresh. */
export const people = (org: string) =>
  Effect.gen(function* () {
    const [notices, directory] = [yield* Notices, yield* Directory]
    for (const id of ["usr_a", "usr_b"])
      yield* directory.addUser({ id: `${id}_${org}`, org, name: id, email: `${id}@example.org`, role: "admin" })
    const person = { team: `T-${org}`, chatUser: "U1", org }
    yield* notices.link({ ...person, userId: `usr_a_${org}` })
    yield* notices.link({ ...person, userId: `usr_b_${org}` })
    assert.strictEqual(yield* notices.person(org, person.team, "U1"), `usr_b_${org}`)
    assert.strictEqual(yield* notices.person(org, person.team, "U2"), null)
    assert.strictEqual(yield* notices.person("another", person.team, "U1"), null)
    assert.deepInclude((yield* notices.people(org))[0], { ...person, userId: `usr_b_${org}` })
    assert.isTrue(yield* notices.unlink(org, person.team, "U1"))
    assert.isFalse(yield* notices.unlink(org, person.team, "U1"))
  })

/** Of an organisation that is fresh, on records that nobody else claims from. */
export const claims = (org: string) =>
  Effect.gen(function* () {
    const [notices, connections, { call, passTime }] = [yield* Notices, yield* ConnectionRecords, yield* RecordsWorld]
    const own = Effect.map(notices.claim(1_000, 60_000, []), (all) => all.filter((notice) => notice.org === org))
    const about = { kind: "token", account: null, scopes: [], expiresAtMs: null, createdBy: null, checkedAtMs: null } as const
    const [first, second] = [`apr_1_${org}`, `apr_2_${org}`]
    yield* call({ org, id: first, sessionId: "ses_1", status: "pending" })
    assert.deepStrictEqual(yield* own, [])
    const id = `con_${org}`
    const settings = { approvals: "C1" }
    yield* connections.connect({ ...about, id, org, integration: "slack", settings, sealed: new Uint8Array([1]) })
    yield* call({ org, id: second, sessionId: "ses_1", status: "pending" })
    assert.notInclude(
      (yield* notices.claim(1_000, 60_000, [org])).map((notice) => notice.org),
      org
    )
    const claims = yield* Effect.all([own, own, own], { concurrency: 3 })
    const [claimed] = claims.flat().filter(({ approvalId }) => approvalId === second)
    assert.strictEqual(claims.flat().filter(({ approvalId }) => approvalId === second).length, 1)
    assert.deepInclude(claimed, { channel: "C1", ts: null, tries: 1 })
    // Nobody said what came of it.
    yield* passTime(60_001)
    const again = (yield* own).find(({ approvalId }) => approvalId === second)!
    assert.strictEqual(again.tries, 2)
    yield* notices.rest(claimed!)
    assert.notStrictEqual((yield* notices.find(org, second))!.dueAtMs, null)
    yield* notices.shown(again, "1.2")
    const looked = (yield* own).find(({ approvalId }) => approvalId === second)!
    assert.deepInclude(looked, { ts: "1.2", tries: 1 })
    yield* call({ org, id: second, sessionId: "ses_1", status: "denied" })
    yield* notices.rest(looked)
    const moved = (yield* own).find(({ approvalId }) => approvalId === second)!
    assert.deepInclude(moved, { ts: "1.2", tries: 1 })
    yield* notices.rest(moved)
    yield* passTime(60_001)
    assert.isFalse((yield* own).some(({ approvalId }) => approvalId === second))
    assert.strictEqual(yield* notices.sweep(600_000), 0)
    assert.isAtLeast(yield* notices.sweep(60_000), 1)
    assert.strictEqual(yield* notices.find(org, second), null)
  })

/** Of an organisation that is fresh. */
export const refreshes = (org: string) =>
  Effect.gen(function* () {
    const [records, { passTime }] = [yield* ConnectionRecords, yield* RecordsWorld]
    const id = `con_r_${org}`
    const about = { kind: "oauth", account: null, scopes: [], expiresAtMs: 1, createdBy: null, checkedAtMs: null } as const
    yield* records.connect({ ...about, id, org, integration: "linear", settings: {}, sealed: new Uint8Array([1]) })
    const claim = records.claimRefresh(org, id, 20_000)
    const claims = yield* Effect.all([claim, claim, claim], { concurrency: 3 })
    assert.strictEqual(claims.filter(Boolean).length, 1)
    yield* passTime(20_001)
    assert.isTrue(yield* claim)
    assert.isFalse(yield* claim)
    yield* records.change(org, id, { sealed: new Uint8Array([2]) })
    assert.isTrue(yield* claim)
    yield* records.change(org, id, { sealed: new Uint8Array([3]), status: "needsReauth" })
    assert.isFalse(yield* claim)
  })
