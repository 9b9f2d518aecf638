/** Local sandboxes on hosts that are short of something: what they say, and that they never go on without being kept apart. */
import assert from "node:assert/strict"
import { readFileSync, rmSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { describe, expect } from "vitest"
import { answerOf, asNobodyElse, hindrance, isRoot, nobodyElse, temporary } from "../support/confined.ts"
import { healthOf, shellOk } from "../support/daemon-exec.ts"
import { lacks, localSandboxes } from "../support/local-sandboxes.ts"
import { worldOf } from "../support/sandbox-world.ts"
import { written } from "../support/written.ts"

const request = (key: string) => ({ key, org: "org_a", sessionId: `ses_${key}`, snapshotId: null })
const script = (text: string, ...args: ReadonlyArray<string>) => ["sh", "-euc", text, "host", ...args]
const full = { timeout: 60_000 }

describe("a host", () => {
  it("where the kernel gives no namespace is refused, with the setting to change", full, async () => {
    const user = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "--"]
    const wrap = [...user, ...script('echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"')]
    const { reason, message } = await answerOf(wrap, ["open", temporary(), ""])
    assert.equal(reason, "rejected")
    assert.match(message, /No sandbox can be kept apart from this host/)
    assert.match(message, /sudo sysctl -w user\.max_user_namespaces=15000/)
  })

  it.skipIf(lacks("bubblewrap") !== null || !isRoot)("without bubblewrap has util-linux", full, async () => {
    const hidden = 'mount --bind /dev/null /usr/bin/bwrap; exec "$@"'
    const wrap = ["unshare", "--mount", "--propagation", "private", ...script(hidden)]
    const dataDir = temporary()
    assert.deepEqual(await answerOf(wrap, ["open", dataDir, ""]), { isolation: "util-linux" })
    const { findings } = JSON.parse(readFileSync(join(dataDir, "isolation.json"), "utf8"))
    assert.deepEqual(findings[0], { isolation: "bubblewrap", stacked: false, works: false, why: "bwrap is not installed" })
  })

  it.skipIf(hindrance() !== null)("whose data directory may not be written is refused, by its name", full, async () => {
    const dataDir = temporary()
    const { reason, message } = await answerOf(asNobodyElse, ["open", dataDir, ""])
    assert.equal(reason, "rejected")
    assert.ok(message.includes(dataDir) && message.includes("may not write"), message)
  })

  it.skipIf(!isRoot)("that has disks mounted below its programs shows them read-only too", full, async () => {
    const mounted = 'mount -t tmpfs -o mode=1777,noexec below /usr/local; mkdir -m 1777 /usr/local/open; exec "$@"'
    const wrap = ["unshare", "--mount", "--propagation", "private", ...script(mounted)]
    for (const isolation of ["bubblewrap", "util-linux"].filter((name) => lacks(name as "bubblewrap") === null)) {
      const { stdout, stderr } = await answerOf(wrap, [
        "ask",
        temporary(),
        isolation,
        "ls /usr/local; touch /usr/local/open/file"
      ])
      assert.equal(stdout, "open\n")
      assert.match(stderr, /Read-only file system/)
    }
  })

  it("that left a file open in the server leaves it closed in a sandbox", full, async () => {
    // A number that node does not close by itself.
    const wrap = ["bash", "-euc", 'exec 77</etc/hostname; exec "$@"', "host"]
    const { stdout } = await answerOf(wrap, ["ask", temporary(), "", "readlink /proc/*/fd/*"])
    assert.match(stdout, /socket:/)
    assert.doesNotMatch(stdout, /hostname/)
  })

  it.skipIf(!isRoot)("whose disk is full says so, before and after it has started", full, async () => {
    for (const [what, filled] of [
      ["open", 'head -c 64M /dev/zero > "$1/full" || true'],
      ["fill", ":"]
    ] as const) {
      const small = `mount -t tmpfs -o size=64m full "$1"; ${filled}; shift; exec "$@"`
      const dataDir = temporary()
      const wrap = ["unshare", "--mount", "--propagation", "private", ...script(small, dataDir)]
      const { reason, message } = await answerOf(wrap, [what, dataDir, ""])
      assert.equal(reason, "quota", message)
      assert.match(message, /The disk is full.*PROLIFERATE_DATA/)
    }
  })

  it.skipIf(hindrance() !== null)("may have any character in the path of its data, also without root", full, async () => {
    for (const isolation of ["bubblewrap", "util-linux"].filter((name) => lacks(name as "bubblewrap") === null)) {
      const dataDir = join(temporary(nobodyElse), "a, b:c #d\\e")
      assert.deepEqual(await answerOf(asNobodyElse, ["open", dataDir, isolation]), { isolation })
    }
  })
})

