/** The scripted agent at its real work: it finds the fault of the sample project, mends it, proves it, pushes it, and remembers. */
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import http from "node:http"
import net from "node:net"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { firstFailure } from "../../adapters/agent/scripted/failure.ts"
import { run } from "../../cli/daemon/run.ts"
import { git, gitServer, makeRepository } from "./git-server.ts"
import { agent, type Client, listen, sandboxId, startDaemon, temporary } from "./support.ts"

const sample = join(import.meta.dirname, "../../cli/sample")

const test = (cwd: string) =>
  run({ argv: [process.execPath, "--test"], cwd, env: {}, timeoutMs: 30_000, outputBytesMax: 100_000 })

const prepare = (client: Client, url: string) =>
  client.prepare(sandboxId, {
    boot: 1,
    repositories: [{ url, branch: "main", path: "." }],
    workBranch: "proliferate/ses_1",
    author: { name: "Grace", email: "grace@example.com" },
    restored: false
  })

/** A bare repository of the sample project. */
const sampleRepository = Effect.gen(function* () {
  const root = yield* temporary
  const bare = makeRepository(root, "pager", { "README.md": "pager\n" })
  cpSync(sample, join(root, "pager.work"), { recursive: true })
  git(join(root, "pager.work"), "add", "--all")
  git(join(root, "pager.work"), "commit", "-q", "-m", "the sample")
  git(join(root, "pager.work"), "push", "-q", bare, "main")
  return { root, bare }
})

it.live(
  "it mends the failing test of the sample, pushes the work, and reads its note back in the next turn",
  () =>
    Effect.gen(function* () {
      const { client, home } = yield* startDaemon()
      const ear = yield* listen(client)
      const { root, bare } = yield* sampleRepository
      const { url } = yield* gitServer(root)
      yield* prepare(client, `${url}/pager.git`)
      yield* client.startAgent(sandboxId, agent())
      yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: "Fix the failing test and push the work." })
      assert.strictEqual((yield* ear.finished("t1")).body["stopReason"], "end_turn")

      const said = ear.said("t1")
      assert.match(said, /The test “keeps the last item on a page of its own” fails/)
      assert.match(said, /off by one.*all tests pass/s)
      assert.match(said, /committed and pushed/)
      const runs = ear
        .of("tool")
        .filter(({ body }) => body["toolKind"] === "execute" && body["status"] !== "pending" && body["status"] !== "running")
      assert.strictEqual(runs[0]!.body["status"], "failed")
      assert.strictEqual(runs.at(-1)!.body["status"], "completed")
      const plan = ear.of("plan").at(-1)!.body["entries"] as ReadonlyArray<{ readonly status: string }>
      assert.isTrue(plan.every(({ status }) => status === "completed"))

      // From outside: red where it began, green where it was pushed.
      const before = join(root, "before")
      const after = join(root, "after")
      git(root, "clone", "-q", "-b", "main", bare, before)
      git(root, "clone", "-q", "-b", "proliferate/ses_1", bare, after)
      assert.notStrictEqual((yield* test(before)).exitCode, 0)
      assert.strictEqual((yield* test(after)).exitCode, 0)
      assert.strictEqual(git(after, "diff", "--name-only", "origin/main", "HEAD"), "lib/pager.js")
      const { repositories } = yield* client.diff(sandboxId)
      assert.deepStrictEqual(repositories[0]!.files, [{ path: "lib/pager.js", added: 1, removed: 1 }])

      yield* client.startTurn(sandboxId, { boot: 1, turnId: "t2", text: "What did you note?" })
      yield* ear.finished("t2")
      const [number] = /\d{6}/.exec(readFileSync(join(home, ".agent-notes.md"), "utf8"))!
      assert.include(ear.said("t2"), `number ${number}`)
    }),
  60_000
)

