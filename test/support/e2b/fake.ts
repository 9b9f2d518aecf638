/**
 * E2B's API on loopback, as far as we use it, typed by the SDK's own types: sandboxes with real processes (machine.ts), their end of
 * life, pauses with and without memory, snapshots as copies of disks, lists in pages. It proves how we use the SDK; what E2B does, the
 * same suite proves on the live service.
 */
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { components } from "e2b"
import { lead, leadUpgrade, type Target } from "./edge.ts"
import { Faults } from "./faults.ts"
import { copyDisk, Machine, makeDisk } from "./machine.ts"

type Schemas = components["schemas"]

interface Box {
  readonly id: string
  readonly templateID: string
  readonly metadata: Record<string, string>
  readonly envdAccessToken: string
  readonly startedAtMs: number
  readonly autoPause: boolean
  readonly machine: Machine
  endAtMs: number
  state: Schemas["SandboxState"]
}

interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** Long enough for the SDK, which asks the version for what it may do. */
const envdVersion = "0.6.4"
export const apiKey = "e2b_0123456789abcdef0123456789abcdef01234567"

/** `old` has no Node 24. */
const templates = ["base", "old"]

const failure = (code: number, message: string): Answer => ({ status: code, body: { code, message } satisfies Schemas["Error"] })
const notFound = failure(404, "Sandbox not found")

export class FakeE2B {
  readonly faults = new Faults()
  /** What the SDK has asked for so far, and how often. */
  readonly routes = new Map<string, number>()
  /** Bodies of what was asked, for tests to look for what must not be there. */
  readonly heard: Array<string> = []
  readonly boxes = new Map<string, Box>()
  readonly snapshots = new Map<string, { readonly disk: string; readonly name: string }>()
  /** From its start; E2B's plans end a sandbox after so long, extended or not. */
  lifeMsMax = 24 * 3_600_000
  pageSize = 2
  url = ""
  #aheadMs = 0
  readonly #root = mkdtempSync(join(tmpdir(), "proliferate-e2b-"))
  readonly #server = createServer((request, response) => void this.#serve(request, response))

  static async open(): Promise<FakeE2B> {
    const fake = new FakeE2B()
    for (const name of templates) makeDisk(join(fake.#root, name), { node: name === "base" })
    fake.#server.on("upgrade", (request, socket, head) => leadUpgrade(request, socket, head, fake.#targetOf(request)))
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve))
    fake.url = `http://127.0.0.1:${(fake.#server.address() as AddressInfo).port}`
    return fake
  }

  async close(): Promise<void> {
    for (const { machine } of this.boxes.values()) await machine.off()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    rmSync(this.#root, { recursive: true, force: true })
  }

  get nowMs(): number {
    return Date.now() + this.#aheadMs
  }

  /** Time goes by for E2B: what has come to its end is paused or killed. */
  async pass(ms: number): Promise<void> {
    this.#aheadMs += ms
    for (const box of this.boxes.values())
      if (box.state === "running" && box.endAtMs <= this.nowMs) await (box.autoPause ? this.pause(box, true) : this.#kill(box))
  }

  async pause(box: Box, keepMemory: boolean): Promise<void> {
    box.state = "paused"
    if (keepMemory) box.machine.freeze()
    else await box.machine.off()
  }

  box(sandboxId: string): Box {
    return this.boxes.get(sandboxId)!
  }

  #count(route: string): void {
    this.routes.set(route, (this.routes.get(route) ?? 0) + 1)
  }

  #targetOf({ headers }: IncomingMessage): Target | null {
    return this.boxes.get(String(headers["e2b-sandbox-id"])) ?? null
  }

