/** Nodes in processes of their own (cluster-child.ts), and the provider that counts what they ask of it. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Effect } from "effect"
import { freePort } from "./free-port.ts"

const startsWithinMs = 60_000

export interface Answer {
  readonly rev?: number
  readonly duplicate?: boolean
  readonly error?: string
}

export interface Child {
  readonly name: string
  readonly address: { readonly host: string; readonly port: number }
  readonly process: ChildProcess
  /** By lamp, kind of event and the id of the message. */
  readonly ask: (id: string, type: string, message: string) => Promise<Answer>
  /** Until it is taken, whatever is said meanwhile; how long that took. */
  readonly insist: (id: string, type: string, message: string, withinMs: number) => Promise<number>
  readonly kill: () => Promise<void>
  readonly stop: () => Promise<void>
}

export interface ChildSetup {
  readonly databaseUrl: string
  readonly name: string
  readonly provider: string
  readonly address?: Child["address"]
  readonly listen?: Child["address"]
  /** A command line that runs the rest. */
  readonly wrap?: ReadonlyArray<string>
}

export const startChild = async ({ wrap = [], ...setup }: ChildSetup): Promise<Child> => {
  const address = setup.address ?? { host: "127.0.0.1", port: await freePort() }
  const [command, ...args] = [
    ...wrap,
    process.execPath,
    join(import.meta.dirname, "cluster-child.ts"),
    JSON.stringify({ ...setup, address })
  ]
  const child = spawn(command!, args, { stdio: ["pipe", "pipe", "inherit"] })
  const ended = once(child, "exit")
  const waiting = new Map<number, (answer: Answer) => void>()
  const ready = Promise.withResolvers<void>()
  createInterface({ input: child.stdout! }).on("line", (line) => {
    // Anything else is the log.
    if (!line.startsWith("{")) return
    const word = JSON.parse(line)
    if (word.ready) return ready.resolve()
    waiting.get(word.answer)?.(word)
    waiting.delete(word.answer)
  })
  const timer = setTimeout(() => child.kill("SIGKILL"), startsWithinMs)
  await Promise.race([ready.promise, ended.then(() => Promise.reject(new Error(`${setup.name} ended before it was ready`)))])
  clearTimeout(timer)
  let asked = 0
  const ask: Child["ask"] = (id, type, message) => {
    const number = ++asked
    child.stdin!.write(`${JSON.stringify({ ask: number, id, type, message })}\n`)
    return new Promise((resolve) => waiting.set(number, resolve))
  }
  return {
    name: setup.name,
    address,
    process: child,
    ask,
    insist: async (id, type, message, withinMs) => {
      const beganAtMs = Date.now()
      for (;;) {
        const { error } = await ask(id, type, message)
        const tookMs = Date.now() - beganAtMs
        if (error === undefined) return tookMs
        if (!error.startsWith("Unavailable") || tookMs > withinMs)
          throw new Error(`${id} ${message} after ${tookMs} ms: ${error}`)
      }
    },
    kill: async () => {
      child.kill("SIGKILL")
      await ended
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill("SIGTERM")
      const timer = setTimeout(() => child.kill("SIGKILL"), startsWithinMs)
      await ended
      clearTimeout(timer)
    }
  }
}

/** Remembers, by key, who asked and when. */
export const countingProvider = Effect.gen(function* () {
  const calls = new Map<string, Array<{ readonly by: string; readonly atMs: number }>>()
  const server = createServer(async (request, response) => {
    let by = ""
    for await (const chunk of request) by += chunk
    const key = decodeURIComponent(request.url!.slice(1))
    calls.set(key, [...(calls.get(key) ?? []), { by, atMs: Date.now() }])
    response.end("{}")
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")),
    () => Effect.sync(() => server.closeAllConnections() ?? server.close())
  )
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls }
})
