/** What is not used is not loaded: a server that starts, and a command that is typed, pay for no client library of a service. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")

/** Packages that are loaded by loading this file. */
const loadedBy = (file: string): ReadonlyArray<string> => {
  const program = `
    import { registerHooks } from "node:module"
    const loaded = new Set()
    registerHooks({ resolve: (name, context, next) => { loaded.add(name); return next(name, context) } })
    await import(${JSON.stringify(join(root, file))})
    console.log(JSON.stringify([...loaded]))`
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: root, encoding: "utf8" }))
}

it.each(["adapters/actions/providers.ts", "cli/commands/actions.ts"])("%s", (file) => {
  const loaded = loadedBy(file)
  expect(loaded.some((name) => name === "effect")).toBe(true)
  assert.deepEqual(
    loaded.filter((name) => /^(@octokit|@slack|@modelcontextprotocol|zod)/.test(name)),
    []
  )
})
