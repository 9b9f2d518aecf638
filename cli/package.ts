/**
 * The package that this command belongs to, for what only runs from it: the server and its database are not in the bundle.
 * Inside a sandbox there is only the bundle, and that is said.
 */
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { exits, Failed } from "./failure.ts"

/** From `cli/package.ts` as from `cli/dist/proliferate.mjs`. */
const packageRoot = (): string | null => {
  const here = dirname(fileURLToPath(import.meta.url))
  return [dirname(here), dirname(dirname(here))].find((root) => existsSync(join(root, "cli", "bootstrap.mjs"))) ?? null
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Runs a program of the package on this node, with our terminal and signals; its exit code becomes ours. */
export const runInPackage = Effect.fnUntraced(function* (
  program: string,
  args: ReadonlyArray<string>,
  env: Record<string, string> = {}
) {
  const root = packageRoot()
  if (root === null || !existsSync(join(root, program)))
    return yield* new Failed({
      exit: "failure",
      what: `${program} is not here: this is the single file that sandboxes use`,
      todo: "Run it where the whole package is installed."
    })
  const { spawn } = yield* Effect.promise(() => import("node:child_process"))
  const code = yield* Effect.callback<number, Failed>((resume) => {
    const child = spawn(process.execPath, [join(root, program), ...args], { stdio: "inherit", env: { ...process.env, ...env } })
    const forward = (signal: NodeJS.Signals) => void child.kill(signal)
    // A terminal sends Ctrl-C to the child as well: it is the child that decides when it is over.
    for (const signal of signals) process.on(signal, forward)
    child.on("error", ({ message }) =>
      resume(
        Effect.fail(
          new Failed({ exit: "failure", what: `${program} does not start: ${message}`, todo: "Install the package again." })
        )
      )
    )
    child.on("exit", (exitCode, signal) => {
      for (const each of signals) process.off(each, forward)
      resume(Effect.succeed(exitCode ?? (signal === "SIGINT" ? exits.interrupted : exits.failure)))
    })
  }).pipe(Effect.uninterruptible)
  process.exitCode = code
})
