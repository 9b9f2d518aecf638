/** Without isolation: only by name, only on the loopback, said aloud, and tidy all the same. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, it } from "vitest"
import { relayPort } from "../../actors/ports/proxy.ts"
import { viewText } from "../../cli/commands/sessions/session.ts"
import { isolationText } from "../../cli/unsafe.ts"
import { temporary } from "../support/confined.ts"
import { shellOk } from "../support/daemon-exec.ts"
import { localSandboxes } from "../support/local-sandboxes.ts"
import { worldOf } from "../support/sandbox-world.ts"

const portIsFree = await new Promise<boolean>((resolve) => {
  const server = createServer()
  server.on("error", () => resolve(false))
  server.listen({ port: relayPort, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)))
})

const holding = (mark: string) =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark)
    } catch {
      return false
    }
  })

describe("a sandbox without isolation", () => {
  const why = portIsFree ? "" : ` (port ${relayPort} is taken on this host)`
  it.skipIf(!portIsFree)(
    `runs on the host itself, keeps its disk, and ends with all that it began${why}`,
    { timeout: 60_000 },
    () => {
      const dataDir = temporary()
      const mark = `57${process.pid}`
      return Effect.runPromise(
        worldOf(localSandboxes({ dataDir, isolation: "unsafe" })).serving((sandboxes) =>
          Effect.gen(function* () {
            assert.equal(sandboxes.isolation, "unsafe")
            const { sandboxId } = yield* sandboxes.provision({ key: "one", org: "org_a", sessionId: "ses_one", snapshotId: null })
            assert.equal(
              yield* shellOk(
                sandboxes,
                sandboxId,
                `echo kept > file; echo kept > ~/file; cat '${dataDir}/isolation.json' | grep -c unsafe`
              ),
              "2"
            )
            yield* shellOk(
              sandboxes,
              sandboxId,
              `(setsid nohup sleep ${mark} & setsid sh -c 'trap "" TERM; sleep ${mark}; :' &) >/dev/null 2>&1`
            )
            assert.ok(holding(mark).length >= 2)
            const { snapshotId } = yield* sandboxes.capture(sandboxId, "first")
            assert.deepEqual(holding(mark), [])
            yield* sandboxes.destroy(sandboxId)
            const again = yield* sandboxes.provision({ key: "two", org: "org_a", sessionId: "ses_two", snapshotId })
            assert.equal(yield* shellOk(sandboxes, again.sandboxId, "cat file ~/file"), "kept\nkept")
            yield* sandboxes.destroy(again.sandboxId)
            assert.ok(!existsSync(join(dataDir, "sandboxes", again.sandboxId)))
          })
        )
      )
    }
  )
})

describe("a server without isolation", () => {
  it("does not listen beyond this machine", () => {
    const program = join(import.meta.dirname, "../../cli/serve.ts")
    const dataDir = join(temporary(), "data")
    const env = { ...process.env, PROLIFERATE_ISOLATION: "unsafe", PROLIFERATE_HOST: "0.0.0.0", PROLIFERATE_DATA: dataDir }
    const { status, stderr } = spawnSync(process.execPath, [program], { env, encoding: "utf8", timeout: 15_000 })
    assert.equal(status, 1)
    assert.match(stderr, /listens on the loopback alone, not on 0\.0\.0\.0/)
    assert.ok(!existsSync(dataDir), "nothing was begun")
  })

  it("is called by its name wherever a session is shown", () => {
    const session = {
      ...{ id: "ses_1", title: "work", status: "running", state: "running", rev: 1, owner: null, configurationId: "cfg_1" },
      ...{ agent: "scripted", turnId: null, questionId: null, queue: [], reason: null, sandboxId: "sbx_1", snapshotId: null },
      ...{ accepts: [], quarantine: null, createdAtMs: 0, updatedAtMs: 0 }
    }
    assert.match(viewText({ ...session, isolation: "unsafe" } as never), /isolation +NONE \(unsafe\): agents do on this machine/)
    assert.match(viewText({ ...session, isolation: "bubblewrap" } as never), /isolation +bubblewrap/)
    assert.equal(isolationText("util-linux"), "util-linux")
  })
})
