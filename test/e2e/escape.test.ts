/**
 * An agent that wants out, at its own terminal, in a session of a real server: each attempt is refused, and where it is cheap the
 * same attempt on the host shows that it can succeed. `DEEP=1` tries it with a server of an ordinary user, too. What needs small bounds (bombs, full disks) is in escape-bombs.test.ts.
 */
import assert from "node:assert/strict"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server as NetServer } from "node:net"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, it } from "vitest"
import { dial, hasPerl, opensForWriting, outside, systemCall } from "../support/attempts.ts"
import { hindrance, isRoot, nobodyElse } from "../support/confined.ts"
import { lacks } from "../support/local-sandboxes.ts"
import { type Office, openOffice } from "../support/terminal.ts"

const listening = (server: NetServer, at: number | string) =>
  new Promise<number>((resolve) =>
    typeof at === "string"
      ? server.listen(at, () => resolve(0))
      : server.listen(at, "127.0.0.1", () => resolve((server.address() as { port: number }).port))
  )

const ways = (["bubblewrap", "util-linux"] as const).flatMap((isolation) =>
  (process.env["DEEP"] ? [null, nobodyElse] : [null]).map((owner) => ({ isolation, owner }))
)

for (const { isolation, owner } of ways) {
  const missing = lacks(isolation) ?? (owner === null ? null : hindrance())
  const title = `an agent that wants out: ${isolation}${owner === null ? "" : ", of an ordinary user"}`
  describe.skipIf(missing !== null)(`${title}${missing === null ? "" : ` (${missing})`}`, () => {
    let office: Office
    const inside = (script: string) => office.one.terminal(script)
    const outcome = async (script: string) => (await inside(script)).text

    beforeAll(async () => {
      office = await openOffice(isolation, owner)
    }, 120_000)
    afterAll(() => office?.close(), 60_000)

    it("changes no setting of the kernel", async () => {
      const settings = ["kernel/core_pattern", "kernel/modprobe", "vm/overcommit_memory", "fs/suid_dumpable"]
      for (const path of [
        ...settings.map((name) => `/proc/sys/${name}`),
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity"
      ]) {
        if (isRoot && existsSync(path)) assert.equal(await outside(opensForWriting(path)), "written", path)
        assert.equal(await outcome(opensForWriting(path)), "refused", path)
      }
      assert.match(await outcome("ls /sys"), /No such file/)
    })

    it("makes none of the system calls by which others have left", { timeout: 60_000 }, async (context) => {
      if (!hasPerl) context.skip("perl, which makes them, is not installed")
      const [notPermitted, noSuchCall, noSuchFamily] = ["errno 1", "errno 38", "errno 97"] as const
      // With arguments that do no harm where they are heard.
      const calls: ReadonlyArray<readonly [expected: string, ...Parameters<typeof systemCall>]> = [
        [notPermitted, "bpf", 9_999, 0, 0],
        [notPermitted, "init_module", 0, 0, 0],
        [notPermitted, "finit_module", -1, 0, 0],
        [notPermitted, "kexec_load", 0, 0, 0, 0x7fff_ffff],
        [notPermitted, "keyctl", 9_999, 0, 0],
        [notPermitted, "add_key", 0, 0, 0, 0, 0],
        [notPermitted, "request_key", 0, 0, 0, 0],
        [notPermitted, "perf_event_open", 0, 0, 0, 0, 9_999],
        [notPermitted, "userfaultfd", 0x7fff_ffff],
        [notPermitted, "open_by_handle_at", -1, 0, 0],
        [notPermitted, "process_vm_readv", 1, 0, 0, 0, 0, 9_999],
        [notPermitted, "pidfd_getfd", -1, 0, 0],
        [notPermitted, "personality", 0x40_0000],
        [notPermitted, "ptrace", 16, -1, 0, 0],
        [notPermitted, "ioctl", 0, 0x5412, 0],
        [notPermitted, "mount", 0, 0, 0, 0, 0],
        [notPermitted, "umount2", 0, 0],
        [notPermitted, "pivot_root", 0, 0],
        [notPermitted, "fsopen", 0, 0],
        [notPermitted, "setns", -1, 0],
        [notPermitted, "unshare", 0x1000_0000],
        [notPermitted, "unshare", 0x2_0000],
        [noSuchCall, "clone3", 0, 0],
        [noSuchCall, "io_uring_setup", 0, 0],
        [noSuchFamily, "socket", 17, 3, 0]
      ]
      const script = calls.map(([, ...call]) => systemCall(...call)).join("\n")
      assert.deepEqual(
        (await outcome(script)).split("\n"),
        calls.map(([expected]) => expected)
      )
      if (!isRoot) return
      const heard = (await outside(`exec </dev/null; ${script}`)).split("\n")
      for (const [index, [expected, name]] of calls.entries()) assert.notEqual(heard[index], expected, name)
    })

    it("has no way into a virtual machine's host, nor a namespace of its own", async () => {
      if (hasPerl) assert.equal(await outcome(systemCall("socket", 40, 1, 0)), "errno 97")
      assert.match(await outcome("unshare -Ur id; unshare -m true; nsenter -t 1 -n true"), /Operation not permitted/)
    })

    it("gains nothing from a program that is setuid: no mount has them", async () => {
      const mounts = (await outcome("cat /proc/self/mountinfo")).split("\n")
      assert.ok(mounts.length > 5)
      for (const mount of mounts) if (!/ \/dev(\/\w+)? | - proc /.test(mount)) assert.match(mount, / \S*nosuid/, mount)
      assert.equal(await outcome("grep -c 'NoNewPrivs:.1' /proc/self/status"), "1")
    })

    it("reaches nothing that listens on the host", async () => {
      const name = `proliferate-escape-${process.pid}-${isolation}`
      const [byAddress, byName] = [createServer((socket) => socket.end("seen")), createServer((socket) => socket.end("seen"))]
      const port = await listening(byAddress, 0)
      await listening(byName, `\0${name}`)
      try {
        const targets = [`${port}, "127.0.0.1"`, `{ path: "\\0${name}" }`]
        for (const target of targets) {
          assert.equal(await outside(`PATH=${process.execPath.replace(/\/node$/, "")}:$PATH; ${dial(target)}`), "seen", target)
          assert.equal(await outcome(dial(target)), "ECONNREFUSED", target)
        }
        assert.equal(await outcome(dial(`${new URL(office.server.url).port}, "127.0.0.1"`)), "ECONNREFUSED")
        assert.equal(await outcome(dial('{ path: "/run/docker.sock" }')), "ENOENT")
        assert.match(await outcome(dial('80, "169.254.169.254"')), /ENETUNREACH|EHOSTUNREACH/)
      } finally {
        byAddress.close()
        byName.close()
      }
    })

    it("reads nothing of the host: no home, no data directory, no key, no word of its environment", async () => {
      const { dataDir, server } = office
      for (const path of [homedir(), dataDir, join(dataDir, "host.key"), "/etc/shadow", process.cwd(), "/proc/1/root/root"]) {
        assert.match(await outcome(`ls -d '${path}' && cat '${path}'`), /No such file|Permission denied/, path)
      }
      const seen = await outcome("env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; cat /proc/mounts /etc/*")
      for (const secret of ["must-not-enter", server.token!, "VITEST"]) assert.ok(!seen.includes(secret), secret)
      assert.equal(await outcome("cat /proc/keys /proc/key-users /proc/kcore 2>/dev/null | wc -c"), "0")
    })

    it("sees and signals no process but its own", async () => {
      const pid = office.server.process.pid!
      assert.equal(await outside(`kill -0 ${pid} && echo it is there`), "it is there")
      assert.match(await outcome(`kill -0 ${pid} || ls -d /proc/${pid}`), /No such process/)
      assert.doesNotMatch(await outcome("ps -ef; ls -l /proc/*/exe /proc/*/cwd"), /vitest|postgres|serve\.ts|other/)
    })

    it("finds nothing of another session: neither its files, nor its processes, nor its sockets", async () => {
      // In two halves, so that who looks for it does not find themselves.
      const [half, rest] = ["mark-", `${process.pid}-${isolation}`]
      const mark = half + rest
      await office.other.terminal(`echo secret > /workspace/${mark}; (exec -a ${mark} sleep 300) >/dev/null 2>&1 & true`)
      assert.equal(
        (await office.other.terminal(`find / -xdev -name '${mark}' 2>/dev/null; ls /workspace`)).text.includes(mark),
        true
      )
      assert.equal(
        await outcome(`M='${half}''${rest}'; find / -name "$M" 2>/dev/null; grep -la "$M" /proc/[0-9]*/cmdline 2>/dev/null`),
        ""
      )
      assert.equal(
        await outcome("find / -type s ! -path /run/proliferate-proxy/proxy.sock 2>/dev/null"),
        "/run/proliferate/daemon.sock"
      )
    })

    it("gets another session's repository and doings not from the host either", async () => {
      const { one, other } = office
      const refs = (id: string) =>
        outcome(`curl -s -o /dev/null -w '%{http_code}' 'http://127.0.0.1:3128/git/${id}/info/refs?service=git-upload-pack'`)
      assert.equal(await refs(one.repositoryId), "200")
      assert.equal(await refs(other.repositoryId), "404")
      const api = (method: string, path: string) =>
        outcome(
          `curl -s -o /dev/null -w '%{http_code}' -X ${method} -d '{}' -H 'content-type: application/json' -H 'authorization: Bearer plf_x' 'http://127.0.0.1:3128/api/v1/${path}'`
        )
      assert.equal(await api("GET", `sessions/${one.sessionId}`), "200")
      for (const [method, path] of [
        ["GET", `sessions/${other.sessionId}`],
        ["GET", `sessions/${other.sessionId}/events`],
        ["POST", `sessions/${other.sessionId}/stop`],
        ["POST", "tokens"],
        ["POST", "users"],
        ["GET", "actors/session/x/history"]
      ] as const)
        assert.match(await api(method, path), /^40[0-4]$/, path)
      assert.equal((await office.call("GET", `/v1/sessions/${other.sessionId}`)).status, "running")
    })

    it("has git run nothing on the host, nor for the host", async () => {
      const marks = mkdtempSync(join(tmpdir(), "proliferate-marks-"))
      const trap = `sh -c 'touch /workspace/ran ${marks}/ran'`
      const traps = ["core.fsmonitor", "core.sshCommand", "core.editor", "core.pager", "credential.helper", "diff.external"]
      const set = traps.map((name) => `git config ${name} "${name === "credential.helper" ? "!" : ""}${trap}"`).join("\n")
      const hooks = "mkdir -p hooks; for H in pre-commit post-checkout reference-transaction fsmonitor-watchman; do"
      const body = `printf '#!/bin/sh\\ntouch /workspace/ran ${marks}/ran\\n' > hooks/$H; chmod +x hooks/$H; done; git config core.hooksPath "$PWD/hooks"`
      try {
        const { code, text } = await inside(`cd /workspace && echo more > file && ${hooks} ${body}\n${set}\nrm -f /workspace/ran`)
        assert.equal(code, 0, text)
        const { repositories } = await office.call("GET", `/v1/sessions/${office.one.sessionId}/diff`)
        assert.ok(JSON.stringify(repositories).includes("file"), JSON.stringify(repositories))
        assert.deepEqual(readdirSync(marks), [])
        assert.equal(await outcome("ls /workspace/ran 2>/dev/null"), "")
        // The trap does spring where git is asked without care.
        await inside("cd /workspace && git status")
        assert.equal(await outcome("ls /workspace/ran"), "/workspace/ran")
        assert.deepEqual(readdirSync(marks), [])
      } finally {
        rmSync(marks, { recursive: true })
      }
    })

    it("leads the host nowhere by links, whether it shows, keeps, restores or deletes them", { timeout: 120_000 }, async () => {
      const { call, one } = office
      const victim = mkdtempSync(join(tmpdir(), "proliferate-victim-"))
      writeFileSync(join(victim, "file"), "precious")
      try {
        const script = `cd /workspace && ln -s '${victim}/file' leak && ln -s '${victim}' folder && ln -s / root && ln -s '${office.dataDir}' data
          ln -s '${victim}' ~/folder; ln /etc/passwd hard; ln /opt/proliferate/proliferate.mjs hard; ls`
        const { text } = await inside(script)
        assert.match(text, /cross-device|not permitted|Invalid/i)
        assert.ok(!text.split("\n").includes("hard"))
        const shown = JSON.stringify(await call("GET", `/v1/sessions/${one.sessionId}/diff`))
        assert.ok(shown.includes("leak") && !shown.includes("precious"), shown)

        const seen = one.watcher.events.length
        const until = (status: string) =>
          one.watcher.until(status, ({ seq, kind, body }) => seq > seen && kind === "state" && body["status"] === status, 60_000)
        await call("POST", `/v1/sessions/${one.sessionId}/pause`)
        await until("paused")
        await call("POST", `/v1/sessions/${one.sessionId}/resume`)
        await one.watcher.until("an agent", ({ seq, kind }) => seq > seen && kind === "agent.ready", 60_000)
        assert.match(await outcome("cd /workspace && readlink leak && cat leak"), /file\n.*No such file/)
        await call("POST", `/v1/sessions/${one.sessionId}/stop`)
        await until("stopped")
        assert.equal(readFileSync(join(victim, "file"), "utf8"), "precious")
      } finally {
        rmSync(victim, { recursive: true })
      }
    })

    it("ends its own daemon over its own socket, and is given another; nobody else notices", { timeout: 60_000 }, async () => {
      const { other, one, server } = office
      const seen = other.watcher.events.length
      const ask = "curl -s -m 5 --unix-socket /run/proliferate/daemon.sock"
      assert.match((await other.terminal(`${ask} http://daemon/v1/health`)).text, /daemonId/)
      await other.terminal(`${ask} -X POST -H 'content-type: application/json' -d '{}' http://daemon/v1/shutdown`).catch(() => {})
      await other.watcher.until("an agent", ({ seq, kind }) => seq > seen && kind === "agent.ready", 60_000)
      assert.equal((await other.terminal("echo back again")).text, "back again")
      assert.equal(server.process.exitCode, null)
      assert.ok((await office.call("GET", `/v1/sessions/${one.sessionId}`)).id)
    })

    it("ends itself and nobody else when it ends all that it can", { timeout: 60_000 }, async () => {
      const { other, server } = office
      await other.terminal("kill -9 -1").catch(() => {})
      await other.watcher.until("the loss of it", ({ kind }) => /lost|failed|ended/.test(kind), 60_000)
      assert.equal(server.process.exitCode, null)
      assert.equal((await fetch(`${server.url}/v1/whoami`, { headers: { authorization: `Bearer ${server.token}` } })).status, 200)
    })
  })
}
