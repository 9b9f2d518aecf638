/** A session whose home has moved to another server than its sandbox is on: it works on there, is captured there, and goes on anywhere. */
import { setTimeout as wait } from "node:timers/promises"
import { Effect, Exit, Scope } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import { client } from "../../adapters/postgres/pool.ts"
import { type Member, Servers } from "../support/cluster-servers.ts"
import { migratedDatabase } from "../support/postgres.ts"
import { type Watcher, watch } from "../support/watcher.ts"

const withinMs = 90_000
/** Of so many one at least moves when a second server comes; else it comes again, elsewhere on the ring. */
const sessions = 3
const comingsMax = 5
/** Who holds what is said every two seconds, and a session moves within five. */
const movesWithinMs = 12_000
const scope = Effect.runSync(Scope.make())
let servers: Servers
let sql: ReturnType<typeof client>
let first: Member
const watchers = new Map<string, Watcher>()

beforeAll(async () => {
  const databaseUrl = await Effect.runPromise(Scope.provide(scope)(migratedDatabase))
  sql = client(databaseUrl, { max: 1 })
  servers = new Servers(databaseUrl)
  first = await servers.start("first")
}, 180_000)

afterAll(async () => {
  for (const watcher of watchers.values()) watcher.close()
  await servers.end()
  await sql.end()
  await Effect.runPromise(Scope.close(scope, Exit.void))
}, 90_000)

let turns = 0
const turn = async (id: string, steps: ReadonlyArray<object>) => {
  const promptId = `prompt-${++turns}`
  await servers.call("POST", `/v1/sessions/${id}/prompts`, { id: promptId, text: `run: ${JSON.stringify(steps)}` })
  const ended = await watchers
    .get(id)!
    .until(promptId, ({ kind, body }) => kind === "turn.ended" && body["turnId"] === promptId, withinMs)
  assert.strictEqual(ended.body["stopReason"], "end_turn")
}
const ownerOf = async (id: string): Promise<string | undefined> =>
  (await sql`select says from coordination_entries where room = 'leases' and who like ${`%/${id}`}`)[0]?.["says"]
const sandboxOf = async (id: string): Promise<string> => (await servers.call("GET", `/v1/sessions/${id}`)).sandboxId

/** One that is another server's, once there is one. */
const moved = async (ids: ReadonlyArray<string>): Promise<string> => {
  for (let coming = 1; coming <= comingsMax; coming++) {
    const second = await servers.start(`second-${coming}`)
    const endsAtMs = performance.now() + movesWithinMs
    while (performance.now() < endsAtMs) {
      for (const id of ids) if ((await ownerOf(id)) === second.name) return id
      await wait(100)
    }
    await second.server.stop()
    servers.members.splice(servers.members.indexOf(second), 1)
  }
  throw new Error("no session moved")
}

it("works on in its sandbox, is captured from there and goes on with its files", { timeout: 400_000 }, async () => {
  const configurationId = await servers.configuration()
  const ids = await Promise.all(
    Array.from(
      { length: sessions },
      async (_, n): Promise<string> => (await servers.call("POST", "/v1/sessions", { configurationId }, `session-${n}`)).id
    )
  )
  for (const id of ids) watchers.set(id, watch(first.server.url, servers.token, id))
  await Promise.all(ids.map((id) => turn(id, [{ write: "kept.txt", text: `kept for ${id}` }])))
  const id = await moved(ids)
  const { events } = watchers.get(id)!
  const owner = await ownerOf(id)
  const sandboxId = await sandboxOf(id)
  assert.strictEqual(servers.holderOf(sandboxId), first)
  const before = events.length
  await turn(id, [{ run: "cat kept.txt && echo more >> kept.txt" }])
  assert.include(JSON.stringify(events.slice(before)), `kept for ${id}`)
  assert.strictEqual(await sandboxOf(id), sandboxId)
  assert.strictEqual(await ownerOf(id), owner)

  await servers.call("POST", `/v1/sessions/${id}/pause`)
  await watchers.get(id)!.until("paused", ({ kind, body }) => kind === "state" && body["status"] === "paused", withinMs)
  const resumed = events.length
  await turn(id, [{ run: "cat kept.txt" }])
  assert.match(JSON.stringify(events.slice(resumed)), new RegExp(`kept for ${id}.*more`))
  assert.isFalse(events.some(({ kind }) => kind === "state.lost"))
})
