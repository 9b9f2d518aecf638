/**
 * Nodes that die, freeze and are cut off, each a process of its own, on one database. What was acknowledged is there, nothing is
 * committed twice, nothing is asked of a provider twice, and those who are left answer for all within 8 s.
 */
import { execFileSync } from "node:child_process"
import { Effect, Exit, Scope } from "effect"
import { afterAll, afterEach, assert, beforeAll, it } from "vitest"
import { connect } from "../../adapters/postgres/pool.ts"
import { type Child, countingProvider, startChild } from "../support/cluster-children.ts"
import { freePort } from "../support/free-port.ts"
import { migratedDatabase } from "../support/postgres.ts"
import { type RelayState, relayTo } from "../support/relay.ts"

const failoverMs = 8_000
const lamps = Array.from({ length: 24 }, (_, n) => `lamp_${n}`)
const scope = Effect.runSync(Scope.make())
const scoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.runPromise(Scope.provide(scope)(effect))

let databaseUrl: string
let sql: Effect.Success<ReturnType<typeof connect>>["sql"]
let provider: Effect.Success<typeof countingProvider>
let children: Array<Child> = []

const node = async (name: string, more: object = {}) => {
  const child = await startChild({ databaseUrl, name, provider: provider.url, ...more })
  children.push(child)
  return child
}
const shardsOf = async (name: string): Promise<number> =>
  (
    await sql`select count(*)::int4 as n from cluster_shards s join cluster_nodes n using (address)
      where n.name = ${name} and n.until > proliferate.now_ms()`
  )[0]!["n"]
