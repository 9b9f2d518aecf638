/** A real server in a process of its own, on data of its own, for tests that kill things. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"

const root = join(import.meta.dirname, "../..")
const startsWithinMs = 60_000

export interface Greeting {
  readonly url: string
  /** On the first start alone. */
  readonly token: string | null
  readonly transport: string
  readonly isolation: string
  readonly database: string
  readonly coordination: string
}

export interface Server extends Greeting {
  readonly process: ChildProcess
  readonly log: () => string
  /** When it has ended, however. */
  readonly ended: Promise<unknown>
  /** SIGTERM, and its exit code. */
  readonly stop: () => Promise<number | null>
  /** SIGKILL, and wait until it is gone. */
  readonly kill: () => Promise<void>
}

/** `wrap` is a command line that runs the rest; `onSpawn` is told of the process before it has greeted. */
export const startServer = async (
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
  wrap: ReadonlyArray<string> = [],
  onSpawn: (child: ChildProcess) => void = () => {}
): Promise<Server> => {
  const [command, ...args] = [...wrap, process.execPath, join(root, "cli/serve.ts")]
  const child = spawn(command!, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PROLIFERATE_JSON: "true", PROLIFERATE_PORT: "0", PROLIFERATE_DATA: dataDir, ...env }
  })
  onSpawn(child)
  let said = ""
  child.stderr.on("data", (chunk) => {
    said = (said + chunk).slice(-20_000)
  })
  const ended = once(child, "exit")
  const lines = createInterface({ input: child.stdout })
  const timer = setTimeout(() => child.kill("SIGKILL"), startsWithinMs)
  const first = await Promise.race([once(lines, "line"), ended.then(() => null)])
  clearTimeout(timer)
  if (first === null) throw new Error(`the server ended before it greeted:\n${said}`)
  lines.on("line", (line) => {
    said = `${said + line}\n`.slice(-20_000)
  })
  const greeting = JSON.parse(String(first[0])) as Greeting
  return {
    ...greeting,
    process: child,
    log: () => said,
    ended,
    stop: async () => {
      child.kill("SIGTERM")
      const [code] = await ended
      return code as number | null
    },
    kill: async () => {
      child.kill("SIGKILL")
      await ended
    }
  }
}
