/** One server and one sandbox for a whole suite of questions, per isolation that works here. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { afterAll, beforeAll, describe } from "vitest"
import { Sandboxes } from "../../actors/ports/sandboxes.ts"
import type { LocalOptions } from "../../adapters/sandbox/local/local.ts"
import { shell } from "./daemon-exec.ts"
import { type Asked, lacks, localSandboxes } from "./local-sandboxes.ts"

export interface Suite {
  readonly dataDir: string
  readonly sandboxes: () => Sandboxes["Service"]
  readonly sandboxId: () => string
  /** Exit code and everything it wrote. */
  readonly inside: (script: string) => Promise<{ readonly code: number; readonly text: string }>
}

export const withSandbox = (title: string, options: Partial<LocalOptions>, asked: Asked, body: (suite: Suite) => void) => {
  for (const isolation of ["bubblewrap", "util-linux"] as const) {
    const missing = lacks(isolation)
    describe.skipIf(missing !== null)(`${title}: ${isolation}${missing === null ? "" : ` (${missing})`}`, () => {
      const dataDir = mkdtempSync(join(tmpdir(), "proliferate-isolation-"))
      const scope = Scope.makeUnsafe()
      let sandboxes: Sandboxes["Service"]
      let sandboxId: string
      beforeAll(async () => {
        const built = Layer.buildWithScope(localSandboxes({ dataDir, isolation, ...options }, asked), scope)
        sandboxes = await Effect.runPromise(Effect.map(built, (context) => Context.get(context, Sandboxes)))
        sandboxId = (
          await Effect.runPromise(sandboxes.provision({ key: "one", org: "org_a", sessionId: "ses_one", snapshotId: null }))
        ).sandboxId
      })
      afterAll(async () => {
        await Effect.runPromise(Effect.andThen(sandboxes.destroy(sandboxId), Scope.close(scope, Exit.void)))
        rmSync(dataDir, { recursive: true, force: true })
      })
      body({
        dataDir,
        sandboxes: () => sandboxes,
        sandboxId: () => sandboxId,
        inside: async (script) => {
          const { exitCode, stdout, stderr } = await Effect.runPromise(shell(sandboxes, sandboxId, script))
          return { code: exitCode, text: `${stdout}${stderr}`.trim() }
        }
      })
    })
  }
}