it.live(
  "it asks before it edits when told to, and leaves the code alone when refused",
  () =>
    Effect.gen(function* () {
      const { client, workspace } = yield* startDaemon()
      const ear = yield* listen(client)
      const { bare } = yield* sampleRepository
      yield* prepare(client, bare)
      yield* client.startAgent(sandboxId, agent({ permissions: "ask" }))
      yield* client.startTurn(sandboxId, {
        boot: 1,
        turnId: "t1",
        text: "Fix the failing test, but ASK before you change anything."
      })
      const { body } = yield* ear.until("the question", ({ kind }) => kind === "question")
      assert.strictEqual(body["title"], "Change lib/pager.js")
      yield* client.answer(sandboxId, String(body["questionId"]), { optionId: "no" })
      yield* ear.finished("t1")
      assert.match(ear.said("t1"), /I leave it as it is/)
      assert.strictEqual(git(workspace, "status", "--porcelain"), "")
    }),
  60_000
)

it.live(
  "it says so when there is nothing to mend, and when it cannot",
  () =>
    Effect.gen(function* () {
      const { client, workspace } = yield* startDaemon()
      const ear = yield* listen(client)
      const root = yield* temporary
      const broken = "import assert from 'node:assert'\nimport { test } from 'node:test'\nimport { f } from '../lib/f.js'\n"
      const bare = makeRepository(root, "odd", {
        "package.json": '{"type":"module"}',
        "lib/f.js": "export function f(x) {\n  if (x < 3) return 'small'\n  return 'big'\n}\n",
        "test/f.js": `${broken}test('odd', () => {\n  assert.equal(f(1), 'tiny')\n})\n`
      })
      yield* prepare(client, bare)
      yield* client.startAgent(sandboxId, agent())
      yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: "fix it" })
      yield* ear.finished("t1")
      assert.match(ear.said("t1"), /None of the \d+ changes/)
      assert.strictEqual(git(workspace, "status", "--porcelain"), "")

      writeFileSync(join(workspace, "lib/f.js"), "export const f = () => 'tiny'\n")
      yield* client.startTurn(sandboxId, { boot: 1, turnId: "t2", text: "fix it" })
      yield* ear.finished("t2")
      assert.match(ear.said("t2"), /All tests pass already/)
      yield* client.startTurn(sandboxId, { boot: 1, turnId: "t3", text: "What have you noted?" })
      yield* ear.finished("t3")
      assert.match(ear.said("t3"), /I have no notes/)
    }),
  60_000
)

it("reads the first failure out of what node prints", () => {
  const printed = `✔ fine (1ms)\n\u001b[31m✖ failing tests:\u001b[39m\n\ntest at test/a.js:9:1\n✖ adds up (1.5ms)\n  AssertionError [ERR_ASSERTION]: no\n      at TestContext.<anonymous> (file:///w/test/a.js:10:10)\n    actual: 1,\n    expected: 2,\n`
  assert.deepStrictEqual(firstFailure(printed), { name: "adds up", file: "test/a.js", line: 10, expected: "2", actual: "1" })
  assert.isNull(firstFailure("everything is fine"))
})

it.live("the way out of a sandbox leads to the proxy's socket, and nowhere where there is none", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const proxySocket = join(directory, "proxy.sock")
    yield* Effect.acquireRelease(
      Effect.callback<http.Server>((resume) => {
        const server = http.createServer((request, response) => request.pipe(response.writeHead(200)))
        server.listen(proxySocket, () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    )
    const port = yield* Effect.callback<number>((resume) => {
      const probe = net.createServer().listen(0, "127.0.0.1", () => {
        const { port } = probe.address() as net.AddressInfo
        probe.close(() => resume(Effect.succeed(port)))
      })
    })
    yield* startDaemon({ args: ["--proxy", proxySocket, "--relay-port", String(port)] })
    const echo = yield* Effect.promise(() =>
      fetch(`http://127.0.0.1:${port}/git`, { method: "POST", body: "x".repeat(5_000_000) }).then((answer) => answer.text())
    )
    assert.strictEqual(echo.length, 5_000_000)
    const taken = yield* Effect.flip(startDaemon({ args: ["--proxy", proxySocket, "--relay-port", String(port)] }))
    assert.match(taken.message, /EADDRINUSE/)
  })
)
