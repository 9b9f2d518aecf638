/** `ops status --watch`: to a program, to a reader of lines, and at a terminal. */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ApiServer, problem, startApiServer } from "../support/api-server.ts"
import { bundle, makeBundle, run, start } from "../support/command.ts"

const row = {
  id: "sandbox.stray:sbx_1",
  kind: "sandbox.stray",
  actor: "ses_1",
  severity: "warn",
  since: "2026-11-22T15:20:00.000Z",
  reason: "ses_1 is stopped and does not hold it",
  held: null,
  fix: { event: "sandbox.ready", effect: "its session plans its destruction", mode: "safe" }
}
const kind = {
  kind: "session.sandbox-gone",
  lookedAtMs: 1_700_000_000_000,
  judged: 0,
  drift: 0,
  held: null,
  paused: null,
  unknown: [{ org: null, subject: "e2b", why: "no answer" }]
}

let server: ApiServer
let env: Record<string, string>
let drift: Array<typeof row> = []
let looks = 0
let isStarting = false
beforeAll(async () => {
  makeBundle()
  server = await startApiServer({
    "GET /v1/operations": () => {
      looks += 1
      return isStarting
        ? problem(503, "unavailable", "starting")
        : { status: 200, body: { drift, kinds: [kind], fixes: [], nodes: [], cells: [] } }
    }
  })
  env = { PROLIFERATE_URL: server.url, PROLIFERATE_TOKEN: "plf_x" }
})
afterAll(() => server.close())

const twoLooks = async () => {
  const before = looks
  await expect.poll(() => looks, { timeout: 20_000 }).toBeGreaterThan(before + 1)
}

describe("proliferate ops status --watch", () => {
  it("prints a line for what comes and goes, an object for each that differs with --json", async () => {
    drift = [row]
    const lines = start(["ops", "status", "--watch"], env)
    await lines.until((stdout) => stdout.includes("drift    sandbox.stray:sbx_1: ses_1 is stopped"))
    drift = []
    await lines.until((stdout) => stdout.includes("no more  drift    sandbox.stray:sbx_1"))
    lines.child.kill("SIGINT")
    const ended = await lines.ended
    expect([ended.code, ended.stderr, ended.stdout.match(/^unknown/gm)?.length]).toEqual([130, "", 1])

    const objects = start(["ops", "status", "--watch", "--json"], env)
    await objects.until((stdout) => stdout.includes('"drift":[]'))
    await twoLooks()
    drift = [row]
    await objects.until((stdout) => stdout.includes("sandbox.stray:sbx_1"))
    objects.child.kill("SIGINT")
    const { code, stdout } = await objects.ended
    expect(code).toBe(130)
    const shown = stdout.trimEnd().split("\n")
    expect(shown.map((line) => JSON.parse(line).drift.length)).toEqual([0, 1])
  })

  it.runIf(existsSync("/usr/bin/script"))("draws in place at a terminal, and leaves the last picture when it ends", async () => {
    drift = [row]
    const command = `stty cols 120 rows 24; exec ${process.execPath} ${bundle} ops status --watch`
    const child = spawn("/usr/bin/script", ["-qec", command, "/dev/null"], {
      env: { PATH: process.env["PATH"]!, TERM: "xterm", SHELL: "/bin/sh", ...env },
      stdio: ["pipe", "pipe", "inherit"]
    })
    let screen = ""
    child.stdout.setEncoding("utf8").on("data", (text) => {
      screen += text
    })
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
    const pictures = () => screen.split("\u001b[H\u001b[J").length - 1
    await expect.poll(pictures, { timeout: 20_000 }).toBeGreaterThan(1)
    child.stdin.write("\u0003")
    expect(await ended).toBe(130)
    const [, after] = screen.split("\u001b[?1049l")
    expect(after).toContain("session.sandbox-gone")
    expect(screen.indexOf("\u001b[?1049h")).toBeGreaterThanOrEqual(0)
  })

  it("waits for a server that starts again, once it has answered", async () => {
    isStarting = true
    expect((await run(["ops", "status", "--watch"], env)).code).toBe(69)
    isStarting = false
    drift = []
    const lines = start(["ops", "status", "--watch"], env)
    await lines.until((stdout) => stdout.includes("unknown"))
    isStarting = true
    await twoLooks()
    drift = [row]
    isStarting = false
    await lines.until((stdout) => stdout.includes("drift    sandbox.stray:sbx_1"))
    lines.child.kill("SIGINT")
    expect((await lines.ended).code).toBe(130)
  })
})
