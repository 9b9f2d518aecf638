/**
 * A server on two databases, an organisation in each, and a session in each: one database is cut off while its agent works. Its
 * organisation is told so, the other notices nothing, and when it is back everything goes on and nothing is lost.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import { connect } from "../../adapters/postgres/pool.ts"
import { emptyDatabase } from "../support/postgres.ts"
import { type Relay, relayTo, serverOf, throughRelay } from "../support/relay.ts"
import { sampleRepository } from "../support/sample-repository.ts"
import { type Server, startServer } from "../support/server.ts"
import { type Watcher, watch } from "../support/watcher.ts"

const withinMs = 60_000
const scope = Effect.runSync(Scope.make())
const scoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.runPromise(Scope.provide(scope)(effect))
const scratch = mkdtempSync(join(tmpdir(), "proliferate-cells-"))
const watchers: Array<Watcher> = []
let server: Server
let relay: Relay
let env: Record<string, string>
let databases: { readonly home: string; readonly far: string }

/** One organisation, as one of its people sees it. */
class Team {
  readonly token: string
  sessionId = ""
  configurationId = ""
  watcher: Watcher | null = null
  #turns = 0

  constructor(token: string) {
    this.token = token
  }

  async ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: any; tookMs: number }> {
    const beganAtMs = Date.now()
    const response = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(withinMs)
    })
    return { status: response.status, body: await response.json().catch(() => null), tookMs: Date.now() - beganAtMs }
  }

  async must(method: string, path: string, body?: unknown): Promise<any> {
    const answer = await this.ask(method, path, body)
    assert.isBelow(answer.status, 300, `${method} ${path}: ${JSON.stringify(answer.body)}\n${server.log()}`)
    return answer.body
  }

  async begin(location: string): Promise<void> {
    const { id: repositoryId } = await this.must("POST", "/v1/repositories", { name: "sample", location })
    const made = { name: "sample", repositories: [{ repositoryId }], agent: "scripted" }
    this.configurationId = (await this.must("POST", "/v1/configurations", made)).id
    this.sessionId = (await this.must("POST", "/v1/sessions", { configurationId: this.configurationId })).id
    this.look()
  }

  /** From the first event on. */
  look(): void {
    this.watcher?.close()
    this.watcher = watch(server.url, this.token, this.sessionId)
    watchers.push(this.watcher)
  }

  /** Asked until it is taken, as clients do. */
  async prompt(steps: ReadonlyArray<object>): Promise<string> {
    const id = `prompt-${++this.#turns}`
    await this.until("the prompt is taken", async () => {
      const { status } = await this.ask("POST", `/v1/sessions/${this.sessionId}/prompts`, {
        id,
        text: `run: ${JSON.stringify(steps)}`
      })
      return status < 300
    })
    return id
  }

  ended(id: string) {
    return this.watcher!.until(id, ({ kind, body }) => kind === "turn.ended" && body["turnId"] === id, withinMs)
  }

  async turn(steps: ReadonlyArray<object>): Promise<void> {
    assert.strictEqual((await this.ended(await this.prompt(steps))).body["stopReason"], "end_turn")
  }

  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const endsAtMs = Date.now() + withinMs
    while (!(await isSo())) {
      if (Date.now() > endsAtMs) throw new Error(`not within ${withinMs} ms: ${what}\n${server.log()}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  isAway = async () => (await this.ask("GET", `/v1/sessions/${this.sessionId}`)).status === 503
}

let near: Team
let far: Team

const said = ({ events }: Watcher) => events.map(({ body }) => JSON.stringify(body)).join("\n")

beforeAll(async () => {
  databases = { home: await scoped(emptyDatabase), far: await scoped(emptyDatabase) }
  relay = await scoped(relayTo(serverOf(databases.far)))
  env = { DATABASE_URL: databases.home, DATABASE_CELLS: `far=${throughRelay(databases.far, relay)}` }
  server = await startServer(join(scratch, "data"), env)
  near = new Team(server.token!)

  const repository = sampleRepository(scratch)

  const owner = { name: "Ada", email: "ada@far.test" }
  const refused = await near.ask("POST", "/v1/organisations", { name: "Far", owner, cell: "moon" })
  assert.deepInclude(refused.body, { status: 422, detail: 'there is no cell "moon"; there are home, far' })
  const made = await near.must("POST", "/v1/organisations", { name: "Far", owner, cell: "far" })
  assert.strictEqual(made.organisation.cell, "far")
  far = new Team(made.token.secret)
  await near.begin(repository)
  await far.begin(repository)
}, 180_000)

afterAll(async () => {
  for (const watcher of watchers) watcher.close()
  await server?.stop()
  await Effect.runPromise(Scope.close(scope, Exit.void))
  rmSync(scratch, { recursive: true, force: true })
}, 120_000)

it("keeps each organisation's rows in its own database", { timeout: 120_000 }, async () => {
  await near.turn([{ write: "kept.txt", text: "near" }])
  await far.turn([{ write: "kept.txt", text: "far" }])
  const sessionsIn = async (url: string) => {
    const { sql } = await scoped(connect(url, { sqlMax: 1, committerMax: 1 }))
    return (await sql`select id from sessions`).map(({ id }) => id)
  }
  assert.deepStrictEqual(await sessionsIn(databases.home), [near.sessionId])
  assert.deepStrictEqual(await sessionsIn(databases.far), [far.sessionId])
})

it("one database that is cut off takes its organisation with it and no other, and what was begun ends when it is back", {
  timeout: 240_000
}, async () => {
  const working = await far.prompt([{ run: "sleep 6; echo meanwhile > done.txt" }, { say: "I went on." }])
  await Effect.runPromise(relay.turn("gone"))

  const away = far.until("the far organisation hears that its database is away", far.isAway)
  for (let n = 0; n < 5; n++) await near.turn([{ say: `turn ${n}` }])
  await away
  const { status, body } = await far.ask("GET", "/v1/sessions")
  assert.strictEqual(status, 503)
  assert.match(body.detail, /the cell far, cannot be used at the moment; try again/)
  const asked = await far.ask("POST", `/v1/sessions/${far.sessionId}/prompts`, { id: "lost", text: "run: []" })
  assert.strictEqual(asked.status, 503)
  assert.isBelow(asked.tookMs, 5_000)
  await near.turn([{ run: "cat kept.txt" }])
  assert.lengthOf((await near.must("GET", "/v1/sessions")).sessions, 1)
  for (const team of [near, far]) {
    const { cells } = await team.must("GET", "/v1/operations")
    assert.deepStrictEqual(
      cells.map(({ name, trouble }: { name: string; trouble: unknown }) => [name, trouble === null]),
      [
        ["home", true],
        ["far", false]
      ]
    )
  }

  await Effect.runPromise(relay.turn("through"))
  assert.strictEqual((await far.ended(working)).body["stopReason"], "end_turn")
  await far.turn([{ run: "cat done.txt kept.txt" }])
  assert.match(said(far.watcher!), /meanwhile/)
  for (const { watcher } of [near, far]) {
    assert.deepStrictEqual(watcher!.gaps, [])
    assert.deepStrictEqual(
      watcher!.events.map(({ seq }) => seq),
      watcher!.events.map((_, index) => index + 1)
    )
  }
})

it("a server lays to rest what it can while a database is away, starts without it, and goes on with its sessions once it comes", {
  timeout: 240_000
}, async () => {
  await near.turn([{ write: "late.txt", text: "late" }])
  await Effect.runPromise(relay.turn("gone"))
  await far.until("its database is away", far.isAway)
  const beganAtMs = Date.now()
  await server.stop()
  assert.isBelow(Date.now() - beganAtMs, 20_000)
  assert.notMatch(server.log(), /sessions were not paused|not everything came to rest/)

  server = await startServer(join(scratch, "data"), env)
  near.look()
  await near.turn([{ run: "cat late.txt" }])
  assert.isTrue(await far.isAway())
  await Effect.runPromise(relay.turn("through"))
  await far.until("its session can be seen", async () => !(await far.isAway()))
  far.look()
  await far.turn([{ run: "cat done.txt" }])
  assert.match(said(far.watcher!), /meanwhile/)
})

it("what was paused at the end of a server is resumed though its database comes late", { timeout: 240_000 }, async () => {
  await server.stop()
  await Effect.runPromise(relay.turn("gone"))
  server = await startServer(join(scratch, "data"), env)
  await Effect.runPromise(relay.turn("through"))
  await far.until("its session was resumed", async () => {
    const { status, body } = await far.ask("GET", `/v1/sessions/${far.sessionId}`)
    return status === 200 && body.status === "running"
  })
})

it("a server that is not told of a cell refuses its organisations by name, and serves the others", {
  timeout: 240_000
}, async () => {
  await server.stop()
  server = await startServer(join(scratch, "data"), { DATABASE_URL: databases.home })
  near.look()
  await near.turn([{ run: "cat late.txt" }])
  const { status, body } = await far.ask("POST", "/v1/sessions", { configurationId: far.configurationId })
  assert.strictEqual(status, 503)
  assert.match(body.detail, /lives in the cell "far", which this server does not know: add it to DATABASE_CELLS/)
  const { cells } = await near.must("GET", "/v1/operations")
  assert.deepStrictEqual(cells, [{ name: "home", trouble: null }])
})
