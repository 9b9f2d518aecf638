/** Questions of an agent: allowed by default, asked where a configuration says so, and always closed. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { agent, listen, sandboxId, startDaemon, steps } from "./support.ts"

const asking = { boot: 1, turnId: "t1", text: steps({ ask: "May I?" }) }

it.live("permissions are given without a question where they are allowed", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent({ permissions: "allow" }))
    yield* client.startTurn(sandboxId, asking)
    yield* ear.finished("t1")
    assert.strictEqual(ear.said("t1"), "allowed\n\n")
    assert.deepStrictEqual(ear.of("question"), [])
  })
)

it.live("a question is told, answered by one of its options, and closed once", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent({ permissions: "ask" }))
    yield* client.startTurn(sandboxId, asking)
    const { body } = yield* ear.until("the question", ({ kind }) => kind === "question")
    const questionId = String(body["questionId"])
    assert.deepInclude(body, { turnId: "t1", title: "May I?" })
    assert.deepStrictEqual(body["options"], [
      { optionId: "once", name: "Yes, this time", kind: "allow_once" },
      { optionId: "always", name: "Yes, always", kind: "allow_always" },
      { optionId: "no", name: "No", kind: "reject_once" }
    ])
    const wrong = yield* Effect.flip(client.answer(sandboxId, questionId, { optionId: "perhaps" }))
    assert.match(wrong.message, /none of the options: once, always, no/)
    yield* client.answer(sandboxId, questionId, { optionId: "no" })
    yield* client.answer(sandboxId, questionId, { optionId: "no" })
    const late = yield* Effect.flip(client.answer(sandboxId, questionId, { optionId: "once" }))
    assert.deepInclude(late, { reason: "refused", final: true })
    const unknown = yield* Effect.flip(client.answer(sandboxId, "que_none", { optionId: "once" }))
    assert.deepInclude(unknown, { reason: "refused", final: true })

    yield* ear.finished("t1")
    assert.strictEqual(ear.said("t1"), "refused\n\n")
    assert.deepStrictEqual(
      ear.of("question.closed").map((event) => event.body),
      [{ turnId: "t1", questionId, optionId: "no" }]
    )
  })
)

it.live("a question that nobody answers in time is closed, and the agent goes on without", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon({ limits: { questionMs: 300 } })
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent({ permissions: "ask" }))
    yield* client.startTurn(sandboxId, asking)
    yield* ear.finished("t1")
    assert.strictEqual(ear.said("t1"), "refused\n\n")
    assert.isNull(ear.of("question.closed")[0]!.body["optionId"])
  })
)

it.live("cancelling the turn closes its question first", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent({ permissions: "ask" }))
    yield* client.startTurn(sandboxId, asking)
    yield* ear.until("the question", ({ kind }) => kind === "question")
    yield* client.cancelTurn(sandboxId, "t1")
    assert.strictEqual((yield* ear.finished("t1")).body["stopReason"], "cancelled")
    assert.deepStrictEqual(
      ear.heard.slice(-2).map(({ kind }) => kind),
      ["question.closed", "turn.finished"]
    )
  })
)

it.live("an agent that dies with a question open leaves it closed", () =>
  Effect.gen(function* () {
    const { client, pid } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent({ permissions: "ask" }))
    yield* client.startTurn(sandboxId, asking)
    yield* ear.until("the question", ({ kind }) => kind === "question")
    const { stdout } = yield* client.exec(sandboxId, { argv: ["cat", `/proc/${pid}/task/${pid}/children`], timeoutMs: 5_000 })
    process.kill(Number(stdout.trim().split(" ")[0]), "SIGKILL")
    assert.strictEqual((yield* ear.finished("t1")).body["stopReason"], "crashed")
    assert.strictEqual(ear.of("question.closed").length, 1)
  })
)
