import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { lacks, localSandboxes } from "../support/local-sandboxes.ts"
import { exerciseSandboxes } from "./sandboxes.ts"

for (const isolation of ["bubblewrap", "util-linux"] as const) {
  const dataDir = mkdtempSync(join(tmpdir(), "proliferate-sandboxes-"))
  exerciseSandboxes(`local, ${isolation}`, localSandboxes({ dataDir, isolation }), lacks(isolation))
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }))
}
