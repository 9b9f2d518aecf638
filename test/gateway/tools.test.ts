/** Tools whose work the server does: one run for each call, however often it is asked for, and evidence that people can read. */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import type { Daemons } from "../../actors/ports/daemons.ts"
import { startGateway } from "../support/gateway.ts"

const content = Buffer.from("it works\n")

/** A daemon whose folder holds one file, told to a test how often it was looked into, and held until the test lets go. */
const scene = Effect.fnUntraced(function* (files: ReadonlyArray<{ path: string; bytes: number }>) {
  const gate = yield* Deferred.make<void>()
  const looked: Array<string> = []
  const folders: Pick<Daemons["Service"], "folder" | "folderPiece"> = {
    folder: (_, { folder }) =>
      Effect.suspend(() => {
        looked.push(folder)
        return Effect.as(Deferred.await(gate), { files })
      }),
    folderPiece: () => Effect.succeed({ data: content.toString("base64"), next: null })
  }
  const gateway = yield* startGateway({ folders })
  const session = yield* gateway.session({ start: true })
  yield* gateway
    .must(gateway.owner.token, "GET", `/v1/sessions/${session.id}`)
    .pipe(
      Effect.repeat({ until: ({ status }) => status === "running", schedule: Schedule.spaced(20) }),
      Effect.timeout("5 seconds")
    )
  const agent = yield* gateway.sandboxToken(session.id)
  const verify = (toolCallId: string, more: Record<string, unknown> = {}, as = agent) =>
    gateway.ask(as, "POST", `/v1/sessions/${session.id}/tools/verify`, { toolCallId, waitMs: 5_000, ...more })
  const evidence = `/v1/sessions/${session.id}/evidence`
  return { gateway, session, looked, verify, evidence, open: Deferred.succeed(gate, undefined) }
})

describe("a tool of a session", () => {
  it.live("save_snapshot captures when no turn is open, once for its id, and goes on from there", () =>
    Effect.gen(function* () {
      const { gateway, session, open } = yield* scene([])
      yield* open
      const owner = gateway.owner.token
      const agent = yield* gateway.sandboxToken(session.id)
      const path = `/v1/sessions/${session.id}`
      const shown = (isIt: (view: any) => boolean) =>
        gateway
          .must(owner, "GET", path)
          .pipe(Effect.repeat({ until: isIt, schedule: Schedule.spaced(20) }), Effect.timeout("10 seconds"))
      const before = yield* shown(({ status }) => status === "running")
      const save = () => gateway.ask(agent, "POST", `${path}/tools/save_snapshot`, { toolCallId: "call-1", waitMs: 5_000 })
      const { body } = yield* save()
      assert.deepInclude(body, { status: "completed" })
      assert.match(body.result.message, /captured when this turn has ended/)
      assert.deepStrictEqual((yield* save()).body, body)
      const after = yield* shown(({ status, snapshotId }) => status === "running" && snapshotId !== null)
      assert.notStrictEqual(after.sandboxId, before.sandboxId)
      const history = (yield* gateway.must(owner, "GET", `/v1/actors/session/${session.id}/history`)).rows
      assert.strictEqual(history.filter(({ event }: any) => event.type === "capture").length, 1)
      yield* gateway.must(owner, "POST", `${path}/stop`)
      yield* shown(({ status }) => status === "stopped")
      const late = yield* gateway.ask(agent, "POST", `${path}/tools/save_snapshot`, { toolCallId: "call-2" })
      assert.strictEqual(late.status, 401)
    }).pipe(Effect.scoped)
  )

  it.live("is run once for its id: duplicates join the run, later ones have what it had", () =>
    Effect.gen(function* () {
      const { gateway, looked, verify, evidence, open } = yield* scene([{ path: "log.txt", bytes: content.length }])
      const broken = yield* verify("call-1", { waitMs: 0 })
      assert.deepStrictEqual([broken.status, broken.body.status], [202, "running"])
      const joined = yield* Effect.forkChild(Effect.all([verify("call-1"), verify("call-1")], { concurrency: 2 }))
      yield* Effect.sleep(50)
      yield* open
      const [first, second] = yield* Fiber.join(joined)
      assert.strictEqual(first!.body.status, "completed")
      assert.deepStrictEqual(second!.body, first!.body)
      assert.deepStrictEqual((yield* verify("call-1")).body, first!.body)
      assert.deepStrictEqual(looked, [".proliferate/.verification/"])
      const { key, files } = first!.body.result
      assert.match(key, /^evd_[0-9a-f]{24}$/)
      assert.deepStrictEqual(files, [{ path: "log.txt", bytes: content.length }])

      const other = yield* verify("call-1", { args: { folder: "elsewhere" } })
      assert.deepStrictEqual([other.status, other.body.code], [409, "conflict"])

      const owner = gateway.owner.token
      const [kept] = (yield* gateway.must(owner, "GET", evidence)).evidence
      assert.strictEqual(kept.key, key)
      assert.strictEqual(kept.files[0].sha256, createHash("sha256").update(content).digest("hex"))
      const piece = yield* gateway.must(owner, "GET", `${evidence}/${key}/0`)
      assert.deepStrictEqual(piece, { data: content.toString("base64"), next: null })
      assert.strictEqual((yield* gateway.ask(owner, "GET", `${evidence}/${key}/1`)).status, 404)
      assert.strictEqual((yield* gateway.ask(owner, "GET", `${evidence}/..%2f/0`)).status, 404)
      assert.strictEqual((yield* gateway.ask(owner, "GET", `${evidence}/../0`)).status, 404)
      assert.strictEqual((yield* gateway.ask(owner, "GET", `${evidence}/%2e%2e/0`)).status, 404)
    }).pipe(Effect.scoped)
  )

  it.live("says so where there is nothing to keep, and keeps nothing of what changes while it is read", () =>
    Effect.gen(function* () {
      const empty = yield* scene([])
      yield* empty.open
      const none = yield* empty.verify("call-1")
      assert.match(none.body.result.message, /holds no file/)
      const changing = yield* scene([
        { path: "a", bytes: 1 },
        { path: "huge", bytes: 2_000_000_000 }
      ])
      yield* changing.open
      const { body } = yield* changing.verify("call-1")
      assert.deepInclude(body, { status: "failed" })
      assert.match(body.message, /at most 1024 MB together/)
      assert.deepStrictEqual((yield* changing.gateway.must(changing.gateway.owner.token, "GET", changing.evidence)).evidence, [])
    }).pipe(Effect.scoped)
  )

  it.live("is for the session's own agent alone, one of those that there are, and not too many at once", () =>
    Effect.gen(function* () {
      const { gateway, session, verify, open } = yield* scene([])
      assert.strictEqual((yield* verify("call-1", {}, gateway.owner.token)).status, 403)
      const other = yield* gateway.session()
      assert.strictEqual((yield* verify("call-1", {}, yield* gateway.sandboxToken(other.id))).status, 404)
      const agent = yield* gateway.sandboxToken(session.id)
      const unknown = yield* gateway.ask(agent, "POST", `/v1/sessions/${session.id}/tools/verfy`, { toolCallId: "x" })
      assert.match(unknown.body.detail, /there is no tool verfy; there are .*verify/)
      for (let n = 0; n < 4; n++) assert.strictEqual((yield* verify(`call-${n}`, { waitMs: 0 })).status, 202)
      const fifth = yield* verify("call-5", { waitMs: 0 })
      assert.deepStrictEqual([fifth.status, fifth.body.code], [429, "limit"])
      yield* open
    }).pipe(Effect.scoped)
  )
})
