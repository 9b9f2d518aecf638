/** Runs serve-sandboxes.ts as someone else, or where less is allowed, and reads what it tells. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterAll, onTestFinished } from "vitest"

const program = fileURLToPath(new URL("./serve-sandboxes.ts", import.meta.url))
export const nobodyElse = 54_321
export const asNobodyElse = ["setpriv", "--reuid", `${nobodyElse}`, "--regid", `${nobodyElse}`, "--clear-groups", "--"]

export const isRoot = process.getuid!() === 0

/** Null, or why this process cannot become an ordinary user that can run our code. */
export const hindrance = (): string | null => {
  if (!isRoot) return "this is one already"
  const [command, ...args] = [...asNobodyElse, process.execPath, "--check", program]
  return spawnSync(command!, args, { cwd: "/" }).status === 0 ? null : "other users cannot read this checkout"
}

export interface Confined {
  readonly child: ChildProcess
  /** What it tells, line by line. */
  readonly told: AsyncIterableIterator<any>
}

/** `wrap` is a command line that runs the rest. */
export const confined = (wrap: ReadonlyArray<string>, args: ReadonlyArray<string>): Confined => {
  const [command, ...rest] = [...wrap, process.execPath, program, ...args]
  const child = spawn(command!, rest, { cwd: "/", stdio: ["ignore", "pipe", "pipe"] })
  let stderr = ""
  child.stderr!.on("data", (part) => {
    stderr += part
  })
  const ended = once(child, "close")
  const told = (async function* () {
    for await (const line of createInterface(child.stdout!)) if (line.startsWith("=")) yield JSON.parse(line.slice(1))
    await ended
    if (child.exitCode !== 0 && child.signalCode === null) throw new Error(`it ended with ${child.exitCode}: ${stderr}`)
  })()
  return { child, told }
}

/** Removed after the suite that asked for it. */
export const temporary = (owner: number | null = null): string => {
  const directory = mkdtempSync(join(tmpdir(), "proliferate-confined-"))
  if (owner !== null) chownSync(directory, owner, owner)
  chmodSync(directory, 0o755)
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The stories by title with their failures, played once by a process in `wrap`, on a directory of its own. */
export const playedIn = (wrap: ReadonlyArray<string>, isolation: string, dataDir: string) => {
  let playing: Promise<ReadonlyMap<string, string | null>> | undefined
  return () => {
    playing ??= (async () => {
      const results = new Map<string, string | null>()
      for await (const { title, failure } of confined(wrap, ["play", dataDir, isolation]).told) results.set(title, failure)
      return results
    })()
    return playing
  }
}

/** The one answer of a process that is over, or killed, when the test is. */
export const answerOf = async (wrap: ReadonlyArray<string>, args: ReadonlyArray<string>): Promise<any> => {
  const { child, told } = confined(wrap, args)
  onTestFinished(() => void child.kill("SIGKILL"))
  return (await told.next()).value
}
