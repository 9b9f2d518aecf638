/** Events are kept until they are acknowledged, told once and in order to whoever asks again, and never grow without bound. */
import { readFileSync } from "node:fs"
import http from "node:http"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { DaemonEvent } from "../../actors/ports/daemon.ts"
import { Events } from "../../cli/daemon/events.ts"
import { Limits, withLimits } from "../../cli/daemon/limits.ts"
import { makeNarrator } from "../../cli/daemon/narrator.ts"
import { agent, listen, sandboxId, startDaemon, steps } from "./support.ts"

/** The first lines of the stream as they are on the wire. */
const lines = (socketPath: string, after: number, count: number) =>
  Effect.callback<ReadonlyArray<Record<string, unknown>>>((resume) => {
    const request = http.get({ socketPath, path: `/v1/events?after=${after}` }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
        const whole = text.split("\n").slice(0, -1)
        if (whole.length >= count) resume(Effect.succeed(whole.slice(0, count).map((line) => JSON.parse(line))))
      })
    })
    return Effect.sync(() => request.destroy())
  }).pipe(Effect.timeout(10_000))

it.live("what was acknowledged is forgotten, and nothing else", () =>
  Effect.gen(function* () {
    const { client, socketPath } = yield* startDaemon({ limits: { heartbeatMs: 100 } })
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ plan: ["a"] }, { plan: ["b"] }, { plan: ["c"] }) })
    const { seq: last } = yield* ear.finished("t1")
    assert.strictEqual(last, 6)
    yield* client.ack(sandboxId, ear.daemonId(), 4)
    yield* client.ack(sandboxId, ear.daemonId(), 2)

    const [head, ...events] = yield* lines(socketPath, 0, 4)
    assert.deepStrictEqual(head, { daemonId: ear.daemonId(), firstSeq: 5, lastSeq: 6 })
    assert.deepStrictEqual(
      events.map(({ seq }) => seq),
      [5, 6, undefined],
      "two events, then a heartbeat"
    )
    assert.deepStrictEqual(events[2], {})
    assert.deepStrictEqual((yield* lines(socketPath, 5, 2))[1]!["seq"], 6)

    yield* client.ack(sandboxId, ear.daemonId(), 6)
    assert.deepStrictEqual((yield* lines(socketPath, 6, 1))[0], { daemonId: ear.daemonId(), firstSeq: 7, lastSeq: 6 })

    const beyond = yield* Effect.flip(client.ack(sandboxId, ear.daemonId(), 7))
    assert.deepInclude(beyond, { reason: "refused", final: true })
    const other = yield* Effect.flip(client.ack(sandboxId, "dmn_other", 1))
    assert.strictEqual(other.reason, "stale")
    const ahead = yield* Effect.flip(Stream.runDrain(client.events(sandboxId, () => 7)))
    assert.strictEqual(ahead.reason, "stale")
  })
)

it.live("a new reader takes the old one's place and goes on where it asks", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    const first = yield* client.events(sandboxId, () => 0).pipe(Stream.runDrain, Effect.flip, Effect.forkChild)
    yield* client.startAgent(sandboxId, agent())
    const again = yield* listen(client)
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ say: "hello" }) })
    yield* again.finished("t1")
    assert.strictEqual((yield* Fiber.join(first)).reason, "unreachable")
    assert.isTrue(again.heard.every(({ seq }, index) => seq === index + 1))
    assert.isBelow(ear.heard.length, again.heard.length)
  })
)

