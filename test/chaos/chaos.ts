/**
 * `npm run chaos -- [--nodes 2] [--seconds 60] [--seed N] [--json] [--keep]`: real servers, databases, sandboxes and clients, and
 * everything that can happen to them. Then the weather clears, all must come to rest, and what clients were told is compared with what
 * is there. Two servers each for itself, or with `--nodes 2` as nodes of one cluster that clients ask in turns.
 *
 * The troubles, in order and time, follow from the seed and are printed as they come (troubles.ts). The last line, with --json:
 * `{"kills","acked","lost","doubled","stuck",…}`. Exit 0 when nothing was lost, doubled or stuck and something was acknowledged;
 * else 1, and the directory of the run is kept.
 */

import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { parseArgs } from "node:util"
import { mentioning } from "../support/processes.ts"
import { Client } from "./client.ts"
import { comesToRest, driftLeft, evidenceOf, lastTurn, leftAfterStop } from "./evidence.ts"
import { request } from "./http.ts"
import { judge } from "./judge.ts"
import type { Node } from "./node.ts"
import { saidOf, troublesOf } from "./troubles.ts"
import { agentName, World } from "./world.ts"

const sessionsPerNode = 2

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "1" },
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false }
  }
})
const seconds = Number(values.seconds)
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
if (!(seconds > 0) || !Number.isInteger(seed) || !["1", "2"].includes(values.nodes)) {
  console.error("usage: npm run chaos -- [--nodes 1|2] [--seconds N] [--seed N] [--json] [--keep]")
  process.exit(2)
}

const startedAtMs = performance.now()
const say = (line: string) => console.error(`${((performance.now() - startedAtMs) / 1_000).toFixed(1).padStart(6)} s  ${line}`)

const hasCurl = spawnSync("curl", ["--version"]).status === 0
const world = new World(values.nodes === "2")
const clients: Array<Client> = []
world.sessions = () => clients.map(({ id }) => id)

const configurationOn = async ({ url, token }: Node): Promise<string> => {
  const made = async (path: string, body: unknown) => {
    const reply = await request(url, token, "POST", path, body)
    if (reply._tag !== "Ok") throw new Error(`${path}: ${JSON.stringify(reply)}`)
    return reply.body.id
  }
  const repositoryId = await made("/v1/repositories", { name: "sample", location: world.repository })
  return made("/v1/configurations", { name: "sample", repositories: [{ repositoryId }], agent: agentName })
}

const begin = async () => {
  await world.begin()
  if (!hasCurl) world.lacks.push("model: curl is not installed, so nobody asks it")
  for (const lack of world.lacks) say(`left out: ${lack}`)
  const file = join(world.directory, "ledger.ndjson")
  for (const [n, nodes] of world.places.entries()) {
    const configurationId = await configurationOn(nodes[0]!)
    for (let s = 1; s <= sessionsPerNode * nodes.length; s++) {
      const name = `chaos-${seed}-${nodes.map(({ options }) => options.name).join("")}${s}`
      const client = new Client({ nodes, name, seed: seed + 100 * n + s, file, canCount: hasCurl })
      await client.begin(configurationId)
      clients.push(client)
    }
  }
}

const counts = new Map<string, number>()

const storm = async () => {
  const troubles = troublesOf(seed, seconds, world.kinds)
  const beganAtMs = performance.now()
  const endsAtMs = beganAtMs + seconds * 1_000
  const working = clients.map((client) => client.work(endsAtMs))
  const acting: Array<Promise<void>> = []
  for (const trouble of troubles) {
    await wait(Math.max(0, beganAtMs + trouble.atMs - performance.now()))
    acting.push(
      world.act(trouble).then((hit) => {
        if (hit !== null) counts.set(trouble.kind, (counts.get(trouble.kind) ?? 0) + 1)
        say(`${saidOf(trouble)}: ${hit ?? "nobody was there"}`)
      })
    )
  }
  await wait(Math.max(0, endsAtMs - performance.now()))
  say("the weather clears")
  await Promise.all(acting)
  world.clear()
  await Promise.all(working)
}

const settle = async () => {
  const found = { lost: [] as Array<string>, doubled: [] as Array<string>, stuck: [] as Array<string> }
  await Promise.all(
    clients.map(async (client) => {
      const restless = await comesToRest(client)
      const { id, problem } = restless === null ? await lastTurn(client) : { id: "", problem: null }
      const evidence = await evidenceOf(client, id, world.model.asked, restless ?? problem)
      say(
        `${client.name} is at revision ${evidence.rev}, its feed at ${evidence.stored.length}, after ${client.stream.connections()} connections`
      )
      const verdict = judge(evidence)
      for (const kind of ["lost", "doubled", "stuck"] as const) found[kind].push(...verdict[kind])
    })
  )
  for (const nodes of world.places) {
    for (const node of nodes) found.stuck.push(...(await driftLeft(node, nodes.length === 1)))
    const theirs = clients.filter((client) => client.nodes[0] === nodes[0])
    found.stuck.push(...(await leftAfterStop(nodes, theirs)))
  }
  for (const { stream } of clients) stream.close()
  for (const node of world.nodes) {
    const code = await node.end()
    // As a program that was interrupted.
    if (code !== 130)
      found.stuck.push(`${node.options.name} ended with ${code} when it was told to stop: ${node.log().slice(-1_000)}`)
    for (const { pid, command } of mentioning(node.options.dataDir))
      found.stuck.push(`${node.options.name}: process ${pid} outlived it: ${command.slice(0, 200)}`)
  }
  return found
}

const endings = (): Readonly<Record<string, number>> => {
  const reasons = new Map<string, number>()
  for (const { ledger } of clients)
    for (const all of ledger.ended.values()) for (const reason of all) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  return Object.fromEntries(reasons)
}

let isBroken = true
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.once(name, () => void world.destroy(values.keep).finally(() => process.exit(130)))
try {
  const again = `npm run chaos -- --nodes ${values.nodes} --seconds ${seconds} --seed ${seed}`
  say(`seed ${seed}, ${seconds} s: \`${again}\` brings the same troubles`)
  await begin()
  await storm()
  const found = await settle()
  const acked = clients.reduce((sum, { ledger }) => sum + ledger.acked.size, 0)
  const kills = [...counts].reduce((sum, [kind, count]) => sum + (/kill|restart/.test(kind) ? count : 0), 0)
  for (const [kind, findings] of Object.entries(found)) for (const finding of findings) say(`${kind}: ${finding}`)
  const { lost, doubled, stuck } = found
  const result = { kills, acked, lost: lost.length, doubled: doubled.length, stuck: stuck.length }
  isBroken = lost.length + doubled.length + stuck.length > 0 || acked === 0
  const more = {
    seed,
    seconds,
    troubles: Object.fromEntries(counts),
    turns: endings(),
    starts: world.nodes.map(({ starts }) => starts),
    lacks: world.lacks
  }
  if (values.json) console.log(JSON.stringify({ ...result, ...more }))
  else say(JSON.stringify({ ...result, ...more }))
} catch (error) {
  say((error as Error).stack ?? String(error))
  for (const node of world.nodes) say(`${node.options.name}: ${node.log().slice(-2_000)}`)
} finally {
  if (isBroken) say(`kept: ${world.directory}`)
  await world.destroy(isBroken || values.keep)
}
process.exit(isBroken ? 1 : 0)
