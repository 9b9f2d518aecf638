/** A tool of an agent whose call waits for a person: waited for 100 s, then the model is told what comes of it, and that once is enough. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { actionTools } from "../../cli/daemon/mcp/actions.ts"
import { scene } from "../support/acting.ts"

const tool = Effect.gen(function* () {
  const world = yield* scene()
  const { gateway, agent, session } = world
  const connection = { url: gateway.url, token: agent, socketPath: null, prefix: "" }
  const tools = yield* actionTools({ connection, sessionId: session.id })
  const addNote = tools.find(({ shown }) => shown.name === "notebook_add_note")!
  const told: Array<string> = []
  const run = (toolCallId: string) =>
    addNote.run({ args: { page: "home", text: "hello" }, toolCallId, progress: (message) => told.push(message) })
  const inbox = Effect.map(gateway.must(world.owner, "GET", "/v1/approvals"), ({ calls }) => calls as Array<any>)
  /** Until it waits, in real time. */
  const waits = Effect.gen(function* () {
    while (told.length === 0) {
      yield* TestClock.adjust("1 seconds")
      yield* TestClock.withLive(Effect.sleep(5))
    }
    const [call] = yield* inbox
    return call.id as string
  })
  /** Seconds pass, and what they bring has its time to arrive. */
  const pass = Effect.fnUntraced(function* (seconds: number) {
    for (let passed = 0; passed < seconds; passed += 5) {
      yield* TestClock.adjust("5 seconds")
      yield* TestClock.withLive(Effect.sleep(20))
    }
  })
  return { ...world, run, told, inbox, waits, pass }
})

it.effect("is told after 100 s that it waits on, and not to ask again; asked again all the same it is the same call", () =>
  Effect.gen(function* () {
    const { run, told, inbox, waits, pass, decide, status, integration } = yield* tool
    const waiting = yield* Effect.forkChild(run("tool-call-0001"))
    const id = yield* waits
    assert.deepStrictEqual(told, [`notebook.add_note (${id}) waits for a person`])
    yield* pass(90)
    assert.isUndefined(waiting.pollUnsafe())
    yield* pass(15)
    const { text, isError } = yield* Fiber.join(waiting)
    assert.isFalse(isError)
    assert.include(text, `notebook.add_note (${id}) is not over yet: it waits for a person`)
    assert.match(text, /Its outcome will come to you as a prompt. Do not call it again/)
    // Repeated by its client under its own id: the one that waits, not another.
    const again = yield* Effect.forkChild(run("tool-call-0001"))
    yield* pass(5)
    assert.strictEqual((yield* inbox).length, 1)
    yield* decide(id, "approve", { as: "once" })
    const outcome = yield* Fiber.join(again)
    assert.deepStrictEqual([outcome.isError, JSON.parse(outcome.text).ok], [false, true])
    assert.strictEqual((yield* status(id, 0)).body.status, "completed")
    assert.strictEqual(integration.effects.length, 1)
  }).pipe(Effect.scoped)
)
