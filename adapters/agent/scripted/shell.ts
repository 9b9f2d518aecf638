/** A command in a shell, at the head of its own process group, so that cancelling it or ending the agent ends all of it. */
import { spawn } from "node:child_process"

const outputBytesMax = 131_072
const running = new Set<number>()

process.on("exit", () => {
  for (const pid of running) kill(pid)
})

export const shell = (
  command: string,
  cwd: string,
  signal: AbortSignal
): Promise<{ readonly exitCode: number; readonly output: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", command], { cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] })
    const chunks: Array<Buffer> = []
    let bytes = 0
    const take = (chunk: Buffer) => {
      const fits = chunk.subarray(0, outputBytesMax - bytes)
      bytes += fits.length
      chunks.push(fits)
    }
    const stop = () => kill(child.pid!)
    child.stdout.on("data", take)
    child.stderr.on("data", take)
    child.on("error", reject)
    child.on("spawn", () => {
      running.add(child.pid!)
      if (signal.aborted) stop()
      else signal.addEventListener("abort", stop, { once: true })
    })
    child.on("exit", stop)
    child.on("close", (code) => {
      running.delete(child.pid!)
      signal.removeEventListener("abort", stop)
      resolve({ exitCode: code ?? 137, output: Buffer.concat(chunks).toString("utf8") })
    })
  })

const kill = (pid: number) => {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // Nobody is left in it.
  }
}
