/** Bodies that come slowly, or never: nobody waits for a stranger's, and whoever is known waits for themselves alone. */
import { connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startGateway } from "../support/gateway.ts"
import { transports } from "../support/transports.ts"

/** More than there are places for requests. */
const crowd = 300

/** Sends the beginning of a request, and holds the connection; what it hears first. */
const holding = (port: number, token: string | null, path = "/v1/users") =>
  Effect.acquireRelease(
    Effect.callback<{ readonly socket: Socket; readonly heard: Promise<string> }>((resume) => {
      const said = token === null ? "" : `authorization: Bearer ${token}\r\n`
      const socket = connect(port, "127.0.0.1", () => {
        socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\n${said}content-type: application/json\r\ncontent-length: 100\r\n\r\n{`)
        resume(Effect.succeed({ socket, heard }))
      })
      const heard = new Promise<string>((resolve) => socket.once("data", (chunk) => resolve(String(chunk))))
      socket.on("error", () => {})
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

describe.each(transports)("over %s, a body that does not come", (_, transport) => {
  it.live("is not waited for where it is a stranger's", () =>
    Effect.gen(function* () {
      const { port } = yield* startGateway({ transport: transport() })
      const { heard } = yield* holding(port, null)
      assert.match(yield* Effect.promise(() => heard), /^HTTP\/1\.1 401 /)
    })
  )

  it.live("keeps nobody else out, however many there are", () =>
    Effect.gen(function* () {
      const { port, ask, owner, person } = yield* startGateway({ transport: transport() })
      const other = yield* person("admin")
      const all = yield* Effect.forEach(Array.from({ length: crowd }), () => holding(port, owner.token), { concurrency: 50 })
      const strangers = yield* Effect.forEach(
        Array.from({ length: crowd }),
        () => holding(port, null, "/v1/slack/interactions"),
        { concurrency: 50 }
      )
      // As soon as one is refused all places that they may have are taken.
      assert.match(yield* Effect.promise(() => Promise.race(all.map(({ heard }) => heard))), /^HTTP\/1\.1 429 /)
      assert.match(yield* Effect.promise(() => Promise.race(strangers.map(({ heard }) => heard))), /^HTTP\/1\.1 503 /)
      assert.strictEqual((yield* ask(null, "GET", "/health")).status, 200)
      assert.strictEqual((yield* ask(owner.token, "GET", "/v1/whoami")).status, 200)
      const max = { name: "Max", email: "max@acme.test", role: "member" }
      assert.strictEqual((yield* ask(other.token, "POST", "/v1/users", max)).status, 201)
    })
  )
})
