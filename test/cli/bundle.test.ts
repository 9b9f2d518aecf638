import { spawn, spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { builtinModules } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeAll, expect, it, onTestFinished, vi } from "vitest"
import { startApiServer } from "../support/api-server.ts"
import { bundle, makeBundle, root } from "../support/command.ts"

beforeAll(makeBundle)

const builtins = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])

it("is one file that imports nothing but node's own modules", () => {
  const text = readFileSync(bundle, "utf8")
  const imported = [...text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*["'`]([\w@.:/-]+)["'`]/g)].map(([, name]) => name!)
  expect(imported.length).toBeGreaterThan(3)
  expect(imported.filter((name) => !builtins.has(name))).toEqual([])
  expect(statSync(bundle).size).toBeLessThan(1_500_000)
})

it("holds nothing of the server", () => {
  const text = readFileSync(bundle, "utf8")
  for (const word of ["uws_linux", "initdb", "application_name", "migrations"]) expect(text).not.toContain(word)
})

it("runs alone in an empty directory, as in a sandbox", () => {
  const nowhere = mkdtempSync(join(tmpdir(), "proliferate-alone-"))
  onTestFinished(() => rmSync(nowhere, { recursive: true, force: true }))
  copyFileSync(bundle, join(nowhere, "proliferate.mjs"))
  const call = (...args: ReadonlyArray<string>) =>
    spawnSync(process.execPath, [join(nowhere, "proliferate.mjs"), ...args], { cwd: nowhere, env: {}, encoding: "utf8" })
  expect(call("--version").stdout).toMatch(/^proliferate v/)
  expect(call("whoami").status).toBe(69)
  const serve = call("serve")
  expect([serve.status, serve.stderr.split("\n")[0]]).toEqual([
    1,
    "proliferate: cli/serve.ts is not here: this is the single file that sandboxes use"
  ])
})

it("is started by the package's bin under any node, and hands its exit code on", () => {
  const call = (...args: ReadonlyArray<string>) =>
    spawnSync(process.execPath, [join(root, "cli/proliferate.mjs"), ...args], {
      cwd: tmpdir(),
      env: { PROLIFERATE_URL: "http://127.0.0.1:9" },
      encoding: "utf8"
    })
  expect(call("--version").stdout).toMatch(/^proliferate v/)
  expect([call("whoami").status, call("sessions", "x").status]).toEqual([69, 2])
})

it("hands on a signal that is sent to the bin alone, and waits for the end", { timeout: 30_000 }, async () => {
  const waiting = await startApiServer({ "GET /v1/whoami": () => new Promise(() => {}) })
  // Under another node than the package's own the command is a process of its own.
  const elsewhere = mkdtempSync(join(tmpdir(), "proliferate-node-"))
  onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }))
  const otherNode = join(elsewhere, "node")
  copyFileSync(process.execPath, otherNode)
  const child = spawn(otherNode, [join(root, "cli/proliferate.mjs"), "whoami"], { env: { PROLIFERATE_URL: waiting.url } })
  await vi.waitUntil(() => waiting.asked.length > 0, { timeout: 10_000 })
  child.kill("SIGINT")
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(130)
  await waiting.close()
})

it("shows its help in a time that is told here", () => {
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now()
    spawnSync(process.execPath, [bundle, "--help"])
    return performance.now() - start
  }).sort((a, b) => a - b)
  console.log(`proliferate --help: ${times[0]!.toFixed(0)} ms at best, ${times[3]!.toFixed(0)} ms in the middle of 7`)
  // A machine that is busy with other tests is slow; ten times the goal is a fault.
  expect(times[0]).toBeLessThan(1_000)
})
