import { execFileSync, spawn } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { makeBundle, root } from "../support/command.ts"

const scratch = mkdtempSync(join(tmpdir(), "pd-"))
beforeAll(makeBundle)
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const demo = (...args: ReadonlyArray<string>) =>
  new Promise<{ code: number | null; last: any; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [join(root, "cli/demo.ts"), "--json", ...args], {
      env: { ...process.env, TMPDIR: scratch }
    })
    let [stdout, stderr] = ["", ""]
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text
    })
    child.on("close", (code) => resolve({ code, stdout, stderr, last: JSON.parse(stdout.trim().split("\n").at(-1)!) }))
  })

/** A repository of somebody's: the sample, with `change` made to it. */
const repositoryOf = (name: string, change: (directory: string) => void) => {
  const directory = join(scratch, name)
  cpSync(join(root, "cli/sample"), directory, { recursive: true })
  change(directory)
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-C", directory, "-c", "user.name=t", "-c", "user.email=t@t.invalid", ...args])
  git("init", "--quiet", "--initial-branch=main")
  git("add", "--all")
  git("commit", "--quiet", "--message", "first")
  return directory
}
const left = () => readdirSync(scratch).filter((name) => name.startsWith("proliferate-demo-"))

it("does the whole main job, says so in one object, and leaves nothing", { timeout: 240_000 }, async () => {
  const { code, last, stdout, stderr } = await demo()
  expect([code, last.ok], stderr.slice(-3000)).toEqual([0, true])
  expect(stdout.trim().split("\n")).toHaveLength(1)
  expect(Object.keys(last)).toEqual(
    "ok sessionId agent isolation turns resumed events filesChanged pushedCommit testBefore testAfter timingsMs".split(" ")
  )
  expect(last).toMatchObject({
    agent: "scripted",
    turns: 2,
    resumed: true,
    filesChanged: 1,
    testBefore: "failed",
    testAfter: "passed"
  })
  expect(last.pushedCommit).toMatch(/^[0-9a-f]{40}$/)
  const timings = "sandboxReady agentReady firstToken pause resume gatewayHopP50 gatewayHopP99".split(" ")
  expect(Object.keys(last.timingsMs)).toEqual(timings)
  for (const name of timings) expect(last.timingsMs[name], name).toBeGreaterThan(0)
  expect(stderr).toContain("the scripted agent (it follows a script, it is no model)")
  expect(left()).toEqual([])
})

it("shows actions: what runs, what waits for a person, and what is not made twice", { timeout: 240_000 }, async () => {
  const { code, last, stdout, stderr } = await demo("--scenario", "approval")
  expect([code, last.ok], stderr.slice(-3000)).toEqual([0, true])
  expect(stdout.trim().split("\n")).toHaveLength(1)
  expect(Object.keys(last)).toEqual("ok providerEffects duplicates decisionToExecutionMsP50 decisionToExecutionMsP99".split(" "))
  expect(last.duplicates).toBe(0)
  expect(last.providerEffects).toBeGreaterThan(20)
  expect(last.decisionToExecutionMsP99).toBeGreaterThan(0)
  expect(left()).toEqual([])
})

it("says what did not happen where the agent finds nothing to mend", { timeout: 240_000 }, async () => {
  const repository = repositoryOf("sound", (directory) => {
    const file = join(directory, "lib/pager.js")
    writeFileSync(file, readFileSync(file, "utf8").replace("items.length - 1", "items.length"))
  })
  const { code, last } = await demo("--repo", repository)
  expect(code).toBe(1)
  expect(last).toMatchObject({ ok: false, failedAt: "verify", turns: 2, filesChanged: 0, pushedCommit: null })
  expect(last.error).toContain("no file was changed; nothing was pushed")
  expect(execFileSync("git", ["-C", repository, "branch", "--format=%(refname:short)"], { encoding: "utf8" })).toBe("main\n")
  expect(left()).toEqual([])
})

it("ends at the step that failed, with why", { timeout: 120_000 }, async () => {
  const { code, last, stderr } = await demo("--repo", "/nowhere/at/all")
  expect([code, last.ok, last.failedAt]).toEqual([1, false, "register"])
  expect(last.error).toContain("/nowhere/at/all")
  expect(stderr).toContain("The demo failed at register")
  expect(left()).toEqual([])
})

it("removes everything when it is interrupted", { timeout: 120_000 }, async () => {
  const child = spawn(process.execPath, [join(root, "cli/demo.ts"), "--json"], { env: { ...process.env, TMPDIR: scratch } })
  const said = (await new Promise<string>((resolve) => {
    let text = ""
    child.stderr.setEncoding("utf8").on("data", (chunk) => {
      text += chunk
      if (text.includes("preparing")) resolve(text)
    })
  })) as string
  const [, port] = /http:\/\/127\.0\.0\.1:(\d+) after/.exec(said)!
  let stdout = ""
  child.stdout.on("data", (chunk) => {
    stdout += chunk
  })
  child.kill("SIGINT")
  const code = await new Promise((resolve) => child.on("close", resolve))
  expect([code, JSON.parse(stdout).failedAt]).toEqual([130, "interrupted"])
  await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow()
  expect(left()).toEqual([])
})
