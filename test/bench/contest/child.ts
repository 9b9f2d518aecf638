/**
 * A contestant is a process of its own: it says so once it is ready, and answers every line that it reads with a line of figures.
 * So each has a heap, a compiler and a pool that no other has touched, and none is slowed by one that is not its turn.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** A round that takes longer has hung. */
const roundMs = 300_000

/** Begins the lines that are meant for us. */
export const marked = "FIGURES "

export type Figures = Readonly<Record<string, number>>

export interface Contestant {
  readonly round: (input: unknown) => Promise<Figures>
  readonly end: () => Promise<void>
  /** As `kill -9` does. */
  readonly kill: () => void
}

/** Starts `file` of this folder. Its standard error is shown when it fails. */
export const contestant = async (file: string, input: unknown): Promise<Contestant> => {
  const child: ChildProcess = spawn(
    process.execPath,
    ["--expose-gc", join(import.meta.dirname, "..", file), JSON.stringify(input)],
    {
      stdio: ["pipe", "pipe", "pipe"]
    }
  )
  let told = ""
  child.stderr!.on("data", (chunk) => {
    told = (told + chunk).slice(-4_000)
  })
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${file} did not answer within ${roundMs / 1_000} s: ${told}`)), roundMs)
    })
    try {
      while (true) {
        const { value, done } = await Promise.race([lines.next(), late])
        if (done) throw new Error(`${file} ended: ${told}`)
        // What else it writes is what its libraries log.
        if (value.startsWith(marked)) return value.slice(marked.length)
        told = `${told}${value}\n`.slice(-4_000)
      }
    } catch (cause) {
      // Not by force: it may have a server to end.
      child.kill("SIGTERM")
      throw cause
    } finally {
      clearTimeout(timer)
    }
  }
  await next()
  return {
    round: async (line) => {
      child.stdin!.write(`${JSON.stringify(line)}\n`)
      return JSON.parse(await next())
    },
    end: async () => {
      child.stdin!.end()
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000)
      await exited
      clearTimeout(timer)
    },
    kill: () => void child.kill("SIGKILL")
  }
}
