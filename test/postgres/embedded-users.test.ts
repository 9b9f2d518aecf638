import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { eventually, isGone, isRoot, nobody, otherServer, preparedDataDir, scratch } from "../support/embedded.ts"

const uidOf = (pid: number) => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/^Uid:\s+(\d+)/m)![1])
const asNobody = { through: ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"] }
/** Root may still be kept from namespaces; no `unshare` in the path is the same to the launcher. */
const withoutNamespaces = { env: { ...process.env, PATH: "/nonexistent" } }

describe.skipIf(!isRoot)("whoever starts it (needs root, to be someone else)", () => {
  it.live("a user without privileges has it, kills it, has it back and ends it", () =>
    Effect.gen(function* () {
      const dataDir = yield* scratch
      chownSync(dataDir, nobody, nobody)
      const first = yield* otherServer(dataDir, asNobody)
      assert.strictEqual(uidOf(first.said.pid!), nobody)
      yield* first.end("SIGKILL")
      const second = yield* otherServer(dataDir, asNobody)
      assert.deepStrictEqual(second.said, { ...first.said, isAdopted: true })
      yield* second.end("SIGTERM")
      assert.isTrue(isGone(first.said.pid!))
    })
  )

  it.live("a user is told of a directory that only another may write", () =>
    Effect.gen(function* () {
      const dataDir = yield* scratch
      const { said } = yield* otherServer(dataDir, asNobody)
      assert.strictEqual(said.reason, "directory")
      assert.include(said.message, `${dataDir} is not writable`)
      const below = yield* otherServer(join(dataDir, "below"), asNobody)
      assert.strictEqual(below.said.reason, "directory")
    })
  )

  it.live("root runs it as an ordinary user of a namespace, though its parent directory is closed to others", () =>
    Effect.gen(function* () {
      const parent = yield* scratch
      chmodSync(parent, 0o700)
      const dataDir = join(parent, "data")
      const { pid } = yield* startEmbedded({ dataDir })
      const [inside, outside] = readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split(/\s+/)
      assert.notStrictEqual(inside, "0")
      assert.strictEqual(outside, "0")
      assert.strictEqual(statSync(join(dataDir, "cluster")).uid, 0)
    })
  )

  it.live("no one else answers in its name from a socket in /tmp", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* scratch, "x".repeat(120))
      const sockets = decodeURIComponent(new URL((yield* Effect.scoped(startEmbedded({ dataDir }))).url).hostname)
      yield* Effect.acquireRelease(
        Effect.sync(() => mkdirSync(sockets)),
        () => Effect.sync(() => rmSync(sockets, { recursive: true }))
      )
      chownSync(sockets, nobody, nobody)
      const { reason, message } = yield* Effect.flip(Effect.scoped(startEmbedded({ dataDir })))
      assert.strictEqual(reason, "directory")
      assert.include(message, `${sockets} belongs to someone else`)
    })
  )

  it.live("root without namespaces runs it as an unprivileged user, and later root runs it as the same", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* scratch, "data")
      const { said, end } = yield* otherServer(dataDir, withoutNamespaces)
      const user = uidOf(said.pid!)
      assert.notStrictEqual(user, 0)
      assert.strictEqual(statSync(join(dataDir, "cluster")).uid, user)
      yield* end("SIGTERM")
      const { pid } = yield* startEmbedded({ dataDir })
      assert.strictEqual(uidOf(pid), user)
    })
  )

  it.live("root without namespaces is told that others cannot enter a closed directory", () =>
    Effect.gen(function* () {
      const parent = yield* scratch
      chmodSync(parent, 0o700)
      const { said } = yield* otherServer(join(parent, "data"), withoutNamespaces)
      assert.strictEqual(said.reason, "unsupported")
      assert.match(said.message!, /can't cd to|Permission denied/)
    })
  )
})

describe("a data directory with a cluster of its own user", () => {
  const prepared = preparedDataDir()

  it.live("survives that its server and its postmaster are killed in one instant", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      mkdirSync(join(dataDir, "run"), { recursive: true })
      const owner = yield* otherServer(dataDir)
      process.kill(owner.said.pid!, "SIGKILL")
      yield* owner.end("SIGKILL")
      yield* eventually("both are gone", () => isGone(owner.said.pid!))
      assert.isTrue(existsSync(join(dataDir, "cluster/postmaster.pid")))
      const { isAdopted } = yield* startEmbedded({ dataDir })
      assert.isFalse(isAdopted)
    })
  )
})
