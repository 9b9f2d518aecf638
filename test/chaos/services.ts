/** What the servers of a run stand on, each ours to break: a Redis, a model that counts who asked it, a small disk. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, rmSync } from "node:fs"
import { open } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createConnection } from "node:net"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"

export const noRedis: string | null =
  spawnSync("redis-server", ["--version"]).status === 0 ? null : "redis-server is not installed"

/** A redis-server on a port of ours, started again when it was killed. */
export class Redis {
  readonly port: number
  readonly #directory: string
  #child: ChildProcess | null = null
  #isOver = false

  constructor(directory: string, port: number) {
    this.#directory = directory
    this.port = port
  }

  async begin(): Promise<void> {
    const port = String(this.port)
    this.#child = spawn(
      "redis-server",
      ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", this.#directory],
      { stdio: ["ignore", "pipe", "inherit"] }
    )
    for await (const chunk of this.#child.stdout!) if (String(chunk).includes("eady to accept connections")) break
    this.#child.stdout!.resume()
  }

  async flush(): Promise<void> {
    const socket = createConnection({ host: "127.0.0.1", port: this.port })
    socket.on("error", () => {})
    socket.write("FLUSHALL\r\n")
    await Promise.race([once(socket, "data").catch(() => {}), wait(1_000)])
    socket.destroy()
  }

  async kill(downMs: number): Promise<void> {
    const child = this.#child
    if (child === null) return
    this.#child = null
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
    await wait(downMs)
    if (!this.#isOver) await this.begin()
  }

  async freeze(forMs: number): Promise<void> {
    const child = this.#child
    child?.kill("SIGSTOP")
    await wait(forMs)
    child?.kill("SIGCONT")
  }

  destroy(): void {
    this.#isOver = true
    this.#child?.kill("SIGKILL")
  }
}

export interface CountingModel {
  readonly url: string
  /** How often it was asked, by what it was asked. */
  readonly asked: ReadonlyMap<string, number>
  readonly close: () => void
}

/** Answers every chat completion by one word, and counts them by the text of the first message. */
export const startModel = async (): Promise<CountingModel> => {
  const asked = new Map<string, number>()
  const server = createServer(async (request, response) => {
    let text = ""
    for await (const chunk of request) text += chunk
    const said = JSON.parse(text).messages?.[0]?.content ?? ""
    asked.set(said, (asked.get(said) ?? 0) + 1)
    response.writeHead(200, { "content-type": "application/json" })
    response.end(
      JSON.stringify({
        id: "chatcmpl-1",
        object: "chat.completion",
        created: 1,
        model: "counting",
        choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "counted" } }],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
      })
    )
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/v1`, asked, close: () => server.close() }
}

/** What a server asks to be free before it starts a sandbox is half a gigabyte. */
const diskMegabytes = 1_200
const chunk = Buffer.alloc(16 * 1024 * 1024)

/** A file system in memory that can be filled to its last byte. */
export class SmallDisk {
  readonly directory: string
  readonly #filler: string

  constructor(directory: string) {
    this.directory = directory
    this.#filler = join(directory, "filler")
  }

  /** Why there is none; null: it is mounted. */
  mount(): string | null {
    mkdirSync(this.directory, { recursive: true })
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskMegabytes}m,mode=755`, "proliferate-chaos", this.directory], {
        stdio: "pipe"
      })
      return null
    } catch (error) {
      return `no file system of its own can be mounted: ${String((error as { stderr?: Buffer }).stderr).trim()}`
    }
  }

  async fill(forMs: number): Promise<void> {
    const file = await open(this.#filler, "a")
    try {
      while (true) await file.write(chunk)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
    } finally {
      await file.close()
    }
    await wait(forMs)
    this.empty()
  }

  empty(): void {
    rmSync(this.#filler, { force: true })
  }

  unmount(): void {
    try {
      execFileSync("umount", ["-l", this.directory], { stdio: "pipe" })
    } catch {
      // It was not mounted.
    }
  }
}
