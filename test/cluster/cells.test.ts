/** Two servers of one cluster on two databases: the leases are at home, and a cell that is away keeps no server from holding the rest. */
import { Effect, Exit, Scope } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import { Servers } from "../support/cluster-servers.ts"
import { emptyDatabase } from "../support/postgres.ts"
import { type Relay, relayTo, serverOf, throughRelay } from "../support/relay.ts"
import { watch } from "../support/watcher.ts"

const withinMs = 60_000
const sessionsEach = 6
const scope = Effect.runSync(Scope.make())
const scoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.runPromise(Scope.provide(scope)(effect))

interface Team {
  readonly token: string
  readonly sessions: ReadonlyArray<string>
}

let servers: Servers
let relay: Relay
let near: Team
let far: Team
let more: Record<string, string>

const as = async <A>(token: string, work: () => Promise<A>): Promise<A> => {
  servers.token = token
  return await work()
}

const team = async (token: string): Promise<Team> => {
  servers.token = token
  const configurationId = await servers.configuration()
  const made = Array.from({ length: sessionsEach }, async (_, n) => {
    const { id } = await servers.call("POST", "/v1/sessions", { configurationId, start: n === 0 }, `session-${n}`)
    return id
  })
  return { token, sessions: await Promise.all(made) }
}

/** Every session answers at every server that is there; how long the slowest took. */
const renamed = async ({ token, sessions }: Team, title: string): Promise<number> =>
  as(token, async () => {
    servers.told.length = 0
    for (const first of servers.members.keys())
      await Promise.all(sessions.map((id) => servers.call("PATCH", `/v1/sessions/${id}`, { title }, undefined, first)))
    const { sessions: listed } = await servers.call("GET", "/v1/sessions")
    assert.deepStrictEqual(
      listed.map((row: { title: string }) => row.title),
      sessions.map(() => title)
    )
    return Math.max(...servers.told.map(({ tookMs }) => tookMs))
  })

beforeAll(async () => {
  const farUrl = await scoped(emptyDatabase)
  relay = await scoped(relayTo(serverOf(farUrl)))
  servers = new Servers(await scoped(emptyDatabase))
  more = { DATABASE_CELLS: `far=${throughRelay(farUrl, relay)}` }
  await servers.start("one", more)
  await servers.start("two", more)
  const first = servers.token
  const owner = { name: "Ada", email: "ada@far.test" }
  const made = await servers.call("POST", "/v1/organisations", { name: "Far", owner, cell: "far" })
  near = await team(first)
  far = await team(made.token.secret)
}, 180_000)

afterAll(async () => {
  await servers?.end()
  await Effect.runPromise(Scope.close(scope, Exit.void))
}, 90_000)

it("sessions of both databases are hosted by both servers, and by one when the other is gone", { timeout: 120_000 }, async () => {
  await renamed(near, "first")
  await renamed(far, "first")
})

it("a server that comes while a cell is away hosts all others at once, and those of the cell when it is back", {
  timeout: 240_000
}, async () => {
  const [, two] = servers.members
  await two!.server.stop()
  for (const team of [near, far]) await renamed(team, "alone")
  await Effect.runPromise(relay.turn("gone"))
  await servers.again(two!)
  assert.isBelow(await renamed(near, "second"), 8_000)

  const isAway = async (url: string) =>
    (await fetch(`${url}/v1/sessions`, { headers: { authorization: `Bearer ${far.token}` } })).status === 503
  const endsAtMs = Date.now() + withinMs
  for (const { server } of servers.members)
    while (!(await isAway(server.url))) {
      assert.isBelow(Date.now(), endsAtMs)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  assert.isBelow(await renamed(near, "third"), 5_000)

  await Effect.runPromise(relay.turn("through"))
  await renamed(far, "second")
  // Its link is held again, wherever it is hosted now.
  for (const { token, sessions } of [near, far]) {
    const watcher = watch(servers.members[0]!.server.url, token, sessions[0]!)
    const id = "after"
    const text = `run: ${JSON.stringify([{ say: "I am here." }])}`
    await as(token, () => servers.call("POST", `/v1/sessions/${sessions[0]}/prompts`, { id, text }))
    const ended = await watcher.until(id, ({ kind, body }) => kind === "turn.ended" && body["turnId"] === id, withinMs)
    assert.strictEqual(ended.body["stopReason"], "end_turn")
    watcher.close()
  }
})
