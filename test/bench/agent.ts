/** The scripted agent as anyone could start it: by its own pipe, outside any sandbox, with nothing of ours between. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"

export const bundle = join(import.meta.dirname, "../../cli/dist/proliferate.mjs")

interface Said {
  readonly id?: number
  readonly method?: string
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: unknown
}

/** `readyMs`: from its start until it has a conversation. */
export const bareAgent = async (cwd: string) => {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [bundle, "agent", "scripted"], { cwd, stdio: ["pipe", "pipe", "inherit"] })
  const answers = new Map<number, (said: Said) => void>()
  let heard: () => void = () => {}
  createInterface({ input: child.stdout }).on("line", (line) => {
    const said = JSON.parse(line) as Said
    if (said.id !== undefined) answers.get(said.id)?.(said)
    else if (said.method === "session/update") heard()
  })
  let asked = 0
  const ask = (method: string, params: unknown) =>
    new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      const id = ++asked
      answers.set(id, ({ result, error }) => (result ? resolve(result) : reject(new Error(JSON.stringify(error)))))
      child.once("exit", (code) => reject(new Error(`the agent ended with ${code}`)))
      child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`)
    })
  await ask("initialize", { protocolVersion: 1, clientCapabilities: {} })
  const { sessionId } = await ask("session/new", { cwd, mcpServers: [] })
  const readyMs = performance.now() - startedAt
  return {
    readyMs,
    /** From the prompt to the first that is heard of it. */
    firstToken: async (text: string) => {
      const askedAt = performance.now()
      const first = new Promise<number>((resolve) => {
        heard = () => {
          heard = () => {}
          resolve(performance.now() - askedAt)
        }
      })
      const ended = ask("session/prompt", { sessionId, prompt: [{ type: "text", text }] })
      const ms = await first
      await ended
      return ms
    },
    end: () => void child.kill("SIGKILL")
  }
}