it.live(
  "a flood is slowed, not dropped: a slow host gets all of it in order, and the daemon stays small",
  () =>
    Effect.gen(function* () {
      const { client, pid } = yield* startDaemon({ limits: { eventBytesMax: 400_000, eventsMax: 150 } })
      yield* client.startAgent(sandboxId, agent())
      const memoryMb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1_024
      const before = memoryMb()
      yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ flood: 20_000, size: 500 }) })

      let lastSeq = 0
      let steady = 0
      while (steady < 20) {
        const { lastSeq: now } = yield* client.health(sandboxId)
        steady = now === lastSeq && now > 20 ? steady + 1 : 0
        lastSeq = now
        yield* Effect.sleep(10)
      }
      assert.isBelow(lastSeq, 160)
      assert.strictEqual((yield* client.health(sandboxId)).turnId, "t1", "the agent waits")

      // Ten megabytes, a little at a time.
      const heard: Array<DaemonEvent> = []
      yield* client
        .events(sandboxId, () => 0)
        .pipe(
          Stream.mapEffect(({ daemonId, events }) =>
            Effect.gen(function* () {
              heard.push(...events)
              yield* client.ack(sandboxId, daemonId, events.at(-1)!.seq)
              return events.some(({ kind }) => kind === "turn.finished")
            })
          ),
          Stream.takeUntil((isOver) => isOver),
          Stream.runDrain,
          Effect.timeout(60_000)
        )
      assert.deepStrictEqual(
        heard.map(({ seq }) => seq),
        heard.map((_, index) => index + 1)
      )
      const numbers = heard
        .map(({ body }) => body["delta"] ?? "")
        .join("")
        .split("\n")
        .slice(0, -1)
        .map((line) => Number.parseInt(line, 10))
      assert.strictEqual(numbers.length, 20_000)
      assert.isTrue(numbers.every((number, index) => number === index + 1))
      assert.isBelow(memoryMb() - before, 150)
    }),
  90_000
)

it.live(
  "a flood of tool calls is not dropped either",
  () =>
    Effect.gen(function* () {
      const { client } = yield* startDaemon({ limits: { eventsMax: 200 } })
      yield* client.startAgent(sandboxId, agent())
      yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ flood: 2_000, tool: true }) })
      const titles: Array<string> = []
      yield* client
        .events(sandboxId, () => 0)
        .pipe(
          Stream.tap(({ daemonId, events }) => client.ack(sandboxId, daemonId, events.at(-1)!.seq)),
          Stream.takeUntil(({ events }) => events.some(({ kind }) => kind === "turn.finished")),
          Stream.runForEach(({ events }) =>
            Effect.sync(() =>
              titles.push(...events.filter(({ kind }) => kind === "tool").map(({ body }) => String(body["title"]).trim()))
            )
          ),
          Effect.timeout(30_000)
        )
      assert.deepStrictEqual(
        titles,
        Array.from({ length: 2_000 }, (_, index) => String(index + 1))
      )
    }),
  60_000
)

it.live("what an agent writes beside the protocol is told up to its bound in each turn", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon({ limits: { logCharactersMax: 100 } })
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    for (const turnId of ["t1", "t2"]) {
      yield* client.startTurn(sandboxId, { boot: 1, turnId, text: steps({ stderr: "x".repeat(5_000) }, { sleep: 100 }) })
      yield* ear.finished(turnId)
    }
    const told = ear
      .of("log")
      .map(({ body }) => body["text"])
      .join("")
    assert.strictEqual(told.replaceAll(/[^x]/g, "").length, 200)
    assert.strictEqual(told.split("the rest of this turn is not shown").length, 3)
  })
)

it.effect("words that come in a rush are told together, 30 ms later", () =>
  Effect.gen(function* () {
    const events = yield* Events
    const narrator = yield* makeNarrator("a")
    const heard = () => Effect.map(events.after(0), ({ lines }) => lines.map((line) => JSON.parse(line) as DaemonEvent))
    const say = (key: string, text: string) => narrator.say("message", key, { turnId: "t", messageId: key }, text)
    for (const text of ["Hel", "lo, ", "world"]) say("m1", text)
    assert.strictEqual(events.lastSeq(), 0)
    yield* TestClock.adjust(29)
    assert.strictEqual(events.lastSeq(), 0)
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(
      (yield* heard()).map(({ at, body }) => [at, body["delta"]]),
      [[30, "Hello, world"]]
    )

    // Another message, another kind, or too much at once: told at once, in order.
    say("m1", "!")
    say("m2", "x".repeat(10_000))
    narrator.tell("plan", { entries: [] })
    assert.deepStrictEqual(
      (yield* heard()).slice(1).map(({ kind, body }) => `${kind} ${String(body["delta"] ?? "").length}`),
      ["message 1", "message 4096", "message 4096", "message 1808", "plan 0"]
    )
  }).pipe(Effect.provide(Events.layer), Effect.provideService(Limits, withLimits({})))
)
