/** The directory that a server keeps everything in. */
import assert from "node:assert/strict"
import { statSync } from "node:fs"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import { it } from "vitest"
import { openDataDirectory } from "../../cli/data-directory.ts"
import { temporary } from "../support/confined.ts"

it("is its owner's alone, and its key is the same the next time", async () => {
  const dataDir = join(temporary(), "not", "yet")
  const first = await Effect.runPromise(openDataDirectory(dataDir))
  const modeOf = (...names: ReadonlyArray<string>) => statSync(join(dataDir, ...names)).mode & 0o777
  assert.deepEqual([modeOf(), modeOf("host.key")], [0o700, 0o600])
  const again = await Effect.runPromise(openDataDirectory(dataDir))
  assert.deepEqual(Redacted.value(again), Redacted.value(first))
})
