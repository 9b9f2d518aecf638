/**
 * One server under test: a process of cli/serve.ts that is started again whenever it has ended, until the run is over. It may be
 * killed and frozen at any moment, before it has greeted as well, and its clock is ours to set.
 */
import type { ChildProcess } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { type Server, startServer } from "../support/server.ts"

const againMs = 200
const clock = join(import.meta.dirname, "skewed-clock.ts")

export interface NodeOptions {
  readonly name: string
  readonly dataDir: string
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  /** SQL of its database. */
  readonly databaseUrl: string
  /** Its database is its own, in its data directory. */
  readonly isEmbedded: boolean
  /** The file that its clock is set in. */
  readonly clockFile: string
}

export class Node {
  readonly options: NodeOptions
  readonly url: string
  /** Of its administrator. */
  token = ""
  starts = 0
  readonly complaints: Array<string> = []
  #child: ChildProcess | null = null
  #server: Server | null = null
  #isOver = false
  #thaws = 0
  #downUntilMs = 0
  #kept: Promise<void> = Promise.resolve()

  constructor(options: NodeOptions) {
    this.options = options
    this.url = `http://127.0.0.1:${options.port}`
    writeFileSync(options.clockFile, "0")
  }

  /** Resolves when it has greeted for the first time. */
  begin(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#kept = this.#keep(resolve)
      this.#kept.catch(reject)
    })
  }

  async #keep(onFirst: () => void): Promise<void> {
    while (!this.#isOver) {
      const leftMs = this.#downUntilMs - performance.now()
      if (leftMs > 0) await wait(leftMs)
      try {
        const { dataDir, port, env, clockFile } = this.options
        this.#server = await startServer(
          dataDir,
          { ...env, PROLIFERATE_PORT: String(port), NODE_OPTIONS: `--import=${clock}`, CHAOS_CLOCK: clockFile },
          [],
          (child) => {
            this.#child = child
          }
        )
        this.starts += 1
        this.token ||= this.#server.token ?? ""
        onFirst()
        await this.#server.ended
      } catch (error) {
        // Nothing has befallen it yet.
        if (this.starts === 0) throw error
        this.complaints.push((error as Error).message.slice(-2_000))
      }
      this.#child = null
      this.#server = null
      if (!this.#isOver) await wait(againMs)
    }
  }

  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  log(): string {
    return this.#server?.log() ?? this.complaints.at(-1) ?? ""
  }

  kill(downMs: number): void {
    this.#downUntilMs = performance.now() + downMs
    this.#child?.kill("SIGKILL")
  }

  async freeze(forMs: number): Promise<void> {
    const child = this.#child
    const mine = ++this.#thaws
    child?.kill("SIGSTOP")
    await wait(forMs)
    if (mine === this.#thaws) child?.kill("SIGCONT")
  }

  setClock(offsetMs: number): void {
    writeFileSync(this.options.clockFile, String(offsetMs))
    if (this.#server !== null) this.#child?.kill("SIGUSR2")
  }

  /** Everything that was done to it ends. */
  clear(): void {
    this.#downUntilMs = 0
    this.#thaws += 1
    this.#child?.kill("SIGCONT")
    this.setClock(0)
  }

  /** Its exit code. */
  async end(): Promise<number | null> {
    this.#isOver = true
    const code = this.#child === null || this.#server === null ? null : await this.#server.stop()
    await this.#kept
    return code
  }

  /** Whatever became of the run: nothing of it is left. */
  destroy(): void {
    this.#isOver = true
    this.#child?.kill("SIGKILL")
  }
}