describe("a host without control groups", () => {
  it.skipIf(hindrance() !== null)(
    "ends what takes more memory than a sandbox may have, and the rest lives on",
    full,
    async () => {
      const hog = "exec node -e 'const all = []; setInterval(() => all.push(Buffer.alloc(2e7, 1)), 20)'"
      const script = `sleep 60 & (${hog}) >/dev/null 2>&1; echo "it ended with $?"; kill -0 $! && echo the other lives`
      for (const isolation of ["bubblewrap", "util-linux"].filter((name) => lacks(name as "bubblewrap") === null)) {
        const dataDir = temporary(nobodyElse)
        const { stdout } = await answerOf(asNobodyElse, ["ask", dataDir, isolation, script, `${300 * 1024 * 1024}`])
        assert.equal(JSON.parse(readFileSync(join(dataDir, "isolation.json"), "utf8")).limits, "none")
        assert.equal(stdout, "it ended with 137\nthe other lives\n")
      }
    }
  )
})

describe("a data directory", () => {
  it.live("whose path is too long for sockets has them elsewhere, and finds them again", () => {
    const dataDir = join(temporary(), "x".repeat(100))
    const { serving } = worldOf(localSandboxes({ dataDir }))
    return Effect.gen(function* () {
      const before = yield* serving((sandboxes) =>
        Effect.gen(function* () {
          const { sandboxId } = yield* sandboxes.provision(request("long"))
          const endpoint = yield* sandboxes.endpoint(sandboxId)
          assert.ok("socketPath" in endpoint && Buffer.byteLength(endpoint.socketPath) <= 107)
          const elsewhere = dirname(dirname(endpoint.socketPath))
          return { sandboxId, elsewhere, health: yield* healthOf(sandboxes, sandboxId) }
        })
      )
      yield* serving((sandboxes) =>
        Effect.gen(function* () {
          assert.deepEqual(yield* healthOf(sandboxes, before.sandboxId), before.health)
          yield* sandboxes.destroy(before.sandboxId)
        })
      )
      rmSync(before.elsewhere, { recursive: true })
    })
  })

  it.live("keeps no trash", () => {
    const dataDir = temporary()
    const { serving } = worldOf(localSandboxes({ dataDir }))
    return serving((sandboxes) =>
      Effect.gen(function* () {
        const { sandboxId } = yield* sandboxes.provision(request("trash"))
        yield* shellOk(sandboxes, sandboxId, "mkdir -p a/b; touch a/b/c; chmod 000 a/b a")
        yield* sandboxes.destroy(sandboxId)
        yield* Effect.promise(() => expect.poll(() => written(dataDir).trash(), { timeout: 15_000 }).toEqual([]))
      })
    )
  })
})

describe("a daemon", () => {
  const sandboxesWith = (command: string, dataDir: string) =>
    worldOf(localSandboxes({ dataDir, daemonCommand: ["/bin/sh", "-c", command] })).serving
  const daemon = "exec /opt/proliferate/bin/node /opt/proliferate/proliferate.mjs daemon --socket /run/proliferate/daemon.sock"

  it.live("that ends while it starts is quoted in the error, and its sandbox is gone", () =>
    sandboxesWith(
      "echo the port is haunted >&2; exit 3",
      temporary()
    )((sandboxes) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(sandboxes.provision(request("ends")))
        assert.equal(error.reason, "unreachable")
        assert.match(error.message, /ended while it started[\s\S]*the port is haunted/)
        assert.deepEqual(yield* sandboxes.list, [])
      })
    )
  )

  it.live("that writes without end fills its log's megabyte and no more", () => {
    const dataDir = temporary()
    return sandboxesWith(
      `head -c 5000000 /dev/zero | tr '\\0' x >&2; ${daemon}`,
      dataDir
    )((sandboxes) =>
      Effect.gen(function* () {
        const { sandboxId } = yield* sandboxes.provision(request("flood"))
        assert.equal(statSync(join(dataDir, "sandboxes", sandboxId, "log")).size, 1024 * 1024)
        yield* sandboxes.destroy(sandboxId)
      })
    )
  })
})

describe("a stack of layers", () => {
  it.live(
    "is flattened before it grows tall, and shows the same",
    () => {
      const dataDir = temporary()
      const { serving } = worldOf(localSandboxes({ dataDir }))
      return serving((sandboxes) =>
        Effect.gen(function* () {
          const { sandboxId } = yield* sandboxes.provision(request("tall"))
          for (let round = 1; round <= 21; round++) {
            yield* shellOk(
              sandboxes,
              sandboxId,
              `echo ${round} >> all; touch only-${round}; rm -f only-${round - 1}; mkdir -p ~/dir; echo ${round} > ~/dir/last`
            )
            const { snapshotId } = yield* sandboxes.capture(sandboxId, `round-${round}`)
            yield* sandboxes.revive(sandboxId)
            yield* sandboxes.discard(snapshotId)
          }
          const seen = yield* shellOk(sandboxes, sandboxId, "wc -l < all; ls; cat ~/dir/last; stat -c %a ~ /workspace")
          assert.equal(seen, "21\nall\nonly-21\n21\n700\n755")
          assert.equal(written(dataDir).record(sandboxId).layers.length, 2)
          yield* Effect.promise(() => expect.poll(() => written(dataDir).layers().length, { timeout: 15_000 }).toBe(2))
          yield* sandboxes.destroy(sandboxId)
        })
      )
    },
    120_000
  )
})
