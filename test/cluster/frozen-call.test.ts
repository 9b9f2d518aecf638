/**
 * A node freezes while the service that it calls has done what was asked and not answered yet: an approved comment on GitHub. The
 * others take the call over, find the comment there and say so; the frozen one makes no second one when it thaws.
 */
import { createHmac } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { Effect, Exit, Scope } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import { hiddenMark } from "../../adapters/actions/marks.ts"
import { client } from "../../adapters/postgres/pool.ts"
import { nodeLeaseMs } from "../../runtime/limits.ts"
import { Servers } from "../support/cluster-servers.ts"
import { migratedDatabase } from "../support/postgres.ts"
import { github, githubToken } from "../support/services/github.ts"
import { type Asked, type Said, type Service, say, startService } from "../support/services/service.ts"

/** Longer than its lease, than the claim of its command, and than the other needs to settle the call. */
const frozenMs = Number(process.env["FROZEN_MS"] ?? 25_000)
const withinMs = 60_000
const scope = Effect.runSync(Scope.make())
const fake = github()
/** Each node asks under its own name: the first word of the path. */
const nodeOf = ({ path }: Asked) => path.split("/")[1]!
const answer = (asked: Asked): Said => fake.answer({ ...asked, path: asked.path.slice(nodeOf(asked).length + 1) })
let service: Service
let servers: Servers
let sql: ReturnType<typeof client>
let session: string
let agentToken: string

const until = async <A>(what: string, look: () => Promise<A | null>): Promise<A> => {
  const endsAtMs = performance.now() + withinMs
  while (performance.now() < endsAtMs) {
    const found = await look()
    if (found !== null) return found
    await wait(50)
  }
  throw new Error(`not within ${withinMs} ms: ${what}`)
}

const asAgent = async (at: number, body: unknown): Promise<any> => {
  const response = await fetch(`${servers.members[at]!.server.url}/v1/sessions/${session}/calls`, {
    method: "POST",
    headers: { authorization: `Bearer ${agentToken}`, "content-type": "application/json" },
    body: JSON.stringify(body)
  })
  assert.isTrue(response.ok, await response.clone().text())
  return response.json()
}
const statusOf = async (id: string, at: number) =>
  (await servers.call("GET", `/v1/approvals/${id}`, undefined, undefined, at)).status

/** Asked for by the agent and approved by a person, both at this node. */
const approved = async (at: number, text: string): Promise<string> => {
  const params = { owner: "acme", repo: "api", issue_number: 7, body: text }
  const { id } = await asAgent(at, { integration: "github", action: "comment", params, waitMs: 0 })
  await until("it waits for a person", async () => ((await statusOf(id, at)) === "pending" ? true : null))
  await servers.call("POST", `/v1/approvals/${id}/approve`, { as: "once" }, undefined, at)
  return id
}
/** Comments that were asked for under the key of a call. */
const commented = (id: string) => service.asked.filter(({ method, body }) => method === "POST" && body.includes(hiddenMark(id)))

beforeAll(async () => {
  service = await startService(answer)
  const databaseUrl = await Effect.runPromise(Scope.provide(scope)(migratedDatabase))
  sql = client(databaseUrl, { max: 1 })
  servers = new Servers(databaseUrl)
  for (const name of ["one", "two"]) await servers.start(name, { PROLIFERATE_GITHUB_API_URL: `${service.url}/${name}` })
  const configurationId = await servers.configuration()
  session = (await servers.call("POST", "/v1/sessions", { configurationId, start: false }, "the-one")).id
  await servers.call("POST", "/v1/connections", { integration: "github", secret: { kind: "token", token: githubToken } })
  const [row] = await sql`select org from actors where id = ${session}`
  const mac = createHmac("sha256", readFileSync(join(servers.shared, "host.key")))
  agentToken = `psb_${row!["org"]}.${session}.${mac.update(`sandbox-token\n${row!["org"]}\n${session}`).digest("base64url")}`
}, 180_000)

afterAll(async () => {
  for (const { server } of servers.members) server.process.kill("SIGCONT")
  await servers.end()
  await service.close()
  await sql.end()
  await Effect.runPromise(Scope.close(scope, Exit.void))
}, 90_000)

it("makes the call once, and both know what came of it", { timeout: 240_000 }, async () => {
  assert.isAbove(frozenMs, nodeLeaseMs)
  const heldBack = Promise.withResolvers<{ readonly by: string; readonly answer: () => void }>()
  service.troubles.push((response, asked) => {
    const said = answer(asked)
    heldBack.resolve({ by: nodeOf(asked), answer: () => say(said)(response, asked) })
  })
  const id = await approved(0, "Reproduced.")
  const held = await heldBack.promise
  const frozen = servers.members.findIndex(({ name }) => name === held.by)
  const other = 1 - frozen
  servers.members[frozen]!.server.process.kill("SIGSTOP")
  const frozenAtMs = performance.now()
  assert.strictEqual(fake.effects(), 1)

  await until("the other knows what came of it", async () => ((await statusOf(id, other)) === "completed" ? true : null))
  assert.isBelow(performance.now() - frozenAtMs, frozenMs, "it was settled while the other was frozen")
  await wait(frozenMs - (performance.now() - frozenAtMs))
  servers.members[frozen]!.server.process.kill("SIGCONT")
  held.answer()

  // It works again, and has had the answer that was kept from it by the time that it has made another call.
  const next = await approved(frozen, "Fixed.")
  await until("another call is made", async () => ((await statusOf(next, frozen)) === "completed" ? true : null))
  await until("no command is left", async () =>
    (await sql`select from commands where id in (${id}, ${next})`).length === 0 ? true : null
  )
  assert.deepStrictEqual(commented(id).map(nodeOf), [held.by])
  assert.lengthOf(commented(next), 1)
  assert.strictEqual(fake.effects(), 2)
  for (const node of [0, 1]) assert.strictEqual(await statusOf(id, node), "completed")
  for (const call of [id, next]) {
    const rows = await sql`
      select rev::int4 as rev, message_id as message, event->>'type' as type, taken from journal where id = ${call} order by rev`
    assert.deepStrictEqual(
      rows.map(({ rev }) => rev),
      rows.map((_, index) => index + 1)
    )
    assert.strictEqual(new Set(rows.map(({ message }) => message)).size, rows.length)
    const settling = rows.filter(
      ({ type, taken }) => /^(call|readback)\./.test(type) && taken.some((t: string) => /completed/.test(t))
    )
    assert.lengthOf(settling, 1, JSON.stringify(rows))
  }
})
