#!/usr/bin/env node
/**
 * The package's `proliferate`: starts the bundled command on Node 24, under whatever node from 20 on found this file. Built-ins
 * alone. Stdio, signals and the exit code are the command's own.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import module, { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const here = dirname(fileURLToPath(import.meta.url))
const bundle = join(here, "dist", "proliferate.mjs")

const fail = (what, todo) => {
  console.error(`proliferate: ${what}\n  ${todo}`)
  process.exit(1)
}

/** The node that npm installed with the package, or this one if it is new enough. */
const findNode = () => {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`)
    const node = join(dirname(manifest), "bin", "node")
    if (existsSync(node)) return node
  } catch {
    // There is none for this platform.
  }
  const [major, minor] = process.versions.node.split(".").map(Number)
  return major > 22 || (major === 22 && minor >= 19) ? process.execPath : null
}

if (!existsSync(bundle)) {
  // Its words go to stderr: stdout belongs to the command.
  const { status } = spawnSync(process.execPath, [join(here, "bootstrap.mjs")], { stdio: ["ignore", 2, 2] })
  if (status !== 0 || !existsSync(bundle))
    fail("the command could not be built", "Run `npm install` in the package's directory, then try again.")
}

const node = findNode()
if (node === null)
  fail(
    `this is node ${process.versions.node}; it needs 22.19 or newer`,
    "Install Node 24, or run `npm install` in the package's directory where it brings its own."
  )

// Compiled once for each version of the bundle: a third of the time to start. Where it cannot be written it is done without.
const compileCache = join(here, "dist", ".compile-cache")
if (node === process.execPath) {
  module.enableCompileCache?.(compileCache)
  process.argv[1] = bundle
  await import(pathToFileURL(bundle))
} else {
  const child = spawn(node, [bundle, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env }
  })
  child.on("error", ({ message }) => fail(`${node} does not start: ${message}`, "Install the package again."))
  // A terminal sends Ctrl-C to both of us: hearing it twice is hearing it once.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGKILL: 137 }[signal] ?? 1
  })
}
