/** A daemon behind a port: who may enter, and the way out that leads back over the connection of the host that dialled in. */
import { createHash } from "node:crypto"
import { mkdirSync } from "node:fs"
import http from "node:http"
import net from "node:net"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { ProxyRoutes } from "../../actors/ports/proxy.ts"
import { streamsMax } from "../../adapters/sandbox/uplink/limits.ts"
import { makeUplinks } from "../../adapters/sandbox/uplink/uplinks.ts"
import { spawnDaemon, temporary, waitMs } from "./support.ts"

const secret = "a secret of this test"
const secretSha256 = createHash("sha256").update(secret).digest("hex")
const headers = { authorization: `Bearer ${secret}` }
const sandbox = { sandboxId: "sbx1", org: "org_a", sessionId: "ses_a", key: "k" }

const freePort = Effect.callback<number>((resume) => {
  const probe = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address() as net.AddressInfo
    probe.close(() => resume(Effect.succeed(port)))
  })
})

interface Behind {
  readonly url: string
  readonly way: string
  readonly socketPath: string
}

/** A daemon behind a port, and the addresses of its door and of its way out. */
const behindPort = Effect.gen(function* () {
  const directory = yield* temporary
  const [port, relayPort] = [yield* freePort, yield* freePort]
  const [workspace, home, socketPath] = ["workspace", "home", "proxy.sock"].map((name) => join(directory, name))
  mkdirSync(home!)
  const args = ["--port", `${port}`, "--secret-sha256", secretSha256, "--relay-port", `${relayPort}`, "--proxy", socketPath!]
  const { log } = yield* spawnDaemon([...args, "--workspace", workspace!, "--home", home!], home!)
  const url = `http://127.0.0.1:${port}`
  yield* Effect.tryPromise(() => fetch(`${url}/v1/health`)).pipe(
    Effect.retry(Schedule.spaced(30)),
    Effect.timeout(waitMs),
    Effect.mapError(() => new Error(`the daemon did not start: ${log()}`))
  )
  return { url, way: `http://127.0.0.1:${relayPort}`, socketPath: socketPath! } satisfies Behind
})

const echo = Layer.succeed(ProxyRoutes, {
  git: () => Effect.succeed(null),
  model: () => Effect.die("no model is asked here"),
  api: ({ sessionId }, { method, path, body }) =>
    Effect.succeed({
      status: 200,
      headers: {},
      body: `${sessionId} ${method} ${path} ${body.length} ${Buffer.from(body).toString("latin1")}`
    })
})

const ask = (address: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const answer = await fetch(address, { ...init, headers: { connection: "close", ...init.headers } })
    return { status: answer.status, text: await answer.text() }
  })

/** Until the host is known to be there, or not to be. What is under way when it goes is cut. */
const until = (way: string, status: number) =>
  ask(`${way}/api/x`).pipe(
    Effect.catchDefect(() => Effect.succeed({ status: 0, text: "" })),
    Effect.repeat({ until: (answer) => answer.status === status, schedule: Schedule.spaced(30) }),
    Effect.timeout(waitMs)
  )

it.live("a door on a port opens for who shows the secret alone", () =>
  Effect.gen(function* () {
    const { url } = yield* behindPort
    const shown: ReadonlyArray<Record<string, string>> = [
      {},
      { authorization: "Bearer wrong" },
      { authorization: `Bearer ${secretSha256}` }
    ]
    for (const wrong of shown) {
      const refused = yield* ask(`${url}/v1/health`, { headers: wrong })
      assert.strictEqual(refused.status, 401)
      assert.notInclude(refused.text, secretSha256)
      assert.strictEqual((yield* ask(`${url}/v1/shutdown`, { method: "POST", headers: wrong })).status, 401)
      const upgraded = yield* Effect.callback<number | undefined>((resume) => {
        const request = http.get(`${url}/v1/uplink`, { headers: { ...wrong, connection: "upgrade", upgrade: "websocket" } })
        request.on("response", ({ statusCode }) => resume(Effect.succeed(statusCode)))
        request.on("upgrade", () => resume(Effect.succeed(101)))
      })
      assert.strictEqual(upgraded, 401)
    }
    assert.strictEqual((yield* ask(`${url}/v1/health`, { headers })).status, 200)
  })
)

