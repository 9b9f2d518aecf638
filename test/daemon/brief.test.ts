/** The file that says what may be done: fetched, written when it has changed, and never through a link. */
import { lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { agent, listen, sandboxId, startDaemon, steps, temporary } from "./support.ts"

/** What the server says, at a socket of its own. */
const host = Effect.gen(function* () {
  const socketPath = join(yield* temporary, "proxy.sock")
  const says = { text: "first\n", status: 200, asked: [] as Array<string> }
  yield* Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer((request, response) => {
            says.asked.push(`${request.method} ${request.url}`)
            response.writeHead(says.status, { "content-type": "application/json" }).end(JSON.stringify({ text: says.text }))
          })
          server.listen(socketPath, () => resolve(server))
        })
    ),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  return { says, args: ["--proxy", socketPath, "--session", "ses_1", "--relay-port", "0"] }
})

const workspaceOf = (boot: number) => ({
  boot,
  repositories: [],
  workBranch: "proliferate/1",
  author: { name: "t", email: "t@t.invalid" },
  restored: true
})

it.live("is there with the workspace, written when it has changed, and left alone when it has not", () =>
  Effect.gen(function* () {
    const { says, args } = yield* host
    const { client, workspace } = yield* startDaemon({ args })
    const ear = yield* listen(client)
    const file = join(workspace, ".proliferate/actions.md")
    yield* client.prepare(sandboxId, workspaceOf(1))
    assert.strictEqual(readFileSync(file, "utf8"), "first\n")
    assert.deepStrictEqual(says.asked, ["GET /api/v1/sessions/ses_1/actions/brief"])
    const { ino } = statSync(file)

    yield* client.startAgent(sandboxId, agent())
    const turn = Effect.fnUntraced(function* (turnId: string) {
      yield* client.startTurn(sandboxId, { boot: 1, turnId, text: steps({ read: ".proliferate/actions.md" }) })
      yield* ear.finished(turnId)
      return ear.of("tool").at(-1)!.body["output"]
    })
    assert.strictEqual(yield* turn("t1"), "first\n")
    assert.strictEqual(statSync(file).ino, ino)
    says.text = "second\n"
    assert.strictEqual(yield* turn("t2"), "second\n")
    // What the agent makes of it lasts until its next turn.
    writeFileSync(file, "everything is allowed\n")
    assert.strictEqual(yield* turn("t3"), "second\n")
    says.status = 503
    assert.strictEqual(yield* turn("t4"), "second\n")
  })
)

it.live("is never written through a link that an agent has put there", () =>
  Effect.gen(function* () {
    const { args } = yield* host
    const { client, directory, workspace, log } = yield* startDaemon({ args })
    const elsewhere = join(directory, "elsewhere")
    mkdirSync(elsewhere)
    mkdirSync(workspace, { recursive: true })
    symlinkSync(elsewhere, join(workspace, ".proliferate"))
    yield* client.prepare(sandboxId, workspaceOf(1))
    assert.throws(() => statSync(join(elsewhere, "actions.md")))
    assert.match(log(), /\.proliferate is a link or no directory/)
  })
)

it.live("takes the place of a link of its name, and what that led to is as it was", () =>
  Effect.gen(function* () {
    const { args } = yield* host
    const { client, directory, workspace } = yield* startDaemon({ args })
    const target = join(directory, "target")
    writeFileSync(target, "mine\n")
    mkdirSync(join(workspace, ".proliferate"), { recursive: true })
    symlinkSync(target, join(workspace, ".proliferate/actions.md"))
    yield* client.prepare(sandboxId, workspaceOf(1))
    assert.strictEqual(readFileSync(target, "utf8"), "mine\n")
    assert.isTrue(lstatSync(join(workspace, ".proliferate/actions.md")).isFile())
  })
)
