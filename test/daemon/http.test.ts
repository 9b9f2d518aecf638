/** Whatever is sent to the daemon, it answers with a status and a reason, and goes on. */
import http from "node:http"
import net from "node:net"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually, isAlive, sandboxId, startDaemon } from "./support.ts"

interface Answer {
  readonly status: number
  readonly body: { readonly status: number; readonly reason: string; readonly message: string; readonly final: boolean }
}

const send = (socketPath: string, method: string, path: string, body = "") =>
  Effect.callback<Answer>((resume) => {
    const request = http.request({ socketPath, method, path }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
      response.on("end", () => {
        assert.strictEqual(response.headers["content-type"], "application/problem+json")
        resume(Effect.succeed({ status: response.statusCode!, body: JSON.parse(text) }))
      })
    })
    // The daemon may answer and close before an over-long body was sent.
    request.on("error", () => {})
    request.end(body)
  }).pipe(Effect.timeout(10_000))

/** Raw bytes; what comes back until the daemon closes. */
const raw = (socketPath: string, bytes: Buffer | string) =>
  Effect.callback<string>((resume) => {
    const socket = net.connect(socketPath, () => socket.write(bytes))
    let text = ""
    socket.on("data", (chunk) => (text += chunk.toString("latin1")))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeout(10_000))

it.live("bad requests get a problem document that says what was wrong", () =>
  Effect.gen(function* () {
    const { client, socketPath, log } = yield* startDaemon()
    const cases: ReadonlyArray<readonly [string, string, string, number, RegExp]> = [
      ["GET", "/v1/nowhere", "", 404, /there is no GET \/v1\/nowhere/],
      ["DELETE", "/v1/turns", "", 404, /there is no DELETE/],
      ["GET", "/v1/turns", "", 404, /there is no GET/],
      ["POST", "/v1/turns", "", 400, /JSON/],
      ["POST", "/v1/turns", "{not json", 400, /JSON/],
      ["POST", "/v1/turns", "\u0000\u0001\ufffd", 400, /JSON/],
      ["POST", "/v1/turns", "[]", 400, /object/],
      ["POST", "/v1/turns", '{"boot":1,"text":"x"}', 400, /turnId/],
      ["POST", "/v1/turns", '{"boot":"1","turnId":"t","text":"x"}', 400, /boot/],
      ["POST", "/v1/turns", '{"boot":1,"turnId":"t","text":"x"}', 409, /no agent was started/],
      ["POST", "/v1/turns/%ff/cancel", "", 400, /decoded/],
      ["POST", "/v1/turns/t9/cancel", "", 404, /there is no turn t9/],
      ["POST", "/v1/questions/q9", '{"optionId":null}', 404, /there is no question q9/],
      ["POST", "/v1/exec", '{"argv":[],"timeoutMs":1000}', 400, /name a program/],
      ["POST", "/v1/exec", '{"argv":["true"],"timeoutMs":0}', 400, /timeoutMs/],
      ["POST", "/v1/ack", '{"daemonId":"x","seq":1.5}', 400, /seq/],
      ["GET", "/v1/events?after=-1", "", 400, /after/],
      ["GET", "/v1/events?after=abc", "", 400, /after/],
      ["GET", "/v1/events?after=9", "", 409, /no event 9/],
      ["POST", "/v1/workspace", '{"boot":1,"repositories":"none"}', 400, /repositories/],
      ["POST", "/v1/turns", `{"boot":1,"turnId":"t","text":"${"x".repeat(1_100_000)}"}`, 413, /1048576 bytes/]
    ]
    for (const [method, path, body, status, message] of cases) {
      const answer = yield* send(socketPath, method, path, body)
      assert.strictEqual(answer.status, status, `${method} ${path}`)
      assert.strictEqual(answer.body.status, status)
      assert.match(answer.body.message, message)
    }
    assert.strictEqual((yield* client.health(sandboxId)).lastSeq, 0)
    assert.strictEqual(log(), "")
  })
)

it.live("what is not HTTP, or never ends, is cut off", () =>
  Effect.gen(function* () {
    const { client, socketPath, log } = yield* startDaemon({ limits: { requestMs: 300 } })
    assert.match(yield* raw(socketPath, Buffer.from([0, 255, 1, 254, 13, 10, 13, 10])), /^HTTP\/1.1 400/)
    assert.match(yield* raw(socketPath, `GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`), /^HTTP\/1.1 431/)
    assert.match(yield* raw(socketPath, "POST /v1/turns HTTP/1.1\r\nhost: d\r\ncontent-length: 10\r\n\r\n{"), /^HTTP\/1.1 408/)
    assert.match(yield* raw(socketPath, "POST /v1/turns HTTP/1.1\r\nhost: d\r\n"), /^HTTP\/1.1 408/)
    // A client that leaves in the middle.
    const socket = net.connect(socketPath, () => {
      socket.write("POST /v1/turns HTTP/1.1\r\nhost: d\r\ncontent-length: 10\r\n\r\n{")
      socket.destroy()
    })
    assert.strictEqual((yield* client.health(sandboxId)).lastSeq, 0)
    assert.strictEqual(log(), "")
  })
)

it.live("a command's output and time are bounded, and nothing of it stays behind", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const exec = (script: string, timeoutMs = 10_000) => client.exec(sandboxId, { argv: ["sh", "-c", script], timeoutMs })
    assert.deepStrictEqual(yield* exec("echo out; echo err >&2; exit 3"), {
      exitCode: 3,
      stdout: "out\n",
      stderr: "err\n",
      truncated: false
    })

    const long = yield* exec("head -c 1000000 /dev/zero | tr '\\0' x")
    assert.deepInclude(long, { exitCode: 0, truncated: true })
    assert.strictEqual(long.stdout.length, 262_144)

    assert.strictEqual((yield* exec("sleep 60", 200)).exitCode, 124)
    assert.strictEqual((yield* exec("kill -9 $$")).exitCode, 137)
    // What it leaves in the background neither holds the answer nor lives on.
    const left = yield* exec("sleep 62 & echo $!")
    assert.strictEqual(left.exitCode, 0)
    yield* eventually("the background process ended", () => !isAlive(Number(left.stdout)))
    const missing = yield* client.exec(sandboxId, { argv: ["no-such-program"], timeoutMs: 5_000 })
    assert.deepInclude(missing, { exitCode: 127, stderr: "no-such-program: not found" })
    const nul = yield* client.exec(sandboxId, { argv: ["echo", "a\u0000b"], timeoutMs: 5_000 })
    assert.strictEqual(nul.exitCode, 126)
    assert.strictEqual((yield* exec("printf 'a\\0b'")).stdout, "ab")
  })
)