it.live("the way out leads to the host that dialled in, and says so while there is none", () =>
  Effect.gen(function* () {
    const { url, way } = yield* behindPort
    const alone = yield* ask(`${way}/api/x`)
    assert.strictEqual(alone.status, 503)
    assert.match(alone.text, /not connected to this sandbox/)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const uplinks = yield* makeUplinks
        yield* uplinks.open(sandbox, { url, headers }, Effect.succeed(true)).pipe(Effect.timeout(waitMs))
        assert.isTrue(uplinks.isConnected("sbx1"))
        const body = "b".repeat(1_000_000)
        const { text } = yield* ask(`${way}/api/v1/y?z`, { method: "POST", body })
        assert.strictEqual(text, `ses_a POST /api/v1/y?z 1000000 ${body}`)
        assert.match((yield* ask(`${way}/elsewhere`)).text, /Only \/git/)
        const many = yield* Effect.all(
          Array.from({ length: 200 }, (_, n) => ask(`${way}/api/${n}`)),
          { concurrency: 16 }
        )
        assert.deepStrictEqual(
          many.map(({ text }) => text.trim()),
          Array.from({ length: 200 }, (_, n) => `ses_a GET /api/${n} 0`)
        )
      })
    )
    assert.strictEqual((yield* until(way, 503)).status, 503)
  }).pipe(Effect.provide(echo))
)

it.live("the socket beside the port leads the same way, for the command line", () =>
  Effect.gen(function* () {
    const { url, socketPath } = yield* behindPort
    const uplinks = yield* makeUplinks
    yield* uplinks.open(sandbox, { url, headers }, Effect.succeed(true)).pipe(Effect.timeout(waitMs))
    const status = yield* Effect.callback<number | undefined>((resume) => {
      http.get({ socketPath, path: "/api/who", headers: { host: "proxy" } }, ({ statusCode }) =>
        resume(Effect.succeed(statusCode))
      )
    })
    assert.strictEqual(status, 200)
  }).pipe(Effect.scoped, Effect.provide(echo))
)

it.live("one connection that nobody reads holds up no other, and more than there may be are told so", () =>
  Effect.gen(function* () {
    const { url, way } = yield* behindPort
    const uplinks = yield* makeUplinks
    yield* uplinks.open(sandbox, { url, headers }, Effect.succeed(true)).pipe(Effect.timeout(waitMs))
    const port = Number(new URL(way).port)
    const idle = yield* Effect.acquireRelease(
      Effect.promise(() =>
        Promise.all(
          Array.from(
            { length: streamsMax },
            () =>
              new Promise<net.Socket>((resolve) => {
                const socket = net.connect(port, "127.0.0.1", () => {
                  // The answer to a body of 900 KB is as long, and is not read.
                  socket.write(`POST /api/big HTTP/1.1\r\nhost: proxy\r\ncontent-length: 900000\r\n\r\n${"x".repeat(900_000)}`)
                  socket.pause()
                  resolve(socket)
                })
              })
          )
        )
      ),
      (sockets) => Effect.sync(() => sockets.map((socket) => socket.destroy()))
    )
    assert.match((yield* until(way, 503)).text, /64 connections to the server are open/)
    for (const socket of idle.slice(0, 2)) socket.destroy()
    assert.strictEqual((yield* until(way, 200)).status, 200)
  }).pipe(Effect.scoped, Effect.provide(echo))
)

it.live("a host that comes back takes the place of the one before, whose end does it no harm", () =>
  Effect.gen(function* () {
    const { url, way } = yield* behindPort
    const before = yield* makeUplinks
    yield* before.open(sandbox, { url, headers }, Effect.succeed(true)).pipe(Effect.timeout(waitMs))
    const after = yield* makeUplinks
    // The one before dials no more, as one that was killed.
    yield* before.close("sbx1")
    yield* after.open({ ...sandbox, sessionId: "ses_b" }, { url, headers }, Effect.succeed(true)).pipe(Effect.timeout(waitMs))
    assert.match((yield* until(way, 200)).text, /^ses_b /)
  }).pipe(Effect.scoped, Effect.provide(echo))
)

it.live("an uplink is dialled no more when its sandbox does not run", () =>
  Effect.gen(function* () {
    const port = yield* freePort
    const uplinks = yield* makeUplinks
    const address = { url: `http://127.0.0.1:${port}`, headers }
    let asked = 0
    const opened = yield* Effect.forkChild(
      uplinks.open(
        sandbox,
        address,
        Effect.sync(() => {
          asked += 1
          return asked < 3
        })
      )
    )
    yield* Effect.sync(() => asked).pipe(
      Effect.repeat({ until: (times) => times === 3, schedule: Schedule.spaced(20) }),
      Effect.timeout(waitMs)
    )
    assert.isUndefined(opened.pollUnsafe())
    assert.isFalse(uplinks.isConnected("sbx1"))
  }).pipe(Effect.scoped, Effect.provide(echo))
)
