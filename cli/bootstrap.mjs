/**
 * Makes a fresh checkout ready. Runs before `npm start`, `npm test` and the others, under any node from 20 on, with
 * built-ins alone: installs what package-lock.json names when that changed, then bundles the command line interface
 * when its sources changed. A warm run costs a few milliseconds; package-lock.json is never written.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const digest = (...files) => {
  const hash = createHash("sha256")
  for (const file of files) hash.update(readFileSync(join(root, file)))
  return hash.digest("hex")
}
const isStamped = (stamp, value) => existsSync(join(root, stamp)) && readFileSync(join(root, stamp), "utf8") === value
const run = (command, args) => {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
  if (status === 0) return
  console.error(`proliferate: \`${command} ${args.join(" ")}\` failed${error ? `: ${error.message}` : ""}`)
  process.exit(status || 1)
}

const lock = digest("package-lock.json")
const installed = "node_modules/.lock-sha256"
if (!isStamped(installed, lock)) {
  // Not `npm ci`: the lock names binaries for platforms that this machine's registry may not have. No install scripts.
  run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
  writeFileSync(join(root, installed), lock)
}

const sources = ["cli", "actors", "adapters", "machines", "runtime"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file))
)
const bundled = "cli/dist/.sources-sha256"
const current = digest("package-lock.json", "cli/bundle.mjs", ...sources.sort())
if (!isStamped(bundled, current)) {
  run(process.execPath, [join(root, "cli/bundle.mjs")])
  writeFileSync(join(root, bundled), current)
}
