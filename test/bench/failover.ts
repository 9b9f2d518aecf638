/**
 * Two nodes on one database, and one is killed: how long until each session that it held has acknowledged its next event, from
 * `kill -9` on. Ours beside Effect Cluster with its defaults, each node a process, on one PostgreSQL; the killed one is another each
 * time. It is killed at moments spread evenly over the time between two looks at whether the nodes are well: a second in ours, a minute
 * in theirs, of which nobody knows where a kill will fall.
 */
import assert from "node:assert"
import { setTimeout as wait } from "node:timers/promises"
import { Console, Effect } from "effect"
import { client } from "../../adapters/postgres/pool.ts"
import { databaseUrl } from "../support/database-url.ts"
import { freePort } from "../support/free-port.ts"
import { type Contestant, contestant } from "./contest/child.ts"
import { freshServer } from "./contest/contest.ts"
import { type Row, rowOf } from "./rows.ts"

const sessions = 64
/** Theirs may be ours times 2.5. */
const goal = 2.5

interface Side {
  readonly name: string
  readonly file: string
  readonly url: string
  readonly looksEveryMs: number
  readonly survivor: Contestant
  readonly tookMs: Array<number>
}

const nodeOf = async ({ file, url }: Pick<Side, "file" | "url">, name: string) =>
  contestant(file, { url, name, port: await freePort() })

/** Milliseconds until the last of them has acknowledged. */
const round = async (side: Side, n: number, at: number): Promise<number> => {
  const victim = await nodeOf(side, `victim ${n}`)
  const { elsewhere } = await side.survivor.round({ do: "spread", sessions })
  await wait(side.looksEveryMs * at)
  const killedAtMs = performance.now()
  victim.kill()
  const { asked, here } = await side.survivor.round({ do: "ask", sessions })
  const tookMs = performance.now() - killedAtMs
  assert.deepStrictEqual({ asked, here }, { asked: elsewhere, here: elsewhere }, "the one that is left has answered for all")
  return tookMs
}

export const benchFailover = Effect.fnUntraced(function* (rounds: number) {
  const url = yield* freshServer
  const theirUrl = databaseUrl(url, "bench_cluster")
  yield* Effect.promise(async () => {
    const sql = client(url, { max: 1 })
    await sql.unsafe("create database bench_cluster")
    await sql.end()
  })
  const begun = (name: string, file: string, on: string, looksEveryMs: number) =>
    Effect.acquireRelease(
      Effect.promise(
        async (): Promise<Side> => ({
          ...{ name, file, looksEveryMs, url: on, tookMs: [] },
          survivor: await nodeOf({ file, url: on }, "survivor")
        })
      ),
      ({ survivor }) => Effect.promise(survivor.end)
    )
  const ours = yield* begun("ours", "contest/failover-ours.ts", url, 1_000)
  const theirs = yield* begun("Effect Cluster, as it ships", "peers/failover-cluster.ts", theirUrl, 60_000)
  for (let n = 0; n < rounds; n++)
    for (const side of n % 2 === 0 ? [ours, theirs] : [theirs, ours]) {
      const tookMs = yield* Effect.promise(() => round(side, n, (n + 0.5) / rounds))
      side.tookMs.push(tookMs)
      yield* Console.error(`  ${side.name}: ${(tookMs / 1_000).toFixed(1)} s`)
    }
  return [
    rowOf(`failover of ${sessions} sessions over two nodes`, theirs.name, "ms", ours.tookMs, theirs.tookMs, goal)
  ] satisfies ReadonlyArray<Row>
})
