/** What wants to take the host down from inside: processes, memory, processor, disk. With small bounds, so that these tests do not. */
import assert from "node:assert/strict"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, it } from "vitest"
import { answerOf, isRoot, temporary } from "../support/confined.ts"
import { shell, shellOk } from "../support/daemon-exec.ts"
import { lacks } from "../support/local-sandboxes.ts"
import { withSandbox } from "../support/sandbox-suite.ts"

const MiB = 1024 * 1024
const bounds = { processesMax: 100, memoryBytesMax: 300 * MiB, cpusMax: 0.5 }

withSandbox("a bomb inside", bounds, {}, ({ dataDir, sandboxes, sandboxId, inside }) => {
  const counts = (controller: string): boolean =>
    JSON.parse(readFileSync(join(dataDir, "isolation.json"), "utf8")).limits.includes(controller)
  const provision = (key: string) =>
    Effect.runPromise(sandboxes().provision({ key, org: "org_b", sessionId: `ses_${key}`, snapshotId: null }))
  const groups = (): ReadonlyArray<string> =>
    JSON.parse(readFileSync(join(dataDir, "sandboxes", sandboxId(), "record.json"), "utf8")).launched.groups

  it("that forks without end leaves the host and its neighbour at their ease, and ends with its sandbox", {
    timeout: 60_000
  }, async () => {
    const { sandboxId: doomed } = await provision("forks")
    // It may leave no process for the `sleep` itself.
    await Effect.runPromise(shell(sandboxes(), doomed, "(b() { b | b & b; }; b) >/dev/null 2>&1 & sleep 0.5"))
    const refused = await Effect.runPromise(shellOk(sandboxes(), sandboxId(), "echo here"))
    assert.equal(refused, "here")
    await Effect.runPromise(sandboxes().destroy(doomed))
    assert.equal(await Effect.runPromise(sandboxes().status(doomed)), "gone")
  })

  it("that fills /tmp, /var/tmp and shared memory fills its own share", { timeout: 60_000 }, async (context) => {
    if (!counts("memory")) context.skip("control groups for memory are not writable here")
    const { text } = await inside(
      "for D in /tmp /var/tmp /dev/shm; do head -c 2G /dev/zero >$D/full & done; wait; du -cm /tmp /var/tmp /dev/shm | tail -1"
    )
    const megabytes = Number(/^(\d+)\s+total/m.exec(text)?.[1] ?? 0)
    assert.ok(megabytes > 200 && megabytes <= 225, text)
    await inside("rm -f /tmp/full /var/tmp/full /dev/shm/full")
    assert.equal(await Effect.runPromise(sandboxes().status(sandboxId())), "running")
  })

  it("that computes without end has its share of the processors", async (context) => {
    if (!counts("cpu")) context.skip("control groups for processors are not writable here")
    const of = (name: string) =>
      groups()
        .map((group) => join(group, name))
        .find((path) => existsSync(path))
    const quota = of("cpu.max") ?? of("cpu.cfs_quota_us")
    assert.match(readFileSync(quota!, "utf8"), /^50000\b/)
    const weight = of("cpu.weight") ?? of("cpu.shares")
    assert.match(readFileSync(weight!, "utf8"), /^(50|512)$/m)
    const loop = "timeout 2 sh -c 'while :; do :; done'"
    const { text } = await inside(`TIMEFORMAT=%U; time { ${loop} & ${loop} & wait; }`)
    // Half a processor for two seconds is one; the rest is what a period may be late.
    assert.ok(Number(text) > 0 && Number(text) < 1.5, text)
  })
})

describe.skipIf(!isRoot)("a sandbox that fills the disk", () => {
  for (const isolation of ["bubblewrap", "util-linux"] as const)
    it.skipIf(lacks(isolation) !== null)(
      `is told so and lives on; others begin once there is space: ${isolation}`,
      { timeout: 60_000 },
      async () => {
        const dataDir = temporary()
        const small = 'mount -t tmpfs -o size=700m small "$1"; shift; exec "$@"'
        const wrap = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", small, "host", dataDir]
        const { stderr, status, reason, message } = await answerOf(wrap, ["crowd", dataDir, isolation])
        assert.match(stderr, /No space left on device/)
        assert.equal(status, "running")
        assert.equal(reason, "quota")
        assert.match(message, /The disk is full: 0 MB of it are free, and no sandbox is started with less than 512 MB/)
      }
    )
})
