/** What something hostile inside a sandbox can reach: asked from inside, by trying. */
import assert from "node:assert/strict"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { homedir } from "node:os"
import { Effect } from "effect"
import { expect, it } from "vitest"
import { healthOf, shell } from "../support/daemon-exec.ts"
import { withSandbox } from "../support/sandbox-suite.ts"

const MiB = 1024 * 1024
/** With namespaces of its own, so that what holds behind the filter of system calls is tried too; escape.test.ts goes without. */
const bounds = { processesMax: 120, memoryBytesMax: 300 * MiB, fileBytesMax: 64 * MiB, nested: true }
process.env["HOST_SECRET"] = "must-not-enter"

const isLimited = (dataDir: string, controller: string): boolean => {
  const { limits } = JSON.parse(readFileSync(`${dataDir}/isolation.json`, "utf8"))
  return limits.includes(controller)
}

withSandbox("isolation", bounds, {}, ({ dataDir, sandboxes, sandboxId, inside }) => {
  it("cannot change what the host's kernel does, not even as root of a namespace of its own", async () => {
    const before = readFileSync("/proc/sys/kernel/core_pattern", "utf8")
    for (const prefix of ["", "unshare -Ur ", "unshare -Urmpf --mount-proc "]) {
      const { code } = await inside(`${prefix}sh -c 'echo "|/workspace/owned" > /proc/sys/kernel/core_pattern'`)
      assert.notEqual(code, 0, prefix)
    }
    assert.equal(readFileSync("/proc/sys/kernel/core_pattern", "utf8"), before)
  })

  it("has no capability, can gain none, and is nobody on the host", async () => {
    const { text } = await inside("id -u; grep -E '^(Cap|NoNewPrivs)' /proc/self/status /proc/1/status")
    assert.match(text, /^1000\n/)
    assert.equal(text.match(/Cap\w+:\s+0000000000000000/g)?.length, 10)
    assert.equal(text.match(/NoNewPrivs:\s+1/g)?.length, 2)
    const record = JSON.parse(readFileSync(`${dataDir}/sandboxes/${sandboxId()}/record.json`, "utf8"))
    const owner = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${record.launched.init.pid}/status`, "utf8"))?.[1]
    assert.notEqual(owner, "0")
  })

  it("sees nothing of the host's files but programs", async () => {
    for (const path of [homedir(), dataDir, "/etc/shadow", "/sys/kernel", "/var/log", process.cwd(), "/run/systemd", "/boot"]) {
      const { code, text } = await inside(`ls -d '${path}'`)
      assert.notEqual(code, 0, `${path}: ${text}`)
    }
    assert.equal((await inside("ls -A /tmp /var/tmp")).text, "/tmp:\n\n/var/tmp:")
    assert.equal((await inside("ls /home")).text, "user")
  })

  it("cannot write programs, /etc or the root, however it mounts", async () => {
    const paths = ["/usr/bin", "/usr/local/bin", "/etc", "/opt/proliferate/bin", "/"]
    for (const path of paths) {
      assert.notEqual((await inside(`touch ${path}/x`)).code, 0, path)
      const { text } = await inside(
        `unshare -Urm sh -c 'mount -o remount,bind,rw ${path}; touch ${path}/x && echo WRITTEN; umount ${path} && echo OFF'`
      )
      assert.doesNotMatch(text, /WRITTEN|OFF/, path)
    }
    assert.notEqual((await inside("echo x >> /opt/proliferate/proliferate.mjs")).code, 0)
  })

  it("cannot reach what listens on the host, by address or by abstract name", async () => {
    const abstract = `\0proliferate-test-${process.pid}-${Math.round(performance.now())}`
    const [byAddress, byName] = [createServer((socket) => socket.end("seen")), createServer((socket) => socket.end("seen"))]
    await new Promise<void>((resolve) => byAddress.listen(0, "127.0.0.1", resolve))
    await new Promise<void>((resolve) => byName.listen(abstract, resolve))
    const port = (byAddress.address() as { port: number }).port
    const dial = (target: string) =>
      inside(
        `node -e 'require("net").connect(${target}).on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code))'`
      )
    try {
      assert.equal((await dial(`${port}, "127.0.0.1"`)).text, "ECONNREFUSED")
      assert.equal((await dial(`{ path: "\\0${abstract.slice(1)}" }`)).text, "ECONNREFUSED")
      assert.match((await dial('53, "1.1.1.1"')).text, /ENETUNREACH|EHOSTUNREACH/)
    } finally {
      byAddress.close()
      byName.close()
    }
  })

  it("finds no socket but its own two", async () => {
    const { sandboxId: other } = await Effect.runPromise(
      sandboxes().provision({ key: "other", org: "org_b", sessionId: "ses_other", snapshotId: null })
    )
    try {
      const { text } = await inside("find / -xdev -type s 2>/dev/null; ls /run /run/proliferate")
      assert.equal(text, "/run:\nproliferate\nproliferate-proxy\n\n/run/proliferate:\ndaemon.sock\nproxy.sock")
      assert.doesNotMatch((await inside("ps -ef")).text, /ses_other|vitest/)
    } finally {
      await Effect.runPromise(sandboxes().destroy(other))
    }
  })

  it("cannot lead the host to another socket by putting a link in the place of its own", async () => {
    const run = Effect.runPromise
    const { daemonId } = await run(healthOf(sandboxes(), sandboxId()))
    const { code } = await inside("cd /run/proliferate && rm daemon.sock && ln -s /run/docker.sock daemon.sock")
    assert.equal(code, 0)
    assert.equal((await run(healthOf(sandboxes(), sandboxId()))).daemonId, daemonId)
    assert.equal(await run(sandboxes().status(sandboxId())), "running")
    assert.notEqual((await inside("rm -f /run/proliferate-proxy/proxy.sock || mv /run/proliferate-proxy /run/x")).code, 0)
  })

  it("follows its own links to its own root", async () => {
    const { text } = await inside(
      `ln -sfn / out; ln -sfn ../../../../..${dataDir} up; ls out; ls up/sandboxes; ls /proc/1/root; ls -d /proc/1/root${dataDir}`
    )
    assert.match(text, /^bin\n/)
    assert.doesNotMatch(text, /sbx_|lost\+found|boot/)
  })

  it("has no terminal to type into, no inherited file, no word of the host's environment", async () => {
    assert.match((await inside("tty; : < /dev/tty")).text, /not a tty[\s\S]*No such device/)
    const files = (await inside("readlink /proc/1/fd/* /proc/2/fd/* | sort -u")).text
    assert.doesNotMatch(files, /\/work|\/tmp|\/root|vitest|isolation\.json/)
    assert.doesNotMatch((await inside("cat /proc/*/environ | tr '\\0' '\\n'")).text, /must-not-enter|VITEST/)
  })

  it("cannot fill the host with processes", async () => {
    const bomb = `let started = 0, refused = 0
      for (let i = 0; i < 400; i++) {
        const child = require("child_process").spawn("sleep", ["20"]).on("error", () => {})
        child.pid === undefined ? refused++ : started++
      }
      console.log(started, refused)
      process.exit()`
    const { text } = await inside(`node -e '${bomb}'; pkill sleep`)
    const [started, refused] = text.split(" ").map(Number)
    assert.ok(started! < bounds.processesMax && refused! > 0, text)
    assert.equal(await Effect.runPromise(sandboxes().status(sandboxId())), "running")
  })

  it("cannot write a file without end", async () => {
    const { code, text } = await inside(
      `truncate -s ${65 * MiB} huge || head -c ${65 * MiB} /dev/zero > huge; stat -c %s huge; rm -f huge`
    )
    assert.equal(code, 0)
    assert.ok(Number(text.split("\n")[0]) <= 64 * MiB, text)
  })

  it("cannot take the host's memory, and lives on when it tried", async (context) => {
    if (!isLimited(dataDir, "memory")) context.skip("control groups for memory are not writable here")
    const { code } = await inside("node -e 'const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))'")
    assert.notEqual(code, 0)
    assert.equal(await Effect.runPromise(sandboxes().status(sandboxId())), "running")
  })

  it("keeps no dead process: what loses its parent is reaped", async () => {
    await inside("for i in $(seq 20); do (true &); done")
    await expect.poll(() => inside("ps -eo stat= | grep -c Z || true").then(({ text }) => text), { timeout: 10_000 }).toBe("0")
  })

  it("leaves no process and no control group when it is destroyed, however they hid", async () => {
    const mark = `48${process.pid}`
    const { sandboxId: doomed } = await Effect.runPromise(
      sandboxes().provision({ key: "doomed", org: "org_a", sessionId: "ses_doomed", snapshotId: null })
    )
    const hide = `setsid nohup sleep ${mark} >/dev/null 2>&1 & (trap '' TERM HUP INT; sleep ${mark}) & unshare -Urpf sleep ${mark} & wait -n; true`
    await Effect.runPromise(shell(sandboxes(), doomed, `(${hide}) >/dev/null 2>&1 & sleep 0.2`))
    const living = () =>
      readdirSync("/proc").filter((pid) => {
        try {
          return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark)
        } catch {
          return false
        }
      })
    assert.ok(living().length >= 3, `${living().length} processes hid`)
    await Effect.runPromise(sandboxes().destroy(doomed))
    assert.deepEqual(living(), [])
    const groups = existsSync("/sys/fs/cgroup/pids") ? readdirSync("/sys/fs/cgroup/pids") : []
    assert.deepEqual(
      groups.filter((name) => name.endsWith(doomed)),
      []
    )
  })
})
