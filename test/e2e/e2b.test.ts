/**
 * The whole main job at E2B: the real server, the real SDK, a fake behind it with real processes, and the agent inside that reaches
 * its repository over the connection which the server opened to it. Nobody inside can reach the server by any other way.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { makeBundle, root } from "../support/command.ts"
import { apiKey, FakeE2B } from "../support/e2b/fake.ts"
import { lacksMachines } from "../support/e2b/machine.ts"

const lacks = lacksMachines()
const scratch = mkdtempSync(join(tmpdir(), "pe-"))

const demo = (environment: Record<string, string>) =>
  new Promise<{ code: number | null; last: any; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [join(root, "cli/demo.ts"), "--json"], {
      env: { ...process.env, TMPDIR: scratch, PROLIFERATE_SANDBOX: "e2b", ...environment }
    })
    let [stdout, stderr] = ["", ""]
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text
    })
    child.on("close", (code) => resolve({ code, stderr, last: JSON.parse(stdout.trim().split("\n").at(-1)!) }))
  })

describe.skipIf(lacks !== null)(`a session at E2B${lacks === null ? "" : ` (${lacks})`}`, () => {
  let fake: FakeE2B
  beforeAll(async () => {
    makeBundle()
    fake = await FakeE2B.open()
  })
  afterAll(async () => {
    await fake.close()
    rmSync(scratch, { recursive: true, force: true })
  })

  it("finds the fault, mends it and pushes, is paused and resumed, and leaves nothing", { timeout: 240_000 }, async () => {
    const { code, last, stderr } = await demo({ E2B_API_KEY: apiKey, E2B_API_URL: fake.url, E2B_SANDBOX_URL: fake.url })
    assert.deepStrictEqual([code, last.ok], [0, true], stderr.slice(-4_000))
    assert.include(last, {
      isolation: "E2B, template base",
      turns: 2,
      resumed: true,
      filesChanged: 1,
      testBefore: "failed",
      testAfter: "passed"
    })
    assert.match(last.pushedCommit, /^[0-9a-f]{40}$/)
    assert.strictEqual(fake.boxes.size, 0, "a sandbox is left over")
    const heard = fake.heard.join("\n")
    for (const secret of ["sandbox_", "envVars", "Bearer"]) assert.notInclude(heard, secret)
  })

  it("is refused at its start with the wrong key, and does not repeat it", { timeout: 60_000 }, async () => {
    const wrong = "e2b_ffffffffffffffffffffffffffffffffffffffff"
    const { code, last, stderr } = await demo({ E2B_API_KEY: wrong, E2B_API_URL: fake.url, E2B_SANDBOX_URL: fake.url })
    assert.deepStrictEqual([code, last.failedAt], [1, "server"])
    assert.match(stderr, /Check E2B_API_KEY/)
    assert.notInclude(`${stderr}${JSON.stringify(last)}`, wrong)
  })

  it("needs a key, and says which variable has it", { timeout: 60_000 }, async () => {
    const { code, stderr } = await demo({ E2B_API_KEY: "" })
    assert.strictEqual(code, 1)
    assert.match(stderr, /set E2B_API_KEY/)
  })
})
