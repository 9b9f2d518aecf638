/** Local sandboxes after a crash of the server between any two of its steps: what is on disk is all the next one knows. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { describe, expect, onTestFinished } from "vitest"
import { confined, temporary } from "../support/confined.ts"
import { healthOf, shellOk } from "../support/daemon-exec.ts"
import { localSandboxes } from "../support/local-sandboxes.ts"
import { worldOf } from "../support/sandbox-world.ts"
import { type Written, written } from "../support/written.ts"

const dataDir = temporary()
const { serving } = worldOf(localSandboxes({ dataDir }))
const disk = written(dataDir)
const request = (key: string) => ({ key, org: "org_a", sessionId: `ses_${key}`, snapshotId: null })

/** Known by their environment, or, while the sandbox is being built around them, by their command line. */
const processesOf = (key: string, sandboxId: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((pid) => {
    try {
      if (!/^\d+$/.test(pid)) return false
      const [environment, command] = [readFileSync(`/proc/${pid}/environ`, "utf8"), readFileSync(`/proc/${pid}/cmdline`, "utf8")]
      return (
        environment.includes(`PROLIFERATE_SESSION=ses_${key}\0`) || (command.includes(sandboxId) && !command.includes("/trash/"))
      )
    } catch {
      return false
    }
  })

/** The moments of a capture, each as a crash right after it leaves the disk; S is the snapshot, written at the end. */
const moments: ReadonlyArray<{
  readonly after: string
  readonly undo: (disk: Written, sandboxId: string, snapshotId: string) => void
}> = [
  {
    after: "the processes were killed",
    undo: (disk, sandboxId, snapshotId) => {
      disk.forgetSnapshot(snapshotId)
      disk.thaw(sandboxId, snapshotId)
      disk.rewrite(sandboxId, (record) => ({ ...record, layers: [] }))
    }
  },
  {
    after: "the intent was written",
    undo: (disk, sandboxId, snapshotId) => {
      disk.forgetSnapshot(snapshotId)
      disk.thaw(sandboxId, snapshotId)
      disk.rewrite(sandboxId, (record) => ({ ...record, layers: [], capturing: { snapshotId, key: "c" } }))
    }
  },
  {
    after: "the disk was frozen",
    undo: (disk, sandboxId, snapshotId) => {
      disk.forgetSnapshot(snapshotId)
      disk.rewrite(sandboxId, (record) => ({ ...record, layers: [], capturing: { snapshotId, key: "c" } }))
    }
  },
  {
    after: "the snapshot was written",
    undo: (disk, sandboxId, snapshotId) =>
      disk.rewrite(sandboxId, (record) => ({ ...record, layers: [], capturing: { snapshotId, key: "c" } }))
  }
]

describe("a crash in the middle of a capture", () => {
  for (const [index, { after, undo }] of moments.entries()) {
    for (const next of ["capture", "revive"] as const) {
      it.live(`after ${after} is carried on by the next ${next}`, () =>
        Effect.gen(function* () {
          const key = `moment${index}${next}`
          const { sandboxId, snapshotId } = yield* serving((sandboxes) =>
            Effect.gen(function* () {
              const { sandboxId } = yield* sandboxes.provision(request(key))
              yield* shellOk(sandboxes, sandboxId, "echo kept > file")
              return { sandboxId, ...(yield* sandboxes.capture(sandboxId, "c")) }
            })
          )
          undo(disk, sandboxId, snapshotId)
          yield* serving((sandboxes) =>
            Effect.gen(function* () {
              if (next === "revive") yield* sandboxes.revive(sandboxId)
              assert.equal((yield* sandboxes.capture(sandboxId, "c")).snapshotId, snapshotId)
              yield* sandboxes.revive(sandboxId)
              assert.equal(yield* shellOk(sandboxes, sandboxId, "cat file"), "kept")
              yield* sandboxes.destroy(sandboxId)
              const restored = yield* sandboxes.provision({ ...request(`${key}again`), snapshotId })
              assert.equal(yield* shellOk(sandboxes, restored.sandboxId, "cat file"), "kept")
              yield* sandboxes.destroy(restored.sandboxId)
              yield* sandboxes.discard(snapshotId)
            })
          )
        })
      )
    }
  }
})

describe("a server that is killed", () => {
  const serve = (key: string) => {
    const server = confined([], ["serve", dataDir, "", key])
    onTestFinished(() => void server.child.kill("SIGKILL"))
    return server
  }

  it.live("leaves its sandboxes running, and the next has them and their sockets again", () =>
    Effect.gen(function* () {
      const server = serve("left")
      const { sandboxId } = (yield* Effect.promise(() => server.told.next())).value
      server.child.kill("SIGKILL")
      yield* Effect.promise(() => once(server.child, "close"))
      const before = processesOf("left", sandboxId)
      assert.ok(before.length > 0)
      yield* serving((sandboxes) =>
        Effect.gen(function* () {
          assert.equal(yield* sandboxes.status(sandboxId), "running")
          assert.equal((yield* sandboxes.provision(request("left"))).sandboxId, sandboxId)
          assert.deepEqual(processesOf("left", sandboxId), before)
          assert.match(yield* shellOk(sandboxes, sandboxId, "curl -s http://127.0.0.1:3128/elsewhere"), /Only \/git/)
          yield* sandboxes.destroy(sandboxId)
        })
      )
      assert.deepEqual(processesOf("left", sandboxId), [])
    })
  )

  // Each waits for a later trace of the sandbox on disk, so that the kills fall all over its start.
  for (const trace of ["record.json", "disk/workspace", "processes"]) {
    it.live(`as soon as \`${trace}\` is there never has two sandboxes of one key`, () =>
      Effect.gen(function* () {
        const key = `killed${trace.replaceAll(/\W/g, "")}`
        const boxes = () => (existsSync(join(dataDir, "sandboxes")) ? readdirSync(join(dataDir, "sandboxes")) : [])
        const before = new Set(boxes())
        const server = serve(key)
        const isThere = () => boxes().some((name) => !before.has(name) && existsSync(join(dataDir, "sandboxes", name, trace)))
        yield* Effect.promise(() => expect.poll(isThere, { interval: 1, timeout: 15_000 }).toBe(true))
        server.child.kill("SIGKILL")
        yield* Effect.promise(() => once(server.child, "close"))
        const sandboxId = yield* serving((sandboxes) =>
          Effect.gen(function* () {
            const { sandboxId } = yield* sandboxes.provision(request(key))
            yield* healthOf(sandboxes, sandboxId)
            const sandboxed = processesOf(key, sandboxId).map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"))
            assert.equal(sandboxed.filter((command) => command.startsWith("/opt/proliferate/bin/node")).length, 1)
            yield* sandboxes.destroy(sandboxId)
            return sandboxId
          })
        )
        assert.deepEqual(processesOf(key, sandboxId), [])
      })
    )
  }
})

describe("a record that tells of other times", () => {
  const cases = {
    "a process id that a stranger has now": (record: any) => ({
      ...record,
      launched: {
        ...record.launched,
        monitor: { ...record.launched.monitor, startTicks: 1 },
        init: { pid: process.pid, startTicks: 1 }
      }
    }),
    "a boot of the host that is over": (record: any) => ({ ...record, launched: { ...record.launched, bootId: "another" } })
  }
  for (const [title, change] of Object.entries(cases)) {
    it.live(`with ${title} means stopped`, () =>
      Effect.gen(function* () {
        const key = `other${title.length}`
        yield* serving((sandboxes) =>
          Effect.gen(function* () {
            const { sandboxId } = yield* sandboxes.provision(request(key))
            const truth = disk.record(sandboxId)
            disk.rewrite(sandboxId, change)
            assert.equal(yield* sandboxes.status(sandboxId), "stopped")
            disk.rewrite(sandboxId, () => truth)
            assert.equal(yield* sandboxes.status(sandboxId), "running")
            yield* sandboxes.destroy(sandboxId)
          })
        )
      })
    )
  }

  it.live("or is not ours at all is named, and hides no other sandbox", () =>
    serving((sandboxes) =>
      Effect.gen(function* () {
        const { sandboxId: odd } = yield* sandboxes.provision(request("odd"))
        const { sandboxId: even } = yield* sandboxes.provision(request("even"))
        const truth = disk.record(odd)
        disk.rewrite(odd, () => ({ ...truth, driver: "floppy" }))
        const error = yield* Effect.flip(sandboxes.status(odd))
        assert.equal(error.reason, "rejected")
        assert.match(error.message, new RegExp(`${odd}/record.json is not a record of ours`))
        assert.deepEqual(
          (yield* sandboxes.list).map(({ sandboxId }) => sandboxId),
          [even]
        )
        disk.rewrite(odd, () => truth)
        for (const id of [odd, even]) yield* sandboxes.destroy(id)
      })
    )
  )
})
