/** Runs the bundled `proliferate` as people do: a process of its own, away from the checkout, with an environment of its own. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const root = join(import.meta.dirname, "../..")
export const bundle = join(root, "cli/dist/proliferate.mjs")
/** With a machine that is busy with other tests in mind. */
const usuallyWithinMs = 30_000

/** Makes the bundle of the sources as they are, if it is not there already. */
export const makeBundle = (): void => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, "cli/bootstrap.mjs")], { encoding: "utf8" })
  if (status !== 0) throw new Error(`the bundle could not be made:\n${stderr}`)
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits until what was printed so far satisfies `isThere`, or fails with it when the time is up. */
  readonly until: (isThere: (stdout: string, stderr: string) => boolean) => Promise<void>
  readonly ended: Promise<Ended>
}

export const start = (
  args: ReadonlyArray<string>,
  env: Record<string, string> = {},
  stdin?: string,
  endsWithinMs = usuallyWithinMs
): Running => {
  const home = mkdtempSync(join(tmpdir(), "proliferate-home-"))
  const child = spawn(process.execPath, [bundle, ...args], {
    cwd: home,
    env: { PATH: process.env["PATH"]!, HOME: home, ...env },
    stdio: "pipe"
  })
  let [stdout, stderr] = ["", ""]
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const look of waiting) look()
  }
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text
    wake()
  })
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text
    wake()
  })
  if (stdin !== undefined) child.stdin.end(stdin)
  const ended = new Promise<Ended>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL")
      reject(new Error(`proliferate ${args.join(" ")} did not end; it said:\n${stdout}\n${stderr}`))
    }, endsWithinMs)
    child.on("close", (code) => {
      clearTimeout(timer)
      rmSync(home, { recursive: true, force: true })
      resolve({ code, stdout, stderr })
    })
  })
  ended.catch(() => {})
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    until: (isThere) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => end(new Error(`not seen in:\n${stdout}\n${stderr}`)), endsWithinMs)
        const end = (error?: Error) => {
          clearTimeout(timer)
          waiting.delete(look)
          if (error) reject(error)
          else resolve()
        }
        const look = () => {
          if (isThere(stdout, stderr)) end()
        }
        waiting.add(look)
        child.on("close", () => {
          look()
          if (waiting.has(look)) end(new Error(`it ended before it was seen:\n${stdout}\n${stderr}`))
        })
        look()
      })
  }
}

export const run = (args: ReadonlyArray<string>, env: Record<string, string> = {}, stdin = ""): Promise<Ended> =>
  start(args, env, stdin).ended
