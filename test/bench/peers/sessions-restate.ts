/**
 * Durable sessions on Restate: a workflow of eight `ctx.run`, the fourth of them the call, with a durable sleep of 100 ms after it.
 * One server from npm with its defaults, which write its log with fsync (asserted from the configuration that it prints), on a
 * directory that goes with it, telemetry off, loopback alone; the handlers are served over HTTP/2 from this process.
 */
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer as createHttp2 } from "node:http2"
import { createRequire } from "node:module"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as restate from "@restatedev/restate-sdk"
import * as clients from "@restatedev/restate-sdk-clients"
import { answering, input } from "../contest/answering.ts"
import { post } from "../contest/provider.ts"

const { providerUrl } = input<{ readonly providerUrl: string }>()
const timerMs = 100
const startsMs = 60_000

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

const workflow = restate.workflow({
  name: "session",
  handlers: {
    run: async (ctx: restate.WorkflowContext) => {
      for (const n of [1, 2, 3]) await ctx.run(`step ${n}`, () => n)
      await ctx.run("post", () => post(providerUrl, ctx.key))
      await ctx.sleep(timerMs)
      for (const n of [5, 6, 7, 8]) await ctx.run(`step ${n}`, () => n)
    }
  }
})

const resolve = createRequire(createRequire(import.meta.url).resolve("@restatedev/restate-server/package.json"))
const program = resolve.resolve(`@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`)
const directory = mkdtempSync(join(tmpdir(), "bench-restate-"))
const [node, ingress, admin] = [await freePort(), await freePort(), await freePort()]
const environment = {
  ...process.env,
  RESTATE_DISABLE_TELEMETRY: "true",
  DO_NOT_TRACK: "1",
  RESTATE_BASE_DIR: directory,
  RESTATE_NODE_NAME: "bench",
  RESTATE_LISTEN_MODE: "tcp",
  RESTATE_BIND_IP: "127.0.0.1",
  RESTATE_BIND_PORT: String(node),
  RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
  RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
  RESTATE_ADMIN__DISABLE_WEB_UI: "true",
  RESTATE_LOG_FILTER: "error"
}
const settings = execFileSync(program, ["--dump-config"], { env: environment, encoding: "utf8" })
for (const wanted of ["disable-telemetry = true", "rocksdb-disable-wal = false", "rocksdb-disable-wal-fsync = false"]) {
  if (!settings.includes(wanted)) throw new Error(`Restate does not say ${wanted}: no figure would count`)
}
if (/rocksdb-disable-wal(-fsync)? = true/.test(settings))
  throw new Error("Restate has a log without fsync: no figure would count")

const server = spawn(program, ["--no-logo"], { env: environment, stdio: ["ignore", "ignore", "inherit"] })
const endpoint = createHttp2(restate.createEndpointHandler({ services: [workflow], logger: () => {} }))
await new Promise<void>((listening) => endpoint.listen(0, "127.0.0.1", listening))
process.once("SIGTERM", () => process.exit(1))
process.once("exit", () => {
  server.kill("SIGKILL")
  rmSync(directory, { recursive: true, force: true })
})

const register = async (): Promise<void> => {
  const until = performance.now() + startsMs
  while (true) {
    try {
      const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ uri: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}` })
      })
      if (answer.ok) return
      throw new Error(`${answer.status}: ${await answer.text()}`)
    } catch (cause) {
      if (performance.now() > until) throw cause
      await new Promise((again) => setTimeout(again, 250))
    }
  }
}
await register()

const client = clients.connect({ url: `http://127.0.0.1:${ingress}` })
await answering<{ readonly prefix: string; readonly sessions: number }>(async ({ prefix, sessions }) => {
  const ids = Array.from({ length: sessions }, (_, n) => `${prefix}_${n}`)
  let ended = 0
  const startedAt = performance.now()
  await Promise.all(
    ids.map(async (id) => {
      const session = client.workflowClient<typeof workflow>({ name: "session" }, id)
      await session.workflowSubmit()
      await session.workflowAttach()
      ended += 1
    })
  )
  return { tookMs: performance.now() - startedAt, ended }
})
server.kill("SIGTERM")
await new Promise((resolve) => server.once("exit", resolve))
process.exit(0)
