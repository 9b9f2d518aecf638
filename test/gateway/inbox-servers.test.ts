/** One inbox of several servers: what happens on one is told by the others, by a word, and without one within 10 s. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { CallNews } from "../../actors/call-news.ts"
import { InboxHub } from "../../actors/inbox-hub.ts"
import { Calls } from "../../actors/ports/calls.ts"
import { Directory, DirectoryError } from "../../actors/ports/directory.ts"
import { Access } from "../../actors/services/access.ts"
import { Inbox } from "../../actors/services/inbox.ts"
import type { InboxRow } from "../../actors/services/inbox-row.ts"
import * as MemoryFeed from "../../adapters/memory/feed.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { feedLookMs } from "../../runtime/limits.ts"
import { localCoordination, Table } from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { Router } from "../../runtime/router.ts"
import { scene } from "../support/acting.ts"

const on = (table: Table) => Layer.sync(Coordination, () => localCoordination(table))

type Gateway = Effect.Success<ReturnType<typeof scene>>["gateway"]

/** A server on the same records, where nothing of it happens. */
const inboxOn = Effect.fnUntraced(function* (
  table: Table,
  gateway: Gateway,
  through: (calls: Calls["Service"]) => Calls["Service"] = (calls) => calls
) {
  const [calls, directory, router] = yield* gateway.its(Effect.all([Calls, Directory, Router]))
  const records = Layer.mergeAll(
    Layer.succeed(Calls, through(calls)),
    Layer.succeed(Directory, directory),
    Layer.succeed(Router, router)
  )
  const news = CallNews.layer.pipe(Layer.provide(localFeeds), Layer.provide([MemoryFeed.layer(), on(table)]))
  const context = yield* Layer.build(Layer.fresh(Inbox.layer.pipe(Layer.provide([news, records]))))
  return yield* Effect.provideContext(Inbox, context)
})

/** Follows it for its owner. */
const another = Effect.fnUntraced(function* (table: Table, gateway: Gateway) {
  const inbox = yield* inboxOn(table, gateway)
  const access = yield* gateway.its(Access)
  const pass = yield* access.check(gateway.owner.token, "approvals.read")
  const { seq } = yield* inbox.head(pass)
  let after = seq
  const told = (count: number) =>
    Effect.gen(function* () {
      const words: Array<string> = []
      while (words.length < count) {
        const { changes, gap } = yield* inbox.next(pass, after)
        assert.isNull(gap)
        for (const { change, call } of changes) words.push(`${call.id} ${change}`)
        after = changes.at(-1)!.seq
      }
      return words
    })
  return { told, waiting: inbox.waiting(pass) }
})

