/** Turns of a real agent in a real daemon: once, in order, to an end, whatever becomes of them. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { agent, eventually, isAlive, listen, sandboxId, startDaemon, steps } from "./support.ts"

it.live("a turn streams what the agent says and does, numbered without gaps, and ends", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    const ready = yield* client.startAgent(sandboxId, agent())
    assert.match(ready.agentSession, /^scr_/)
    assert.isFalse(ready.remembers)
    const text = steps(
      { think: "hm" },
      { say: "Hello, world." },
      { plan: ["one", "two"] },
      { run: "echo out; echo err >&2; exit 3" },
      { write: "a.txt", text: "one\n" },
      { edit: "a.txt", from: "one", to: "two" },
      { read: "a.txt" },
      { usage: 12 },
      { say: "Bye." }
    )
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text })
    const finished = yield* ear.finished("t1")
    assert.strictEqual(finished.body["stopReason"], "end_turn")

    assert.deepStrictEqual(
      ear.heard.map(({ seq }) => seq),
      ear.heard.map((_, index) => index + 1)
    )
    assert.isTrue(ear.heard.every((event, index) => index === 0 || event.at >= ear.heard[index - 1]!.at))
    assert.isTrue(ear.heard.every((event) => event.agent === "scripted" && event.parent === null))
    const kinds = ear.heard.map(({ kind }) => kind).filter((kind, index, all) => kind !== all[index - 1])
    assert.deepStrictEqual(kinds, [
      "agent.ready",
      "turn.started",
      "thought",
      "message",
      "plan",
      "tool",
      "usage",
      "message",
      "turn.finished"
    ])
    assert.strictEqual(ear.said("t1"), "Hello, world.\n\nBye.\n\n")
    assert.strictEqual(ear.said("t1", "thought"), "hm\n\n")

    const tools = Map.groupBy(ear.of("tool"), ({ body }) => String(body["title"]))
    const [command, write, edit, read] = [...tools.values()].map((told) => told.map(({ body }) => body))
    assert.deepStrictEqual(
      command!.map(({ status }) => status),
      ["pending", "running", "failed"]
    )
    assert.strictEqual(command![0]!["toolKind"], "execute")
    assert.deepStrictEqual(command![0]!["input"], { command: "echo out; echo err >&2; exit 3" })
    assert.match(String(command![2]!["output"]), /out\nerr\n\nexit code 3/)
    assert.deepStrictEqual(
      write!.map(({ toolKind, status }) => `${toolKind} ${status}`),
      ["edit pending", "edit running", "edit completed"]
    )
    assert.match(String(edit![2]!["output"]), /@@ line 1 @@\n-one\n\+two/)
    assert.match(String((read![0]!["paths"] as ReadonlyArray<string>)[0]), /workspace\/a\.txt$/)
    assert.strictEqual(read![2]!["output"], "two\n")
    assert.deepInclude(ear.of("usage")[0]!.body, { turnId: "t1", used: 12, size: 200_000 })

    // Two messages of one turn are two messages.
    const ids = new Set(ear.of("message").map(({ body }) => body["messageId"]))
    assert.strictEqual(ids.size, 2)
  })
)

it.live("a turn is started once under its id, and one at a time", () =>
  Effect.gen(function* () {
    const { client, workspace } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    const turn = { boot: 1, turnId: "t1", text: steps({ run: "echo x >> count" }, { ask: "go on?" }) }
    const asked = { ...turn, boot: 1 }
    yield* client.startTurn(sandboxId, asked)
    yield* client.startTurn(sandboxId, asked)
    yield* ear.finished("t1")
    yield* client.startTurn(sandboxId, asked)
    const { turnId } = yield* client.health(sandboxId)
    assert.isNull(turnId)
    const { stdout } = yield* client.exec(sandboxId, { argv: ["cat", `${workspace}/count`], timeoutMs: 5_000 })
    assert.strictEqual(stdout, "x\n")

    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t2", text: steps({ run: "sleep 60" }) })
    const busy = yield* Effect.flip(client.startTurn(sandboxId, { boot: 1, turnId: "t3", text: "hello" }))
    assert.deepInclude(busy, { reason: "refused", final: false })
    assert.match(busy.message, /t2 goes on/)
    const stale = yield* Effect.flip(client.startTurn(sandboxId, { boot: 2, turnId: "t3", text: "hello" }))
    assert.strictEqual(stale.reason, "stale")
  })
)

it.live("a cancelled turn ends as cancelled and kills the command that it ran; the next one works", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ run: "echo $$ > pid; sleep 61 & wait" }) })
    let pid = 0
    while (pid === 0) {
      const { stdout } = yield* client.exec(sandboxId, { argv: ["cat", "pid"], timeoutMs: 5_000 })
      pid = Number(stdout)
    }
    yield* client.cancelTurn(sandboxId, "t1")
    assert.strictEqual((yield* ear.finished("t1")).body["stopReason"], "cancelled")
    yield* eventually("the command ended", () => !isAlive(pid))
    yield* client.cancelTurn(sandboxId, "t1")

    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t2", text: steps({ sleep: 60_000 }) })
    yield* client.cancelTurn(sandboxId, "t2")
    assert.strictEqual((yield* ear.finished("t2")).body["stopReason"], "cancelled")
    const unknown = yield* Effect.flip(client.cancelTurn(sandboxId, "t9"))
    assert.deepInclude(unknown, { reason: "refused", final: true })

    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t3", text: steps({ say: "still here" }) })
    assert.strictEqual((yield* ear.finished("t3")).body["stopReason"], "end_turn")
  })
)

it.live("an agent that is killed in its turn is told of, and the turn has crashed; a new boot works on", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    const { agentSession } = yield* client.startAgent(sandboxId, agent())
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ say: "last words" }, { crash: true }) })
    assert.strictEqual((yield* ear.finished("t1")).body["stopReason"], "crashed")
    assert.strictEqual(ear.said("t1"), "last words\n\n")
    const [exited] = ear.of("agent.exited")
    assert.deepInclude(exited!.body, { boot: 1, reason: "crashed" })
    assert.match(String(exited!.body["message"]), /killed by SIGKILL/)
    assert.isBelow(exited!.seq, ear.of("turn.finished")[0]!.seq)
    assert.isNull((yield* client.health(sandboxId)).boot)
    const gone = yield* Effect.flip(client.startTurn(sandboxId, { boot: 1, turnId: "t2", text: "hello" }))
    assert.deepInclude(gone, { reason: "refused", final: false })

    yield* client.startAgent(sandboxId, agent({ boot: 2, agentSession }))
    yield* client.startTurn(sandboxId, { boot: 2, turnId: "t2", text: steps({ say: "again" }) })
    yield* ear.finished("t2")
    assert.strictEqual(ear.said("t2"), "again\n\n")
  })
)

it.live("an agent that ends by itself says with which status, and its last words beside the protocol", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ stderr: "out of luck\n" }, { exit: 7 }) })
    yield* ear.finished("t1")
    const { message } = ear.of("agent.exited")[0]!.body
    assert.match(String(message), /exited with 7, saying: out of luck/)
    assert.deepStrictEqual(
      ear.of("log").map(({ body }) => body),
      [{ stream: "stderr", text: "out of luck\n" }]
    )
  })
)

it.live("an agent that loses its protocol in a turn is ended as malformed", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    // Some noise is forgiven, and so is an update that nobody knows.
    const noise = steps({ malformed: 20 }, { send: { sessionUpdate: "from_the_future", x: 1 } }, { say: "fine" })
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: noise })
    assert.strictEqual((yield* ear.finished("t1")).body["stopReason"], "end_turn")
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t2", text: steps({ malformed: 100 }, { hang: true }) })
    assert.strictEqual((yield* ear.finished("t2")).body["stopReason"], "crashed")
    const { reason, message } = ear.of("agent.exited")[0]!.body
    assert.strictEqual(reason, "malformed")
    assert.match(String(message), /not ACP, the last: this is not JSON/)
  })
)

it.live("an agent that answers a prompt with an error has failed in that turn alone", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ edit: "none.txt", from: "a", to: "b" }) })
    const { body } = yield* ear.finished("t1")
    assert.strictEqual(body["stopReason"], "failed")
    assert.strictEqual(ear.of("tool").at(-1)!.body["status"], "failed")
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t2", text: steps({ say: "well" }) })
    assert.strictEqual((yield* ear.finished("t2")).body["stopReason"], "end_turn")
  })
)

it.live("text that cannot be stored is made fit: no NUL, no half characters, long output cut in the middle", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    const chunk = (text: string) => ({ send: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } } })
    const text = steps(
      chunk("a\u0000b"),
      // Halves of one character, in two pieces.
      chunk("\ud83d"),
      chunk("\ude00!"),
      { run: "head -c 120000 /dev/zero | tr '\\0' x" }
    )
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text })
    yield* ear.finished("t1")
    assert.strictEqual(ear.said("t1"), "ab😀!")
    const output = String(ear.of("tool").at(-1)!.body["output"])
    assert.isAtMost(output.length, 65_536)
    assert.match(output, /characters are not shown/)
  })
)
