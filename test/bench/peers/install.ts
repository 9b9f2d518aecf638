/** Installs what package-lock.json of this folder names, when that changed: into this folder, no scripts run, nothing else touched. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const here = import.meta.dirname
const stamp = join(here, "node_modules/.lock-sha256")

export const installPeers = () => {
  const lock = createHash("sha256")
    .update(readFileSync(join(here, "package-lock.json")))
    .digest("hex")
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return
  const words = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
  const { status, error } = spawnSync("npm", words, { cwd: here, stdio: ["ignore", "ignore", "inherit"] })
  if (status !== 0) {
    const why = error ? error.message : `npm ended with ${status}`
    throw new Error(`the peers could not be installed from the npm registry (${why}): the benchmarks without --peers need none`)
  }
  writeFileSync(stamp, lock)
}