describe("the inbox of several servers", () => {
  it.effect("tells on each what was asked and decided on any other", () =>
    Effect.gen(function* () {
      const table = new Table()
      const { gateway, waiting, decide } = yield* scene({ coordination: on(table) })
      const other = yield* another(table, gateway)
      const id = yield* waiting()
      assert.deepStrictEqual(yield* other.told(1), [`${id} asked`])
      assert.deepStrictEqual(
        (yield* other.waiting).calls.map((call) => call.id),
        [id]
      )
      yield* decide(id, "deny", { reason: "no" })
      assert.deepStrictEqual(yield* other.told(1), [`${id} decided`])
    }).pipe(Effect.scoped)
  )

  it.effect("looks by itself where no word came: every 10 s, and at once after an interruption", () =>
    Effect.gen(function* () {
      const table = new Table()
      const { gateway, waiting, decide, owner } = yield* scene({ coordination: on(table) })
      const other = yield* another(table, gateway)
      const ears = [...table.ears.get("calls")!]
      table.ears.get("calls")!.clear()
      const settled = Effect.fnUntraced(function* (id: string, status: string) {
        while ((yield* gateway.must(owner, "GET", `/v1/approvals/${id}`)).status !== status) yield* Effect.yieldNow
      })
      const id = yield* waiting()
      yield* settled(id, "pending")
      const [words] = yield* Effect.all([other.told(1), Effect.delay(TestClock.adjust(feedLookMs), 0)], { concurrency: 2 })
      assert.deepStrictEqual(words, [`${id} asked`])
      yield* decide(id, "deny", { reason: "no" })
      yield* settled(id, "denied")
      for (const { hear } of ears) hear(null)
      assert.deepStrictEqual(yield* other.told(1), [`${id} decided`])
    }).pipe(Effect.scoped)
  )

  it.effect(
    "begins for each organisation by itself: another's database that is silent holds up nobody, and one that failed is tried anew",
    () =>
      Effect.gen(function* () {
        const { gateway } = yield* scene()
        const [directory, access] = yield* gateway.its(Effect.all([Directory, Access]))
        yield* directory.addOrganisation({ id: "org_far", name: "Far" })
        yield* directory.addUser({ id: "usr_far", org: "org_far", name: "Fay", email: "fay@far.test", role: "owner" })
        const far = yield* access.asUser("org_far", "usr_far", "approvals.read")
        const near = yield* access.check(gateway.owner.token, "approvals.read")

        const [asked, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<void, DirectoryError>()]
        let itsDatabase: Effect.Effect<void, DirectoryError> = Effect.andThen(
          Deferred.succeed(asked, undefined),
          Deferred.await(answer)
        )
        const inbox = yield* inboxOn(new Table(), gateway, (calls) => ({
          ...calls,
          list: (org, wanted) =>
            org === "org_far" ? Effect.andThen(itsDatabase, calls.list(org, wanted)) : calls.list(org, wanted)
        }))
        const silent = yield* Effect.forkChild(Effect.result(inbox.head(far)))
        yield* Deferred.await(asked)
        assert.strictEqual((yield* inbox.head(near)).seq, 0)
        yield* Deferred.fail(answer, new DirectoryError({ reason: "unavailable", message: "gone" }))
        assert.strictEqual((yield* Fiber.join(silent))._tag, "Failure")
        itsDatabase = Effect.void
        assert.strictEqual((yield* inbox.head(far)).seq, 0)
      }).pipe(Effect.scoped)
  )
})

describe("changes", () => {
  const call = (id: string, rev: number, status: string, decidedBy: string | null = null) =>
    ({ id, rev, status, decidedBy, sessionId: "ses_1" }) as unknown as InboxRow

  it("are kept to a bound, of calls that concern people, each once", () => {
    const hub = new InboxHub("org_1")
    hub.see(call("apr_own", 3, "completed", "policy"))
    hub.see(call("apr_1", 3, "pending"))
    hub.see(call("apr_1", 3, "pending"))
    hub.see(call("apr_1", 2, "requested"))
    hub.see(call("apr_1", 4, "approved", "person"))
    hub.see(call("apr_1", 5, "executing", "person"))
    hub.see(call("apr_1", 6, "outcomeUnknown", "person"))
    hub.see(call("apr_1", 7, "completed", "person"))
    hub.see(call("apr_1", 8, "completed", "person"))
    assert.deepStrictEqual(
      hub.after(0).map(({ seq, change }) => `${seq} ${change}`),
      ["1 asked", "2 decided", "3 asked", "4 settled"]
    )
    for (let n = 0; n < 2_000; n++) hub.see(call(`apr_${n + 10}`, 3, "pending"))
    assert.deepStrictEqual([hub.seq, hub.first, hub.after(2_003).length], [2_004, 981, 1])
    assert.strictEqual(hub.after(980).length, 1_024)
    // What waits no more is looked at, and so is what has moved.
    const moved = hub.moved([
      { id: "apr_10", sessionId: "ses_1", rev: 4 },
      { id: "apr_11", sessionId: "ses_1", rev: 3 }
    ])
    assert.deepStrictEqual([moved.length, moved[0]!.id, moved.some(({ id }) => id === "apr_11")], [1_999, "apr_10", false])
  })
})