  async #kill(box: Box): Promise<void> {
    this.boxes.delete(box.id)
    await box.machine.off()
    box.machine.remove()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://e2b")
    if (request.headers["e2b-sandbox-id"] !== undefined) {
      const isEnvd = request.headers["e2b-sandbox-port"] === "49983"
      const route = isEnvd ? `${request.method} envd:${url.pathname}` : null
      if (route !== null) this.#count(route)
      const fault = route === null ? null : this.faults.next(route)
      if (fault === "cut-before") return void request.socket.destroy()
      if (fault !== null && typeof fault === "object") return void response.writeHead(fault.status).end(fault.message)
      return lead(request, response, this.#targetOf(request))
    }
    const parts: Array<Buffer> = []
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
    const text = Buffer.concat(parts).toString()
    this.heard.push(`${request.method} ${request.url} ${text}`)
    const id = /^(?:\/v2)?\/(?:sandboxes|templates)\/([^/]+)/.exec(url.pathname)?.[1] ?? ""
    const known = url.pathname.replace(
      `/${id}`,
      url.pathname.includes("/templates/") ? "/{templateID}" : id === "" ? "" : "/{sandboxID}"
    )
    const route = `${request.method} ${id === "" ? url.pathname : known}`
    this.#count(route)
    const fault = this.faults.next(route)
    if (fault === "cut-before") return void request.socket.destroy()
    if (fault !== null && typeof fault === "object") {
      const headers = fault.retryAfterSeconds === undefined ? {} : { "retry-after": `${fault.retryAfterSeconds}` }
      return this.#answer(response, { ...failure(fault.status, fault.message ?? "as planned"), headers })
    }
    if (request.headers["x-api-key"] !== apiKey) return this.#answer(response, failure(401, "Invalid API key"))
    const body = text === "" ? {} : JSON.parse(text)
    if (fault === "twice") await this.#handle(route, decodeURIComponent(id), url.searchParams, body)
    const answer = await this.#handle(route, decodeURIComponent(id), url.searchParams, body)
    if (fault === "cut-after") return void request.socket.destroy()
    this.#answer(response, fault === "nonsense" ? { status: answer.status, body: { what: "else" } } : answer)
  }