const until = async (what: string, isSo: () => Promise<boolean>, limitMs = 20_000) => {
  const endsAtMs = Date.now() + limitMs
  while (!(await isSo())) {
    if (Date.now() > endsAtMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
const evenly = (...names: ReadonlyArray<string>) =>
  until("the shards are spread", async () => {
    const held = await Promise.all(names.map(shardsOf))
    return held.reduce((sum, n) => sum + n, 0) === 300 && held.every((n) => n > 0)
  })

/** Every acknowledged message of every lamp is journaled once, and revisions have no gap. */
const isWhole = async (acknowledged: ReadonlyMap<string, ReadonlyArray<string>>) => {
  for (const [lamp, messages] of acknowledged) {
    const rows = await sql`select rev::int4 as rev, message_id as message from journal where id = ${lamp} order by rev`
    assert.deepStrictEqual(
      rows.map(({ rev }) => rev),
      rows.map((_, index) => index + 1)
    )
    const stored = rows.map(({ message }) => message)
    assert.strictEqual(new Set(stored).size, stored.length)
    for (const message of messages) assert.include(stored, message)
  }
}

/** Says things to all lamps until it is told to stop; what was acknowledged. */
const talking = (child: Child, prefix: string) => {
  let isOver = false
  const acknowledged = new Map<string, Array<string>>()
  const errors: Array<string> = []
  const all = lamps.map(async (lamp) => {
    for (let n = 0; !isOver; n++) {
      const message = `${prefix}-${n}`
      const { error } = await child.ask(lamp, "say", message)
      if (error === undefined) acknowledged.set(lamp, [...(acknowledged.get(lamp) ?? []), message])
      else if (!isOver) errors.push(error)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
  return {
    acknowledged,
    errors,
    end: async () => {
      isOver = true
      await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, 25_000))])
    }
  }
}

beforeAll(async () => {
  databaseUrl = await scoped(migratedDatabase)
  provider = await scoped(countingProvider)
  sql = (await scoped(connect(databaseUrl, { sqlMax: 2, committerMax: 1 }))).sql
})
afterEach(async () => {
  for (const child of children) child.process.kill("SIGCONT")
  await Promise.all(children.map((child) => child.stop()))
  children = []
  await sql`delete from journal`
  await sql`delete from commands`
  await sql`delete from timers`
  await sql`delete from actors`
  provider.calls.clear()
}, 90_000)
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

it("answers for all homes of a node that was killed within 8 s, and has lost nothing that was acknowledged", {
  timeout: 120_000
}, async () => {
  const [one, two] = await Promise.all([node("one"), node("two")])
  await evenly("one", "two")
  await Promise.all(lamps.map((lamp) => one.insist(lamp, "create", "made", failoverMs)))
  const [mine, theirs] = [talking(one, "one"), talking(two, "two")]
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  await two.kill()
  const tookMs = await Promise.all(lamps.map((lamp) => one.insist(lamp, "say", "after", failoverMs)))
  assert.isBelow(Math.max(...tookMs), failoverMs)
  await mine.end()
  void theirs.end()
  await isWhole(mine.acknowledged)
  await isWhole(theirs.acknowledged)
  assert.deepStrictEqual(mine.errors, [])
})

it("fires the deadlines of a node that was killed within 8 s, and its own on time", { timeout: 120_000 }, async () => {
  const dueInMs = 1_500
  const [one, two] = await Promise.all([node("one"), node("two")])
  await evenly("one", "two")
  await Promise.all(lamps.map((lamp) => one.insist(lamp, "create", "made", failoverMs)))
  await Promise.all(lamps.map((lamp) => one.insist(lamp, "switchOn", "on", failoverMs)))
  const count = async (query: PromiseLike<ReadonlyArray<unknown>>) => (await query).length
  await until("all burn", async () => (await count(sql`select from timers where timer like '%burnout%'`)) === lamps.length)
  // Their hour is over soon.
  await sql`update timers set due = proliferate.now_ms() + ${dueInMs}`
  const due = new Map((await sql`select id, due::float8 as due from timers`).map(({ id, due }) => [id, due]))
  await two.kill()
  await until("all have burnt out", async () => (await count(sql`select from timers`)) === 0)
  const rows = await sql`select id, at::float8 as at from journal where event->>'type' like '%burnout%'`
  assert.sameMembers(
    rows.map(({ id }) => id),
    lamps
  )
  const lateMs = rows.map(({ id, at }) => at - due.get(id)).sort((a, b) => a - b)
  assert.isBelow(lateMs.at(-1)!, failoverMs)
  // Not all were the killed one's.
  assert.isBelow(lateMs[0]!, 1_000)
})

it("a frozen owner is replaced within 8 s, and commits nothing and asks nothing twice when it thaws", {
  timeout: 240_000
}, async () => {
  const frozenMs = Number(process.env["FROZEN_MS"] ?? 60_000)
  const [one, two] = await Promise.all([node("one"), node("two")])
  await evenly("one", "two")
  await Promise.all(lamps.map((lamp) => one.insist(lamp, "create", "made", failoverMs)))
  const theirs = talking(two, "two")
  // Half way into their heating, some of them.
  await Promise.all(lamps.map((lamp) => two.ask(lamp, "switchOn", "on")))
  two.process.kill("SIGSTOP")
  const frozenAtMs = Date.now()
  const tookMs = await Promise.all(lamps.map((lamp) => one.insist(lamp, "say", "while frozen", failoverMs)))
  assert.isBelow(Math.max(...tookMs), failoverMs)
  const mine = talking(one, "one")
  await new Promise((resolve) => setTimeout(resolve, frozenMs - (Date.now() - frozenAtMs)))
  two.process.kill("SIGCONT")
  await evenly("one", "two")
  await Promise.all([mine.end(), theirs.end()])
  await isWhole(mine.acknowledged)
  await isWhole(theirs.acknowledged)
  assert.deepStrictEqual(mine.errors, [])
  // Each lamp was switched on once and heated under one key; again only where the answer was on its way when two froze, and by one.
  await until("all were heated", async () => provider.calls.size === lamps.length)
  for (const [key, calls] of provider.calls) {
    const by = calls.map((call) => call.by)
    assert.include([["one"], ["two"], ["two", "one"]].map(String), String(by), key)
    for (const call of calls) if (call.by === "two") assert.isBelow(call.atMs, frozenAtMs, `${key} was asked for after it froze`)
    if (by.length > 1) assert.isAbove(calls[0]!.atMs, frozenAtMs - 2_000, `${key} had been answered`)
  }
})

const cuts: ReadonlyArray<readonly [string, "peer" | "database", RelayState]> = [
  ["the questions of its peer do not reach it", "peer", "unheard"],
  ["its answers do not reach its peer", "peer", "silent"],
  ["what it says does not reach the database", "database", "unheard"],
  ["what the database says does not reach it", "database", "silent"],
  ["neither reaches the other", "database", "held"]
]

it.each(cuts)("a node stays whole, and the other answers for all, while %s", { timeout: 120_000 }, async (_, where, state) => {
  const cutMs = 9_000
  const url = new URL(databaseUrl)
  const socket = decodeURIComponent(url.hostname)
  const target = socket.startsWith("/")
    ? { path: `${socket}/.s.PGSQL.5432` }
    : { host: url.hostname, port: Number(url.port || 5432) }
  const [listen, database] = [{ host: "127.0.0.1", port: await freePort() }, await scoped(relayTo(target))]
  const peer = await scoped(relayTo(listen))
  const [one, two] = await Promise.all([
    node("one"),
    node("two", {
      address: { host: "127.0.0.1", port: peer.port },
      listen,
      databaseUrl: `postgres://postgres@127.0.0.1:${database.port}${url.pathname}`
    })
  ])
  await evenly("one", "two")
  await Promise.all(lamps.map((lamp) => one.insist(lamp, "create", "made", failoverMs)))
  const [mine, theirs] = [talking(one, "one"), talking(two, "two")]
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const cut = where === "peer" ? peer : database
  const cutAtMs = Date.now()
  await Effect.runPromise(cut.turn(state))
  const tookMs = await Promise.all(lamps.map((lamp) => one.insist(lamp, "say", "while cut off", failoverMs)))
  assert.isBelow(Math.max(...tookMs), failoverMs)
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, cutMs - (Date.now() - cutAtMs))))
  await Effect.runPromise(cut.turn("through"))
  await evenly("one", "two")
  await Promise.all(lamps.map((lamp) => two.insist(lamp, "say", "healed", failoverMs)))
  await Promise.all([mine.end(), theirs.end()])
  await isWhole(mine.acknowledged)
  await isWhole(theirs.acknowledged)
  assert.deepStrictEqual(mine.errors, [])
})

