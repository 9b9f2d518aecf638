/** Files of sessions on the host's disk (adapters/files): what is put is there after a restart, what is old is gone, whatever else lies about. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Attachments } from "../../actors/ports/attachments.ts"
import { EvidenceStore } from "../../actors/ports/evidence.ts"
import * as AttachmentFiles from "../../adapters/files/attachments.ts"
import * as EvidenceFiles from "../../adapters/files/evidence.ts"

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-kept-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)
const owner = { org: "org_1", sessionId: "ses_1" }
const dayMs = 86_400_000

const aged = (path: string, days: number) => {
  const at = new Date(Date.now() - days * dayMs)
  utimesSync(path, at, at)
}

const attaching = <A, E>(directory: string, use: (all: Attachments["Service"]) => Effect.Effect<A, E>) =>
  Effect.provide(Attachments.use(use), AttachmentFiles.layer(directory))
const keeping = <A, E>(directory: string, use: (all: EvidenceStore["Service"]) => Effect.Effect<A, E>) =>
  Effect.provide(EvidenceStore.use(use), EvidenceFiles.layer(directory))

describe("files of sessions", () => {
  it.live("come in pieces, and are there after a restart: attachments whole, evidence once it is sealed", () =>
    Effect.gen(function* () {
      const directory = yield* scratch
      const file = { id: "att_1", name: "log", type: "text/plain", bytes: 6 }
      assert.deepStrictEqual(yield* attaching(directory, ({ put }) => put(owner, file, 0, Buffer.from("abc"))), { received: 3 })
      const half = yield* Effect.flip(attaching(directory, ({ find }) => find(owner, "att_1")))
      assert.strictEqual(half.reason, "missing")
      const beyond = yield* Effect.flip(attaching(directory, ({ put }) => put(owner, file, 4, Buffer.from("ef"))))
      assert.strictEqual(beyond.reason, "invalid")
      for (const _ of [1, 2]) yield* attaching(directory, ({ put }) => put(owner, file, 3, Buffer.from("def")))
      assert.deepStrictEqual(yield* attaching(directory, ({ find }) => find(owner, "att_1")), file)
      const bytes = yield* attaching(directory, ({ read }) => read(owner, "att_1", 2, 3))
      assert.strictEqual(Buffer.from(bytes).toString(), "cde")
      assert.strictEqual((yield* Effect.flip(attaching(directory, ({ read }) => read(owner, "att_2", 0, 3)))).reason, "missing")

      const shelf = yield* scratch
      const evidence = { key: "a/../b", folder: "out", atMs: 5, files: [{ path: "x", bytes: 2, sha256: "00" }] }
      yield* keeping(shelf, ({ put }) => put(owner, evidence.key, 0, 0, Buffer.from("xy")))
      assert.deepStrictEqual(yield* keeping(shelf, ({ list }) => list(owner)), [])
      yield* keeping(shelf, ({ seal }) => seal(owner, evidence))
      assert.deepStrictEqual(yield* keeping(shelf, ({ list }) => list(owner)), [evidence])
      assert.deepStrictEqual(yield* keeping(shelf, ({ list }) => list({ ...owner, org: "org_2" })), [])
      // Another run of the same call that failed takes nothing away that is sealed, and all that is not.
      yield* keeping(shelf, ({ drop }) => drop(owner, evidence.key))
      assert.deepStrictEqual(yield* keeping(shelf, ({ find }) => find(owner, evidence.key)), evidence)
      yield* keeping(shelf, ({ put, drop }) => Effect.andThen(put(owner, "b", 0, 0, Buffer.from("z")), drop(owner, "b")))
      assert.strictEqual((yield* Effect.flip(keeping(shelf, ({ read }) => read(owner, "b", 0, 0)))).reason, "missing")
      assert.strictEqual(Buffer.from(yield* keeping(shelf, ({ read }) => read(owner, evidence.key, 0, 1))).toString(), "y")
      assert.strictEqual((yield* Effect.flip(keeping(shelf, ({ read }) => read(owner, evidence.key, 1, 0)))).reason, "missing")
    }).pipe(Effect.scoped)
  )

  it.live("never have more bytes of a session than they may, however many come at once", () =>
    Effect.gen(function* () {
      const mb = 1_048_576
      const directory = yield* scratch
      const passed = (puts: ReadonlyArray<Effect.Effect<unknown, { readonly reason: string }>>) =>
        Effect.map(Effect.all(puts.map(Effect.result), { concurrency: "unbounded" }), (all) => {
          for (const one of all) if (one._tag === "Failure") assert.strictEqual(one.failure.reason, "invalid")
          return all.filter(({ _tag }) => _tag === "Success").length
        })
      const file = (id: number) => ({ id: `att_${id}`, name: "log", type: "text/plain", bytes: 8 * mb })
      const firstPieces = Array.from({ length: 20 }, (_, n) => n)
      // Of each no more than a beginning: what is to come of it counts.
      const begun = yield* attaching(directory, ({ put }) =>
        passed(firstPieces.map((n) => put(owner, file(n), 0, Buffer.from("x"))))
      )
      assert.strictEqual(begun, 16)

      const shelf = yield* scratch
      yield* keeping(shelf, ({ put }) => put(owner, "old", 0, 0, Buffer.from("x")))
      const box = join(shelf, "org_1", "ses_1", "old")
      for (let n = 0; n < 40; n++) {
        writeFileSync(join(box, String(n)), "")
        truncateSync(join(box, String(n)), 25 * mb)
      }
      const piece = new Uint8Array(8 * mb)
      const kept = yield* keeping(shelf, ({ put }) => passed([1, 2, 3, 4, 5].map((n) => put(owner, `new_${n}`, 0, 0, piece))))
      assert.strictEqual(kept, 3)
    }).pipe(Effect.scoped)
  )

  it.live("are removed at a start when they are old, though another server removes them at the same time", () =>
    Effect.gen(function* () {
      const directory = yield* scratch
      const evidence = { folder: "out", atMs: 5, files: [] }
      for (const [sessionId, days] of [
        ["ses_old", 91],
        ["ses_new", 89]
      ] as const) {
        yield* keeping(directory, ({ put, seal }) =>
          Effect.andThen(
            put({ org: "org_1", sessionId }, "k", 0, 0, Buffer.from("x")),
            seal({ org: "org_1", sessionId }, { ...evidence, key: "k" })
          )
        )
        aged(join(directory, "org_1", sessionId), days)
      }
      // What a listing named and is no more when it is looked at; and what somebody else left there.
      symlinkSync(join(directory, "nowhere"), join(directory, "org_1", "ses_gone"))
      mkdirSync(join(directory, "org_2"))
      writeFileSync(join(directory, "notes.txt"), "not ours")
      const listed = (sessionId: string) => keeping(directory, ({ list }) => list({ org: "org_1", sessionId }))
      assert.deepStrictEqual(yield* listed("ses_old"), [])
      assert.lengthOf(yield* listed("ses_new"), 1)
      assert.deepStrictEqual(
        yield* attaching(directory, ({ find }) => Effect.option(find(owner, "att_1"))).pipe(Effect.map(({ _tag }) => _tag)),
        "None"
      )
    }).pipe(Effect.scoped)
  )
})