  #answer(response: ServerResponse, { status, body, headers = {} }: Answer): void {
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(body === undefined ? undefined : JSON.stringify(body))
  }

  async #handle(route: string, id: string, query: URLSearchParams, body: any): Promise<Answer> {
    const box = this.boxes.get(id)
    switch (route) {
      case "POST /v2/sandboxes":
        return this.#create(body)
      case "GET /v2/sandboxes":
        return this.#list(query)
      case "GET /snapshots":
        return this.#listSnapshots(query)
      case "DELETE /templates/{templateID}":
        return this.#discard(id)
      case "GET /sandboxes/{sandboxID}":
        return box === undefined ? notFound : { status: 200, body: this.#listed(box) }
      case "DELETE /sandboxes/{sandboxID}":
        if (box === undefined) return notFound
        await this.#kill(box)
        return { status: 204 }
      case "POST /sandboxes/{sandboxID}/timeout":
        if (box === undefined) return notFound
        box.endAtMs = this.#endOf(box, (body as Schemas["SandboxTimeoutRequest"]).timeout)
        return { status: 204 }
      case "POST /v2/sandboxes/{sandboxID}/connect":
        return box === undefined ? notFound : this.#connect(box, body)
      case "POST /sandboxes/{sandboxID}/snapshots":
        return box === undefined ? notFound : this.#snapshot(box, body)
      default:
        return failure(404, `this fake has no ${route}`)
    }
  }

  #endOf({ startedAtMs }: Pick<Box, "startedAtMs">, seconds: number): number {
    return Math.min(this.nowMs + seconds * 1_000, startedAtMs + this.lifeMsMax)
  }

  async #create(wish: Schemas["NewSandboxV2"]): Promise<Answer> {
    const from = templates.includes(wish.templateID)
      ? join(this.#root, wish.templateID)
      : this.snapshots.get(wish.templateID)?.disk
    if (from === undefined) return failure(404, `template '${wish.templateID}' not found`)
    const id = `i${randomBytes(10).toString("hex")}`
    const machine = new Machine(join(this.#root, id))
    copyDisk(from, machine.disk)
    const startedAtMs = this.nowMs
    const box: Box = {
      id,
      templateID: wish.templateID,
      metadata: wish.metadata ?? {},
      envdAccessToken: randomBytes(16).toString("hex"),
      startedAtMs,
      autoPause: wish.autoPause ?? false,
      machine,
      endAtMs: this.#endOf({ startedAtMs }, wish.timeout ?? 15),
      state: "running"
    }
    await machine.boot()
    this.boxes.set(id, box)
    return { status: 201, body: this.#described(box) }
  }

  #described({ id, templateID, envdAccessToken }: Box): Schemas["Sandbox"] {
    return { clientID: "c", envdVersion, sandboxID: id, templateID, envdAccessToken, domain: null, trafficAccessToken: null }
  }

  #listed({ id, templateID, metadata, startedAtMs, endAtMs, state }: Box): Schemas["ListedSandbox"] {
    const [startedAt, endAt] = [startedAtMs, endAtMs].map((ms) => new Date(ms).toISOString()) as [string, string]
    const size = { cpuCount: 2, memoryMB: 512, diskSizeMB: 1_024 }
    return { clientID: "c", envdVersion, sandboxID: id, templateID, metadata, startedAt, endAt, state, ...size }
  }

  #page<A>(all: ReadonlyArray<A>, query: URLSearchParams): Answer {
    const from = Number(query.get("nextToken") ?? 0)
    const next = from + this.pageSize
    return { status: 200, body: all.slice(from, next), headers: next < all.length ? { "x-next-token": `${next}` } : {} }
  }

  #list(query: URLSearchParams): Answer {
    const wanted = [...new URLSearchParams(query.get("metadata") ?? "")].map(
      (pair) => pair.map(decodeURIComponent) as [string, string]
    )
    const found = [...this.boxes.values()].filter(({ metadata }) => wanted.every(([name, value]) => metadata[name] === value))
    found.sort((a, b) => a.startedAtMs - b.startedAtMs)
    if (query.get("order") !== "asc") found.reverse()
    return this.#page(
      found.map((box) => this.#listed(box)),
      query
    )
  }

  async #connect(box: Box, { timeout, memory }: Schemas["ConnectSandboxV2"]): Promise<Answer> {
    const wasPaused = box.state === "paused"
    if (wasPaused) {
      if (memory === false) await box.machine.off()
      if (box.machine.hasMemory) box.machine.thaw()
      else await box.machine.boot()
      box.state = "running"
    }
    const endAtMs = this.#endOf(box, timeout ?? 300)
    box.endAtMs = wasPaused ? endAtMs : Math.max(box.endAtMs, endAtMs)
    return { status: wasPaused ? 201 : 200, body: this.#described(box) }
  }

  #snapshot(box: Box, { name }: Schemas["SandboxSnapshotRequest"]): Answer {
    const snapshotID = `team/${name}:default`
    const disk = join(this.#root, `snapshot-${randomBytes(6).toString("hex")}`)
    copyDisk(box.machine.disk, disk)
    this.snapshots.set(snapshotID, { disk, name: name ?? "" })
    return { status: 201, body: { snapshotID, names: [`team/${name}:default`] } satisfies Schemas["SnapshotInfo"] }
  }

  #listSnapshots(query: URLSearchParams): Answer {
    const found = [...this.snapshots].filter(([, { name }]) => query.get("name") === null || query.get("name") === name)
    return this.#page(
      found.map(([snapshotID, { name }]): Schemas["SnapshotInfo"] => ({ snapshotID, names: [`team/${name}:default`] })),
      query
    )
  }

  #discard(snapshotID: string): Answer {
    const found = this.snapshots.get(snapshotID)
    if (found === undefined) return failure(404, "template not found")
    this.snapshots.delete(snapshotID)
    rmSync(found.disk, { recursive: true, force: true })
    return { status: 204 }
  }
}