let wires = 0
/** Two network namespaces with a wire between them; the database is reached by its socket, which no network is between. */
const wired = Effect.acquireRelease(
  Effect.sync(() => {
    wires += 1
    const [one, two] = [`plf${process.pid}a${wires}`, `plf${process.pid}b${wires}`]
    const ip = (...args: ReadonlyArray<string>) => execFileSync("ip", args, { stdio: "pipe" })
    ip("netns", "add", one)
    ip("netns", "add", two)
    ip("link", "add", `${one}v`, "netns", one, "type", "veth", "peer", "name", `${two}v`, "netns", two)
    for (const [name, address] of [
      [one, "10.77.0.1/24"],
      [two, "10.77.0.2/24"]
    ] as const) {
      ip("-n", name, "addr", "add", address, "dev", `${name}v`)
      ip("-n", name, "link", "set", `${name}v`, "up")
      ip("-n", name, "link", "set", "lo", "up")
    }
    return { one, two, ip }
  }),
  ({ one, two, ip }) =>
    Effect.sync(() => {
      ip("netns", "del", one)
      ip("netns", "del", two)
    })
)
const mayWire = process.geteuid?.() === 0 && process.env["TEST_DATABASE_URL"] === undefined

it.runIf(mayWire).each([
  ["what the second sends goes nowhere", (two: string) => ["-n", two, "route", "add", "blackhole", "10.77.0.1/32"]],
  ["the wire is out", (two: string) => ["-n", two, "link", "set", `${two}v`, "down"]]
] as const)("machines between which %s lose nothing, and one answers for all", { timeout: 120_000 }, async (_, cutting) => {
  const net = await scoped(wired)
  const on = (name: string, host: string) => ({ address: { host, port: 8_791 }, wrap: ["ip", "netns", "exec", name] })
  const [one, two] = await Promise.all([node("one", on(net.one, "10.77.0.1")), node("two", on(net.two, "10.77.0.2"))])
  await evenly("one", "two")
  await Promise.all(lamps.map((lamp) => one.insist(lamp, "create", "made", failoverMs)))
  const [mine, theirs] = [talking(one, "one"), talking(two, "two")]
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  net.ip(...cutting(net.two))
  await until("one of them holds all", async () => Math.max(await shardsOf("one"), await shardsOf("two")) === 300, 15_000)
  const owner = (await shardsOf("one")) === 300 ? one : two
  await Promise.all(lamps.map((lamp) => owner.insist(lamp, "say", "while cut off", failoverMs)))
  // One end of what was cut at a time goes on; who cannot be reached is told so, and nothing is taken that is not kept.
  await Promise.all([mine.end(), theirs.end()])
  await isWhole(mine.acknowledged)
  await isWhole(theirs.acknowledged)
})
