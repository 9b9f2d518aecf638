/**
 * The repository that the demo works on, and the look at it from outside: everything here runs git and node on the host, on clones
 * of its own, and asks the server nothing.
 */
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { Effect } from "effect"
import { DemoFailed } from "./failure.ts"

const run = promisify(execFile)
const gitTimeoutMs = 60_000
const testTimeoutMs = 120_000
const sample = join(import.meta.dirname, "..", "sample")

/** No prompt for a password, no configuration of the person's, no hooks. */
const gitEnv = {
  ...process.env,
  GIT_TERMINAL_PROMPT: "0",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  LC_ALL: "C"
}

const git = (failedAt: string, args: ReadonlyArray<string>) =>
  Effect.tryPromise({
    try: async () =>
      (
        await run("git", ["-c", "core.hooksPath=/dev/null", ...args], { env: gitEnv, timeout: gitTimeoutMs, maxBuffer: 8 << 20 })
      ).stdout.trim(),
    catch: (cause) => {
      const { stderr = "", message } = cause as { readonly stderr?: string; readonly message: string }
      return new DemoFailed({ failedAt, what: `git ${args[0] === "-C" ? args[2] : args[0]}: ${stderr.trim() || message}` })
    }
  })

/** A bare repository with the sample project in it, whose test fails. */
export const makeSample = Effect.fnUntraced(function* (directory: string) {
  const [bare, work] = [join(directory, "pager.git"), join(directory, "pager")]
  yield* Effect.promise(async () => {
    await mkdir(directory, { recursive: true })
    await cp(sample, work, { recursive: true })
  })
  const author = ["-c", "user.name=Sample", "-c", "user.email=sample@proliferate.invalid"]
  yield* git("repository", ["init", "--quiet", "--bare", "--initial-branch=main", bare])
  yield* git("repository", ["init", "--quiet", "--initial-branch=main", work])
  yield* git("repository", ["-C", work, "add", "--all"])
  yield* git("repository", ["-C", work, ...author, "commit", "--quiet", "--message", "A list, split into pages"])
  yield* git("repository", ["-C", work, "push", "--quiet", bare, "main"])
  return bare
})

/** The commit that `branch` has at the repository, or null. */
export const commitOf = Effect.fnUntraced(function* (location: string, branch: string) {
  const listed = yield* git("verify", ["ls-remote", "--", location, `refs/heads/${branch}`])
  return /^[0-9a-f]{40,64}/.exec(listed)?.[0] ?? null
})

export type TestOutcome = "passed" | "failed"

const testAt = Effect.fnUntraced(function* (clone: string, commit: string) {
  yield* git("verify", ["-C", clone, "checkout", "--quiet", "--detach", commit])
  return yield* Effect.tryPromise({
    try: async (): Promise<TestOutcome> => {
      // Unset: tests that run below another test runner would report to it and exit 0.
      const { NODE_TEST_CONTEXT: _, ...env } = process.env
      try {
        await run(process.execPath, ["--test"], { cwd: clone, env, timeout: testTimeoutMs, maxBuffer: 64 << 20 })
        return "passed"
      } catch (cause) {
        if (typeof (cause as { readonly code?: unknown }).code === "number") return "failed"
        throw cause
      }
    },
    catch: (cause) =>
      new DemoFailed({ failedAt: "verify", what: `the tests at ${commit.slice(0, 10)} did not run: ${(cause as Error).message}` })
  })
})

/** A fresh clone, its tests at both commits. */
export const testFromOutside = Effect.fnUntraced(function* (
  directory: string,
  location: string,
  commits: { readonly before: string; readonly after: string }
) {
  const clone = yield* Effect.promise(() => mkdtemp(join(directory, "fresh-clone-")))
  yield* git("verify", ["clone", "--quiet", "--no-checkout", "--", location, clone])
  // A branch that was pushed after the clone began, or one that is not fetched by default, is asked for by its commit.
  yield* git("verify", ["-C", clone, "fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*"])
  return { before: yield* testAt(clone, commits.before), after: yield* testAt(clone, commits.after) }
})
