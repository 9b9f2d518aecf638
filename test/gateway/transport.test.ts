/** The port, the addon, and connections that misbehave below HTTP. */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { connect } from "node:net"
import { join } from "node:path"
import { setImmediate as nextTurn } from "node:timers/promises"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Layer, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { relink } from "../../adapters/gateway/relink.ts"
import type { Handlers } from "../../adapters/gateway/transport.ts"
import { loadUws } from "../../adapters/gateway/uws.ts"
import { startGateway } from "../support/gateway.ts"
import { follow } from "../support/socket.ts"
import { transports } from "../support/transports.ts"

const uws = loadUws()
const run = promisify(execFile)
const handlers: Handlers = { request: () => Effect.never, admit: () => null, fork: () => {} }

/** What a connection hears for these bytes, until it is closed or `enough`. */
const spoken = (port: number, bytes: string, enough: RegExp) =>
  Effect.callback<string>((resume) => {
    let heard = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes))
    socket.on("data", (chunk) => {
      heard += chunk
      if (enough.test(heard)) socket.destroy()
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(heard)))
    return Effect.sync(() => socket.destroy())
  })

describe.each(transports)("over %s, the gateway", (_, transport) => {
  it.live("says which port is in use and what to set, and leaves the other server alone", () =>
    Effect.gen(function* () {
      const { port, ask } = yield* startGateway({ transport: transport() })
      for (const [, second] of transports) {
        const error = yield* Effect.flip(second().listen("127.0.0.1", port, handlers))
        assert.strictEqual(error.reason, "in-use")
        assert.include(error.message, `port ${port} on 127.0.0.1 is in use`)
        assert.include(error.message, "PROLIFERATE_PORT")
      }
      assert.strictEqual((yield* ask(null, "GET", "/health")).status, 200)
    })
  )

  it.live("does not take a port that a stranger listens on", () =>
    Effect.gen(function* () {
      const port = yield* Effect.acquireRelease(
        Effect.callback<any>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      ).pipe(Effect.map((server) => server.address().port as number))
      assert.strictEqual((yield* Effect.flip(transport().listen("127.0.0.1", port, handlers))).reason, "in-use")
    })
  )

  it.live("says that an address is not this machine's", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(transport().listen("192.0.2.1", 0, handlers))
      assert.deepInclude(error, { reason: "refused", message: "192.0.2.1 is no address of this machine" })
    })
  )

  it.live("gives its port back when it ends", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(Effect.map(startGateway({ transport: transport() }), (its) => its.port))
      const again = yield* startGateway({ transport: transport(), port })
      assert.strictEqual(again.port, port)
    })
  )

  it.live("outlives requests that are cut in their middle, and frames of megabytes", () =>
    Effect.gen(function* () {
      const { port, url, ask, owner, session } = yield* startGateway({ transport: transport() })
      const { id } = yield* session()
      const post = `POST /v1/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${owner.token}\r\ncontent-length: 100\r\n\r\n{"na`
      for (let n = 0; n < 20; n++) {
        yield* Effect.promise(
          () =>
            new Promise<void>((resolve) => {
              const socket = connect(port, "127.0.0.1", () => socket.write(post, () => socket.destroy()))
              socket.on("close", () => resolve())
            })
        )
      }
      yield* spoken(port, "\u0000\u0001 junk\r\n\r\n", /HTTP/)
      const client = yield* follow(url, id, owner.token)
      client.send(JSON.stringify({ type: "prompt", id: "p", text: "x".repeat(5 * 1024 * 1024) }))
      assert.include([1006, 1009], (yield* client.ended).code)
      assert.strictEqual((yield* ask(owner.token, "GET", "/v1/whoami")).status, 200)
    })
  )

  it.effect("gives a body up that does not arrive in 20 s", () =>
    Effect.gen(function* () {
      const { port, owner } = yield* startGateway({ transport: transport() })
      const request = `POST /v1/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${owner.token}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`
      const heard = yield* Effect.forkChild(spoken(port, request, /\}$/), { startImmediately: true })
      // Time passes while the network has its say; the limit of the test bounds it.
      while (heard.pollUnsafe() === undefined) {
        yield* Effect.promise(() => nextTurn())
        yield* TestClock.adjust("1 second")
      }
      const answer = yield* Fiber.join(heard)
      assert.match(answer, /^HTTP\/1\.1 408 /)
      assert.include(answer, "did not arrive within 20 s")
    })
  )

  it.live("writes what it does into its log, and no secret with it", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const listening = Logger.make(({ message, cause }) => lines.push(`${String(message)} ${Cause.pretty(cause)}`))
      const all = Layer.merge(Logger.layer([listening]), Layer.succeed(References.MinimumLogLevel, "All"))
      yield* Effect.gen(function* () {
        const { url, ask, owner, session, sandboxToken } = yield* startGateway({ transport: transport() })
        const { id } = yield* session()
        const secrets = [owner.token, yield* sandboxToken(id), "s3cret"]
        const issued = yield* ask(owner.token, "POST", "/v1/tokens", { name: "laptop" })
        yield* ask(owner.token, "GET", `/v1/whoami?token=${owner.token}`)
        yield* ask(owner.token, "POST", "/v1/repositories", { name: "a", location: "http://127.0.0.1:9/a", credential: "s3cret" })
        yield* follow(url, id, secrets[1]!)
        assert.isAbove(lines.length, 5)
        for (const secret of [...secrets, issued.body.secret]) assert.notInclude(lines.join("\n"), secret)
      }).pipe(Effect.provide(all))
    })
  )
})

/** Another process that would share the port, as uWebSockets.js does where it is not told otherwise. */
const shared = (port: number) => `
  import { loadUws } from ${JSON.stringify(join(import.meta.dirname, "../../adapters/gateway/uws.ts"))}
  loadUws().uws.App().listen("127.0.0.1", ${port}, (token) => {
    process.stdout.write(token ? "taken" : "refused")
    process.exit()
  })`

describe("over uWebSockets.js", () => {
  it.live.skipIf(uws.uws === null)("shares its port with no other process, not even with one that would share", () =>
    Effect.gen(function* () {
      // A port that is asked for by its number; one that the system chooses is never shared.
      const { port } = yield* Effect.scoped(startGateway())
      yield* startGateway({ port })
      const said = yield* Effect.promise(() => run(process.execPath, ["--input-type=module", "-e", shared(port)]))
      assert.strictEqual(said.stdout, "refused")
    })
  )

  it("is loaded from the bytes that are pinned, or says why not", () => {
    if (uws.uws === null) assert.isAbove(uws.why.length, 10)
    else assert.match(uws.how, /^uWebSockets\.js 20\.57\.0/)
  })

  it("changes a dozen bytes of the addon to load it on an older glibc, and nothing of another file", () => {
    for (const name of ["linux_x64_137", "linux_arm64_137"]) {
      const original = readFileSync(join(import.meta.dirname, `../../node_modules/uWebSockets.js/uws_${name}.node`))
      const bytes = relink(original)
      assert.strictEqual(bytes.length, original.length)
      const changed = original.reduce((count, byte, index) => count + (byte === bytes[index] ? 0 : 1), 0)
      assert.isAtMost(changed, 12)
      assert.isAbove(changed, 0)
      assert.isTrue(relink(bytes).equals(bytes), "what was relinked needs it no more")
    }
    assert.throws(() => relink(Buffer.from("#!/bin/sh\nexit 0\n".padEnd(64))), /ELF/)
  })
})
