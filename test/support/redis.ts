/**
 * A Redis for tests: the one at REDIS_URL, in the database that it names, or one of our own on a socket in a directory of its own.
 * `noRedis` says why there is none.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createConnection, type NetConnectOpts } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { relayTo } from "./relay.ts"

const given = process.env["REDIS_URL"]
const hasBinary = spawnSync("redis-server", ["--version"]).status === 0

export const noRedisBinary: string | null = hasBinary ? null : "redis-server is not installed"
export const noRedis: string | null = given !== undefined || hasBinary ? null : `REDIS_URL is not set and ${noRedisBinary}`

const serve = async (directory: string): Promise<ChildProcess> => {
  const child = spawn(
    "redis-server",
    ["--port", "0", "--unixsocket", join(directory, "redis.sock"), "--save", "", "--appendonly", "no", "--dir", directory],
    { stdio: ["ignore", "pipe", "inherit"] }
  )
  for await (const chunk of child.stdout!) if (String(chunk).includes("eady to accept connections")) break
  child.stdout!.resume()
  return child
}

/** A server of our own, ended with the scope. */
export const ownRedis = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-redis-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  let child: ChildProcess | null = null
  const start = Effect.promise(async () => {
    child = await serve(directory)
  })
  const kill = Effect.promise(async () => {
    if (child === null) return
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
    child = null
  })
  yield* Effect.acquireRelease(start, () => kill)
  return { target: { path: join(directory, "redis.sock") } satisfies NetConnectOpts, start, kill }
})

/** Where a Redis is to be had, and the number of its database. */
export const anyRedis = Effect.gen(function* () {
  if (given === undefined) return { target: (yield* ownRedis).target as NetConnectOpts, database: 0 }
  const { hostname, port, pathname } = new URL(given)
  return { target: { host: hostname, port: Number(port || 6379) } as NetConnectOpts, database: Number(pathname.slice(1) || 0) }
})

/** The same through a relay that can be held or cut; `url` goes through it. */
export const relayedRedis = Effect.gen(function* () {
  const { target, database } = yield* anyRedis
  const relay = yield* relayTo(target)
  const flush = Effect.promise(async () => {
    const socket = createConnection(target)
    socket.write(`SELECT ${database}\r\nFLUSHDB\r\n`)
    for await (const answer of socket) if (String(answer).endsWith("+OK\r\n")) break
  })
  return { url: `redis://127.0.0.1:${relay.port}/${database}`, relay, flush }
})
