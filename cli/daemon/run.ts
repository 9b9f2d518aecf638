/**
 * Runs a command at the head of a process group of its own, with bounded output and bounded time. When the command, its time or its
 * caller ends, the whole group is killed: nothing that it started there stays behind.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { Effect } from "effect"

export interface Command {
  readonly argv: ReadonlyArray<string>
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Of each stream; what comes after is read and dropped. */
  readonly outputBytesMax: number
  readonly onStderr?: (text: string) => void
}

export interface Ran {
  /** As a shell would say it: 124 out of time, 126 not executable, 127 not found, 128 + n killed by signal n. */
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly truncated: boolean
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15
}
/** A process that left the group may hold the output open; its words are not waited for. */
const drainMs = 250

export const run = ({ argv, cwd, env, timeoutMs, outputBytesMax, onStderr }: Command): Effect.Effect<Ran> =>
  Effect.callback<Ran>((resume) => {
    const stdout = collector(outputBytesMax)
    const stderr = collector(outputBytesMax)
    const finish = (exitCode: number, message = "") =>
      resume(
        Effect.succeed({
          exitCode,
          stdout: stdout.text(),
          stderr: message === "" ? stderr.text() : message,
          truncated: stdout.isCut() || stderr.isCut()
        })
      )
    const failed = (error: NodeJS.ErrnoException) =>
      error.code === "ENOENT"
        ? finish(127, `${argv[0]}: not found`)
        : finish(126, `${argv[0]}: cannot be started (${error.code ?? error.message})`)

    let child: ChildProcess
    try {
      child = spawn(argv[0] ?? "", argv.slice(1), { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] })
    } catch (error) {
      return failed(error as NodeJS.ErrnoException)
    }
    child.on("error", failed)
    child.stdout!.on("data", stdout.take)
    child.stderr!.on("data", (chunk: Buffer) => {
      stderr.take(chunk)
      onStderr?.(chunk.toString("utf8"))
    })
    let isLate = false
    const deadline = setTimeout(() => {
      isLate = true
      killGroup(child)
    }, timeoutMs)
    let drain: NodeJS.Timeout | undefined
    child.on("exit", () => {
      clearTimeout(deadline)
      killGroup(child)
      drain = setTimeout(() => {
        child.stdout!.destroy()
        child.stderr!.destroy()
      }, drainMs)
    })
    child.on("close", (code, signal) => {
      clearTimeout(drain)
      finish(isLate ? 124 : (code ?? 128 + (signalNumbers[signal!] ?? 0)))
    })
    return Effect.sync(() => {
      clearTimeout(deadline)
      killGroup(child)
    })
  })

const collector = (bytesMax: number) => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  let isCut = false
  return {
    take: (chunk: Buffer) => {
      const fits = chunk.subarray(0, bytesMax - bytes)
      isCut ||= fits.length < chunk.length
      bytes += fits.length
      if (fits.length > 0) chunks.push(fits)
    },
    text: () => Buffer.concat(chunks).toString("utf8"),
    isCut: () => isCut
  }
}

const killGroup = ({ pid }: ChildProcess) => {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL")
  } catch {
    // Nobody is left in it.
  }
}
