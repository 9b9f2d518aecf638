/**
 * One command of the host, waited for: `cp`, `sync`, `rm`. It has a time limit, is killed with all its children when its
 * fibre is interrupted, and its last words become the error.
 */
import { spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { Effect } from "effect"
import type { SandboxError } from "../../../actors/ports/sandboxes.ts"
import { hostPath, killGroup } from "../host.ts"
import { diskFull, failed, failureOf, within } from "./failure.ts"

const outputCharactersMax = 65_536

/** What it wrote on its standard output. File descriptor 3 leads nowhere, for an enclosure that announces itself. `what` completes "could not …". */
export const run = (argv: ReadonlyArray<string>, limitMs: number, what: string): Effect.Effect<string, SandboxError> =>
  Effect.callback<string, SandboxError>((resume) => {
    const [file, ...args] = argv
    const nowhere = openSync("/dev/null", "r+")
    const child = spawn(file!, args, {
      cwd: "/",
      env: { PATH: hostPath, LC_ALL: "C" },
      detached: true,
      stdio: ["ignore", "pipe", "pipe", nowhere]
    })
    closeSync(nowhere)
    let stdout = ""
    let stderr = ""
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      if (stdout.length < outputCharactersMax) stdout += text
    })
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-1_024)
    })
    child.on("error", (cause) => resume(Effect.fail(failureOf(what, cause))))
    child.on("close", (code, signal) => {
      if (code === 0) return resume(Effect.succeed(stdout))
      if (/No space left|quota exceeded/i.test(stderr)) return resume(Effect.fail(diskFull(what)))
      resume(Effect.fail(failed("unreachable", `Could not ${what}: ${file} ended with ${signal ?? code}. ${stderr.trim()}`)))
    })
    return Effect.sync(() => killGroup(child.pid))
  }).pipe(within(limitMs, what))
