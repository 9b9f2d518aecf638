/** The daemon and the scripted agent as files that start in a tenth of a second; their sources take six times that. */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { afterAll } from "vitest"

const root = join(import.meta.dirname, "../..")
export const sources = { daemon: join(root, "cli/daemon/main.ts"), agent: join(root, "adapters/agent/scripted/main.ts") }

let made: Promise<typeof sources> | undefined
let directory: string | undefined

afterAll(() => {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
})

/** Made once for each file of tests, from the sources as they are. */
export const programs = (): Promise<typeof sources> => {
  made ??= make()
  return made
}

const make = async () => {
  const dir = mkdtempSync(join(tmpdir(), "pd-programs-"))
  directory = dir
  const bundle = await rolldown({ input: sources, platform: "node" })
  await bundle.write({ dir, format: "esm", entryFileNames: "[name].mjs" })
  await bundle.close()
  const files = { daemon: join(dir, "daemon.mjs"), agent: join(dir, "agent.mjs") }
  if (!Object.values(files).every(existsSync)) throw new Error(`the programs were not made in ${dir}`)
  return files
}
