/**
 * Where a run takes place: two servers with their data, alone or as nodes of one cluster, a PostgreSQL and a Redis of ours, a disk
 * that fills up, a model. `act` brings a trouble over it and resolves when it has passed; `clear` ends all of them at once. What a
 * machine lacks is left out and said.
 */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { Effect, Exit, Scope } from "effect"
import { hostGoneMs } from "../../adapters/cluster/limits.ts"
import { postgresIn, signal } from "../../adapters/postgres/embedded/processes.ts"
import { type Embedded, startEmbedded } from "../../adapters/postgres/embedded.ts"
import { client, socketUrl } from "../../adapters/postgres/pool.ts"
import { databaseUrl } from "../support/database-url.ts"
import { freePort } from "../support/free-port.ts"
import { agentsOf, daemonsOf, initsOf, postmasterOf } from "../support/processes.ts"
import { type Relay, type RelayState, relayTo } from "../support/relay.ts"
import { sampleRepository } from "../support/sample-repository.ts"
import { Node } from "./node.ts"
import { type CountingModel, noRedis, Redis, SmallDisk, startModel } from "./services.ts"
import { type Kind, kinds, type Trouble } from "./troubles.ts"

/** What the agent in the sandboxes is called: the scripted one, and it may ask the model. */
export const agentName = "counting"

const agents = {
  [agentName]: {
    command: ["{node}", "{proliferate}", "agent", "scripted", "--pace", "0"],
    env: { CHAOS_MODEL: "{modelUrl}", CHAOS_TOKEN: "{token}" }
  }
}

/** A freeze that is long already outlasts, of a node, what the others wait before they take its sandboxes for gone. */
const longMs = 4_000
/** How one node stops hearing the other: what it is asked, what it answers, or both. */
const cuts: ReadonlyArray<RelayState> = ["unheard", "silent", "held"]

export class World {
  readonly directory = mkdtempSync(join(tmpdir(), "proliferate-chaos-"))
  readonly repository = sampleRepository(this.directory)
  readonly nodes: Array<Node> = []
  /** Of several nodes each answers for all sessions. */
  readonly isCluster: boolean
  /** What this machine lacks, and why. */
  readonly lacks: Array<string> = []
  /** Sessions whose sandboxes may be hit. */
  sessions: () => ReadonlyArray<string> = () => []
  model!: CountingModel
  redis: Redis | null = null
  disk: SmallDisk | null = null
  #scope = Scope.makeUnsafe()
  #database!: Embedded
  #frozen = new Set<number>()
  /** Before the port where its peers reach a node, by its name. */
  readonly #relays = new Map<string, Relay>()

  constructor(isCluster: boolean) {
    this.isCluster = isCluster
  }

  /** The servers that share a database, together. */
  get places(): ReadonlyArray<ReadonlyArray<Node>> {
    return this.isCluster ? [this.nodes] : this.nodes.map((node) => [node])
  }

  /**
   * Alone, `a` has its database beside it and speaks of news over Redis, and `b` has everything in its data directory, on the small
   * disk. As nodes both have that database and that Redis, and all that they keep, apart or together, is on the small disk.
   */
  async begin(): Promise<void> {
    chmodSync(this.directory, 0o755)
    this.model = await startModel()
    this.#database = await Effect.runPromise(
      Scope.provide(startEmbedded({ dataDir: join(this.directory, "postgres") }), this.#scope)
    )
    await this.#createDatabase("chaos_a")
    if (noRedis === null) {
      this.redis = new Redis(this.directory, await freePort())
      await this.redis.begin()
    } else this.lacks.push(`redis: ${noRedis}`)
    const disk = new SmallDisk(join(this.directory, "disk"))
    const noDisk = disk.mount()
    if (noDisk === null) this.disk = disk
    else this.lacks.push(`disk: ${noDisk}`)

    const beside = databaseUrl(this.#database.url, "chaos_a")
    const redis = this.redis === null ? {} : { REDIS_URL: `redis://127.0.0.1:${this.redis.port}/0` }
    const env = { DATABASE_URL: beside, ...redis }
    if (this.isCluster) {
      const shared = join(disk.directory, "shared")
      this.#describeAgents(shared)
      for (const name of ["a", "b"])
        await this.#addNode(name, join(disk.directory, name), beside, false, { ...env, ...(await this.#asNode(name, shared)) })
    } else {
      await this.#addNode("a", join(this.directory, "a"), beside, false, env)
      const dataOfB = join(disk.directory, "b")
      await this.#addNode("b", dataOfB, socketUrl(join(dataOfB, "postgres/run"), "postgres"), true, {})
    }
    for (const place of this.places) {
      // The first to come says who administers it.
      await place[0]!.begin()
      for (const node of place.slice(1)) {
        await node.begin()
        node.token = place[0]!.token
      }
    }
  }

  async #asNode(name: string, shared: string): Promise<Readonly<Record<string, string>>> {
    const listen = { host: "127.0.0.1", port: await freePort() }
    const relay = await Effect.runPromise(Scope.provide(relayTo(listen), this.#scope))
    this.#relays.set(name, relay)
    return {
      CLUSTER: "on",
      PROLIFERATE_SHARED: shared,
      PROLIFERATE_NODE_NAME: name,
      PROLIFERATE_NODE_ADDRESS: `127.0.0.1:${relay.port}`,
      PROLIFERATE_NODE_LISTEN: `${listen.host}:${listen.port}`
    }
  }

  #describeAgents(directory: string): void {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(join(directory, "agents.json"), JSON.stringify(agents))
  }

  async #addNode(
    name: string,
    dataDir: string,
    databaseUrl: string,
    isEmbedded: boolean,
    env: Readonly<Record<string, string>>
  ): Promise<void> {
    this.#describeAgents(dataDir)
    const model = { PROLIFERATE_MODEL_URL: this.model.url, PROLIFERATE_MODELS: "counting" }
    const clockFile = join(this.directory, `clock-${name}`)
    const port = await freePort()
    this.nodes.push(new Node({ name, dataDir, port, databaseUrl, isEmbedded, clockFile, env: { ...model, ...env } }))
  }

