/** The host's client, against daemons that are slow, silent, restarted, or no daemons at all. */
import http, { type IncomingMessage, type ServerResponse } from "node:http"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { clientOf, sandboxId, temporary } from "./support.ts"

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void

/** Something that answers on a socket, and a client to it. */
const pretend = Effect.fnUntraced(function* (handle: Handler) {
  const socketPath = join(yield* temporary, "d.sock")
  let count = 0
  yield* Effect.acquireRelease(
    Effect.callback<http.Server>((resume) => {
      const server = http.createServer((request, response) => {
        count += 1
        handle(request, response, count)
      })
      server.listen(socketPath, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  return { client: yield* clientOf(socketPath), count: () => count }
})

const health = JSON.stringify({ daemonId: "dmn_1", version: "1", boot: null, turnId: null, lastSeq: 0 })
const head = `${JSON.stringify({ daemonId: "dmn_1", firstSeq: 1, lastSeq: 0 })}\n`
const event = (seq: number) => `${JSON.stringify({ seq, at: 1, kind: "plan", agent: null, parent: null, body: {} })}\n`
/** A daemon whose event stream is this. */
const streaming =
  (write: (response: ServerResponse) => void): Handler =>
  (request, response) => {
    if (request.url === "/v1/health") return void response.end(health)
    response.writeHead(200)
    write(response)
  }

it.live("a connection that breaks is tried again, three times in all; a command is not", () =>
  Effect.gen(function* () {
    const shaky = yield* pretend((_, response, count) => (count < 3 ? void response.destroy() : void response.end(health)))
    assert.strictEqual((yield* shaky.client.health(sandboxId)).daemonId, "dmn_1")
    assert.strictEqual(shaky.count(), 3)

    const broken = yield* pretend((_, response) => void response.destroy())
    assert.strictEqual((yield* Effect.flip(broken.client.quiesce(sandboxId))).reason, "unreachable")
    assert.strictEqual(broken.count(), 3)
    const failed = yield* Effect.flip(broken.client.exec(sandboxId, { argv: ["true"], timeoutMs: 1_000 }))
    assert.strictEqual(failed.reason, "unreachable")
    assert.strictEqual(broken.count(), 4)
  })
)

it.live("nobody listening is unreachable, and not final", () =>
  Effect.gen(function* () {
    const client = yield* clientOf(join(yield* temporary, "none.sock"))
    assert.deepInclude(yield* Effect.flip(client.health(sandboxId)), { reason: "unreachable", final: false })
    assert.deepInclude(yield* Effect.flip(Stream.runDrain(client.events(sandboxId, () => 0))), { reason: "unreachable" })
  })
)

it.live("what does not speak the protocol is malformed, and its refusals are read where they can be", () =>
  Effect.gen(function* () {
    const answers: ReadonlyArray<readonly [number, string, Record<string, unknown>]> = [
      [200, "<html>hello</html>", { reason: "malformed" }],
      [200, '{"daemonId":7}', { reason: "malformed" }],
      [404, "<html>not here</html>", { reason: "malformed" }],
      [
        409,
        '{"status":409,"reason":"stale","message":"boot 2 is current","final":true}',
        { reason: "stale", message: "boot 2 is current" }
      ],
      [409, '{"status":409,"reason":"busy","message":"turn t1 goes on"}', { reason: "refused", final: false }],
      [422, '{"status":422,"reason":"agent-missing","message":"none","final":true}', { reason: "refused", final: true }]
    ]
    for (const [status, text, expected] of answers) {
      const { client, count } = yield* pretend((_, response) => void response.writeHead(status).end(text))
      assert.deepInclude(yield* Effect.flip(client.health(sandboxId)), expected)
      assert.strictEqual(count(), 1, "an answer is not asked for again")
    }
  })
)

it.live("what stands before a sandbox elsewhere and cannot reach its daemon is asked again", () =>
  Effect.gen(function* () {
    const { client, count } = yield* pretend((_, response) => void response.writeHead(502).end("<html>bad gateway</html>"))
    assert.deepInclude(yield* Effect.flip(client.health(sandboxId)), { reason: "unreachable", final: false })
    assert.strictEqual(count(), 3)
  })
)

it.live("events come in the batches that they arrive in; heartbeats are not events", () =>
  Effect.gen(function* () {
    const { client } = yield* pretend(
      streaming((response) => {
        response.write(`${head}{}\n${event(1)}${event(2)}${event(3).slice(0, 20)}`)
        setImmediate(() => response.end(event(3).slice(20)))
      })
    )
    const seqs: Array<number> = []
    const error = yield* client
      .events(sandboxId, () => 0)
      .pipe(
        Stream.runForEach(({ daemonId, events }) =>
          Effect.sync(() => {
            assert.strictEqual(daemonId, "dmn_1")
            seqs.push(...events.map(({ seq }) => seq))
          })
        ),
        Effect.flip
      )
    assert.deepStrictEqual(seqs, [1, 2, 3])
    assert.deepInclude(error, { reason: "unreachable", message: "the event stream ended" })
  })
)

it.live("a stream that begins is told of at once, though nothing has happened yet", () =>
  Effect.gen(function* () {
    const { client } = yield* pretend(streaming((response) => response.write(`${head}{}\n`)))
    const first = yield* Stream.runHead(client.events(sandboxId, () => 0))
    assert.deepStrictEqual(Option.getOrNull(first), { daemonId: "dmn_1", events: [] })
  })
)

it.live("a stream of another daemon, or of no daemon, is not taken for this one's", () =>
  Effect.gen(function* () {
    const other = yield* pretend(streaming((response) => response.write(head.replace("dmn_1", "dmn_2"))))
    const error = yield* Effect.flip(Stream.runDrain(other.client.events(sandboxId, () => 0)))
    assert.deepInclude(error, { reason: "unreachable", message: "the daemon is another one now: dmn_2" })
    const junk = yield* pretend(streaming((response) => response.write(`${head}junk\n`)))
    assert.strictEqual((yield* Effect.flip(Stream.runDrain(junk.client.events(sandboxId, () => 0)))).reason, "malformed")
  })
)

it.effect("a stream that is silent for 15 seconds is given up", () =>
  Effect.gen(function* () {
    const heard = yield* Deferred.make<void>()
    const { client } = yield* pretend(streaming((response) => response.write(`${head}${event(1)}`)))
    const reading = yield* client
      .events(sandboxId, () => 0)
      .pipe(
        Stream.runForEach(() => Deferred.succeed(heard, undefined)),
        Effect.flip,
        Effect.forkChild
      )
    yield* Deferred.await(heard)
    yield* TestClock.adjust("14 seconds")
    assert.isUndefined(reading.pollUnsafe())
    yield* TestClock.adjust("1 second")
    assert.deepInclude(yield* Fiber.join(reading), { reason: "unreachable", message: "the event stream was silent for 15 s" })
  })
)

it.effect("a call that is not answered in its time is unreachable", () =>
  Effect.gen(function* () {
    const asked = yield* Deferred.make<void>()
    const { client } = yield* pretend(() => Deferred.doneUnsafe(asked, Effect.void))
    const waiting = yield* Effect.forkChild(Effect.flip(client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: "x" })))
    yield* Deferred.await(asked)
    yield* TestClock.adjust("10 seconds")
    assert.match((yield* Fiber.join(waiting)).message, /not answered within 10 s/)
  })
)
