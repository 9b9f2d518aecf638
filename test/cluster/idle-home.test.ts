/** A home that no node has in memory, with a deadline: whoever holds its shard fires it, and brings the home back for it. */
import { setTimeout as wait } from "node:timers/promises"
import { Effect, Exit, Scope } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import { connect } from "../../adapters/postgres/pool.ts"
import type { Inspection } from "../../runtime/inspection.ts"
import { Router } from "../../runtime/router.ts"
import { type ClusterNode, startNode } from "../support/cluster-nodes.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"
import { migratedDatabase } from "../support/postgres.ts"

const scope = Effect.runSync(Scope.make())
const scoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.runPromise(Scope.provide(scope)(effect))
const definitions = [lampActor({ heat: () => Effect.never })]
const nodes: Array<ClusterNode> = []
let databaseUrl: string
let sql: Effect.Success<ReturnType<typeof connect>>["sql"]

beforeAll(async () => {
  databaseUrl = await scoped(migratedDatabase)
  sql = (await scoped(connect(databaseUrl, { sqlMax: 1, committerMax: 1 }))).sql
})
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

const until = async (what: string, isSo: () => Promise<boolean> | boolean) => {
  const endsAtMs = performance.now() + 15_000
  while (!(await isSo())) {
    if (performance.now() > endsAtMs) throw new Error(`not within 15 s: ${what}`)
    await wait(20)
  }
}

it("is fired on time by those who hold the shards, though its home came to no node's memory before", async () => {
  const idle = "lamp_idle"
  const first = await startNode({ databaseUrl, name: "first", definitions })
  for (const type of ["create", "switchOn"])
    await first.run(Router.use((router) => router.ask(lampAddress(idle), { id: type, event: { type }, by: null })))
  await first.stop()

  const seen: Array<Inspection> = []
  const inspect = (inspection: Inspection) => void seen.push(inspection)
  for (const name of ["second", "third"]) nodes.push(await startNode({ databaseUrl, name, definitions, inspect }))
  const activations = () => seen.filter((one) => one.type === "actor.activated")
  await until("they hold all shards", async () => {
    const [row] = await sql`
      select count(*)::int4 as n from cluster_shards join cluster_nodes using (address) where until > proliferate.now_ms()`
    return row!["n"] === 300
  })

  await sql`update timers set due = proliferate.now_ms() + 1500 where id = ${idle}`
  assert.isEmpty(activations())
  const [timer] = await sql`select due::float8 as due from timers where id = ${idle}`
  await until("it is fired", async () => (await sql`select from timers where id = ${idle}`).length === 0)
  const [row] = await sql`
    select at::float8 as at, event->>'type' as type from journal where id = ${idle} order by rev desc limit 1`
  assert.match(row!["type"], /after\.warmUp/)
  assert.isBelow(row!["at"] - timer!["due"], 1_000)
  assert.lengthOf(
    seen.filter((one) => one.type === "timer.fired"),
    1
  )
  assert.lengthOf(activations(), 1)
})