  async #createDatabase(name: string): Promise<void> {
    const sql = client(this.#database.url, { max: 1 })
    await sql.unsafe(`create database ${name}`)
    await sql.end()
  }

  /** What can befall this machine. */
  get kinds(): ReadonlyArray<Kind> {
    return kinds.filter(
      (kind) =>
        (this.redis !== null || !kind.startsWith("redis.")) &&
        (this.disk !== null || kind !== "disk.full") &&
        (this.isCluster || kind !== "peers.cut")
    )
  }

  /** Null: there was nobody that it could befall. */
  async act(trouble: Trouble): Promise<string | null> {
    const { kind, pick, forMs, offsetMs } = trouble
    const node = this.nodes[pick % this.nodes.length]!
    switch (kind) {
      case "node.kill":
        node.kill(Math.min(forMs, 2_000))
        return node.options.name
      case "node.freeze":
        if (!this.isCluster || forMs < longMs) {
          await node.freeze(forMs)
          return node.options.name
        }
        await node.freeze(forMs + hostGoneMs)
        return `${node.options.name}, until it was given up`
      case "peers.cut": {
        const relay = this.#relays.get(node.options.name)!
        const how = cuts[Math.floor(pick / this.nodes.length) % cuts.length]!
        await Effect.runPromise(relay.turn(how))
        await wait(forMs)
        await Effect.runPromise(relay.turn("through"))
        return `${node.options.name} ${how}`
      }
      case "clock.jump":
        node.setClock(offsetMs)
        return node.options.name
      case "daemon.kill":
        return this.#signalAll(daemonsOf, pick, "SIGKILL")
      case "agent.kill":
        return this.#signalAll(agentsOf, pick, "SIGKILL")
      case "sandbox.kill":
        return this.#signalAll(initsOf, pick, "SIGKILL")
      case "daemon.freeze":
        return this.#freeze(daemonsOf(this.#sessionAt(pick)), forMs)
      case "database.kill":
        return this.#signalPostmaster(node, "SIGKILL")
      case "database.restart":
        return this.#signalPostmaster(node, "SIGINT")
      case "database.freeze":
        return this.#freeze(postgresIn(this.#clusterOf(node)), Math.min(forMs, 8_000))
      case "redis.flush":
        await this.redis!.flush()
        return "redis"
      case "redis.kill":
        await this.redis!.kill(forMs)
        return "redis"
      case "redis.freeze":
        await this.redis!.freeze(forMs)
        return "redis"
      case "disk.full":
        await this.disk!.fill(Math.min(forMs, 6_000))
        return this.isCluster ? "a and b" : "b"
    }
  }

  #sessionAt(pick: number): string {
    const all = this.sessions()
    return all[pick % Math.max(all.length, 1)] ?? "none"
  }

  /** Those of the session that was picked, or of the next that has any. */
  #signalAll(of: (sessionId: string) => ReadonlyArray<number>, pick: number, name: NodeJS.Signals): string | null {
    const all = this.sessions()
    for (let tried = 0; tried < all.length; tried++) {
      const sessionId = all[(pick + tried) % all.length]!
      if (of(sessionId).filter((pid) => signal(pid, name)).length > 0) return sessionId
    }
    return null
  }

  #clusterOf(node: Node): string {
    return node.options.isEmbedded ? join(node.options.dataDir, "postgres/cluster") : join(this.directory, "postgres/cluster")
  }

  #signalPostmaster(node: Node, name: NodeJS.Signals): string | null {
    const { isEmbedded, dataDir } = node.options
    try {
      const pid = isEmbedded ? postmasterOf(dataDir) : this.#database.pid
      return signal(pid, name) ? node.options.name : null
    } catch {
      // It is being started just now.
      return null
    }
  }

  async #freeze(pids: ReadonlyArray<number>, forMs: number): Promise<string | null> {
    for (const pid of pids) {
      signal(pid, "SIGSTOP")
      this.#frozen.add(pid)
    }
    await wait(forMs)
    this.#thaw(pids)
    return pids.length === 0 ? null : `${pids.length} processes`
  }

  #thaw(pids: Iterable<number>): void {
    for (const pid of pids) {
      signal(pid, "SIGCONT")
      this.#frozen.delete(pid)
    }
  }

  clear(): void {
    this.disk?.empty()
    this.#thaw([...this.#frozen])
    for (const node of this.nodes) node.clear()
  }

  /** Leaves nothing behind, but for the directory where something is to be looked at. */
  async destroy(keep: boolean): Promise<void> {
    for (const node of this.nodes) node.destroy()
    await wait(500)
    for (const node of this.nodes)
      if (node.options.isEmbedded) for (const pid of postgresIn(this.#clusterOf(node))) signal(pid, "SIGQUIT")
    this.redis?.destroy()
    this.model?.close()
    await Effect.runPromise(Scope.close(this.#scope, Exit.void))
    if (keep) return
    this.disk?.unmount()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
