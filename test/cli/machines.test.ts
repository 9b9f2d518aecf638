import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeAll, expect, it, onTestFinished } from "vitest"
import { makeBundle, run } from "../support/command.ts"

beforeAll(makeBundle)

it("lists the machines, for people and for programs", async () => {
  const told = await run(["machines", "list"])
  expect([told.code, told.stdout]).toEqual([0, expect.stringMatching(/session {2,}\d+ {2,}\d+ {2,}one agent in one sandbox/)])
  const { machines } = JSON.parse((await run(["machines", "list", "--json"])).stdout)
  expect(machines).toContainEqual(expect.objectContaining({ name: "session", states: expect.any(Number) }))
})

it("draws one to stdout or to a file", { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), "proliferate-draw-"))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const out = join(directory, "session.svg")
  expect((await run(["machines", "render", "session", "--svg", "--dark", "--out", out])).code).toBe(0)
  expect(readFileSync(out, "utf8")).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
  expect((await run(["machines", "render", "session", "--mermaid"])).stdout).toMatch(/^stateDiagram-v2\n/)
})

it("says what is wrong with what was asked, and leaves with 2", async () => {
  const unknown = await run(["machines", "render", "sesion"])
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("there is no machine sesion")])
  const torn = await run(["machines", "render", "session", "--svg", "--mermaid"])
  expect([torn.code, torn.stderr]).toEqual([2, expect.stringContaining("--svg and --mermaid")])
})
