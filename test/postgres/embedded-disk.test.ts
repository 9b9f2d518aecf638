import { spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { connect } from "../../adapters/postgres/pool.ts"
import { eventually, scratch } from "../support/embedded.ts"

const mount = (...args: ReadonlyArray<string>) => spawnSync("mount", args, { encoding: "utf8" })

const canMount = (() => {
  const probe = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
  return process.getuid?.() === 0 && probe.status === 0
})()

/** A disk of 64 MB. */
const smallDisk = Effect.gen(function* () {
  const directory = join(yield* scratch, "disk")
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      mkdirSync(directory)
      const { status, stderr } = mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", directory)
      assert.strictEqual(status, 0, stderr)
    }),
    () => Effect.sync(() => spawnSync("umount", ["--lazy", directory]))
  )
  return directory
})

/** Fills the disk to its last byte, but for `leaveMb`. */
const fill = (directory: string, leaveMb: number) => {
  const filler = join(directory, "filler")
  const { stderr } = spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=64k"], { encoding: "utf8" })
  assert.include(stderr, "No space left")
  if (leaveMb > 0) spawnSync("truncate", ["--size", `-${leaveMb}M`, filler])
  return () => rmSync(filler)
}

describe.skipIf(!canMount)("on a disk of 64 MB (needs root, to mount one)", () => {
  it.live("says that the disk is full, leaves nothing on it, and starts once there is space", () =>
    Effect.gen(function* () {
      const directory = yield* smallDisk
      for (const leaveMb of [0, 20]) {
        const free = fill(directory, leaveMb)
        const dataDir = join(directory, "data")
        const { reason, message } = yield* Effect.flip(Effect.scoped(startEmbedded({ dataDir })))
        assert.strictEqual(reason, "disk-full")
        assert.include(message, `${dataDir} is full`)
        assert.include(message, "DATABASE_URL")
        assert.deepStrictEqual(
          readdirSync(dataDir).filter((name) => name.startsWith("cluster")),
          []
        )
        free()
      }
      yield* startEmbedded({ dataDir: join(directory, "data") })
    })
  )

  // Each try to start it recovers from its log until it finds no space, which takes seconds on a busy machine, and the pauses
  // between tries grow to 2 s: several may go by before one comes after the disk has space.
  const triesS = 60
  it.live(
    "comes back by itself when the disk was filled while it ran, with all that was committed",
    () =>
      Effect.gen(function* () {
        const directory = yield* smallDisk
        const embedded = yield* startEmbedded({ dataDir: join(directory, "data") })
        const first = embedded.pid
        const { sql } = yield* connect(embedded.url)
        yield* Effect.promise(() => sql`create table kept (n int primary key, text text)`)
        // Rows find space, but no segment of the log does: each write asks for one, and without it the server cannot go on.
        const free = fill(directory, 2)
        let acknowledged = 0
        const writeFails = async () => {
          try {
            await sql`insert into kept values (${acknowledged + 1}, ${"x".repeat(1_000)})`
            acknowledged++
            await sql`select pg_switch_wal()`
            return false
          } catch {
            return true
          }
        }
        yield* eventually("a write fails", writeFails, triesS)
        assert.isAbove(acknowledged, 0)
        yield* eventually("the server has given up and another is tried", () => embedded.pid !== first, triesS)
        free()
        const writeIsDone = () => sql`insert into kept values (-1, '') on conflict do nothing`.then(() => true).catch(() => false)
        yield* eventually("a write is done", writeIsDone, triesS)
        const [row] = yield* Effect.promise(
          () => sql`select count(*)::int as kept from kept where n between 1 and ${acknowledged}`
        )
        assert.strictEqual(row!.kept, acknowledged)
      }),
    4 * triesS * 1_000
  )

  it.live("refuses a disk that is mounted read-only", () =>
    Effect.gen(function* () {
      const directory = yield* smallDisk
      mount("-o", "remount,ro", directory)
      const { reason, message } = yield* Effect.flip(Effect.scoped(startEmbedded({ dataDir: join(directory, "data") })))
      assert.strictEqual(reason, "directory")
      assert.include(message, "not writable (EROFS)")
      writeFileSync(join(directory, "../witness"), "")
    })
  )
})
