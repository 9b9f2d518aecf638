/** Real servers of one cluster, each a process with a data directory of its own, and a client that goes to whichever answers. */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "./free-port.ts"
import { sampleRepository } from "./sample-repository.ts"
import { type Server, startServer } from "./server.ts"

const answerMs = 30_000
const againMs = 50

export interface Member {
  readonly name: string
  readonly dataDir: string
  readonly env: Readonly<Record<string, string>>
  server: Server
}

/** What a client was told, and when. */
export interface Told {
  readonly status: number
  readonly atMs: number
  readonly tookMs: number
}

export class Servers {
  readonly scratch = mkdtempSync(join(tmpdir(), "proliferate-nodes-"))
  readonly shared = join(this.scratch, "shared")
  #repository: string | null = null
  readonly members: Array<Member> = []
  readonly told: Array<Told> = []
  readonly #databaseUrl: string
  token = ""

  constructor(databaseUrl: string) {
    this.#databaseUrl = databaseUrl
  }

  async start(name: string, more: Readonly<Record<string, string>> = {}): Promise<Member> {
    const env = {
      CLUSTER: "on",
      DATABASE_URL: this.#databaseUrl,
      PROLIFERATE_SHARED: this.shared,
      PROLIFERATE_NODE_NAME: name,
      PROLIFERATE_NODE_ADDRESS: `127.0.0.1:${await freePort()}`,
      PROLIFERATE_PORT: String(await freePort()),
      ...more
    }
    const dataDir = join(this.scratch, name)
    const member: Member = { name, dataDir, env, server: await startServer(dataDir, env) }
    this.members.push(member)
    this.token ||= member.server.token ?? ""
    return member
  }

  /** With the same data, at the same addresses. */
  async again(member: Member): Promise<void> {
    member.server = await startServer(member.dataDir, member.env)
  }

  /** As a balancer would: a server that refuses the connection is not there, and another one is asked. */
  async call(method: string, path: string, body?: unknown, id?: string, first = 0): Promise<any> {
    const endsAtMs = Date.now() + answerMs
    for (let tries = first; Date.now() < endsAtMs; tries++) {
      const member = this.members[tries % this.members.length]!
      const atMs = Date.now()
      let response: Response
      try {
        response = await fetch(member.server.url + path, {
          method,
          headers: {
            authorization: `Bearer ${this.token}`,
            "content-type": "application/json",
            ...(id !== undefined && { "idempotency-key": id })
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(answerMs)
        })
      } catch {
        await new Promise((resolve) => setTimeout(resolve, againMs))
        continue
      }
      this.told.push({ status: response.status, atMs, tookMs: Date.now() - atMs })
      if (response.ok) return response.status === 204 ? null : await response.json()
      if (response.status < 500) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
      await new Promise((resolve) => setTimeout(resolve, againMs))
    }
    throw new Error(`${method} ${path}: no answer\n${this.members.map(({ server }) => server.log()).join("\n")}`)
  }

  /** A configuration whose agent follows scripts, on a repository of its own. */
  async configuration(): Promise<string> {
    this.#repository ??= sampleRepository(this.scratch)
    const repository = this.#repository
    const { id: repositoryId } = await this.call("POST", "/v1/repositories", { name: "sample", location: repository })
    const made = await this.call("POST", "/v1/configurations", {
      name: "sample",
      repositories: [{ repositoryId }],
      agent: "scripted"
    })
    return made.id
  }

  /** Who has this sandbox on its disk. */
  holderOf(sandboxId: string): Member | undefined {
    return this.members.find(({ dataDir }) => existsSync(join(dataDir, "sandboxes/sandboxes", sandboxId)))
  }

  async end(): Promise<void> {
    await Promise.all(
      this.members.map(({ server }) => server.process.exitCode === null && server.process.signalCode === null && server.stop())
    )
    rmSync(this.scratch, { recursive: true, force: true })
  }
}
