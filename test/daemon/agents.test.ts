/** How an agent starts, fails to start, remembers, and ends. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { agent, eventually, isAlive, listen, sandboxId, scripted, startDaemon, steps } from "./support.ts"

const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter((child) => child !== "")
    .map(Number)

it.live("an agent that is not installed, crashes or speaks something else is refused with the reason", () =>
  Effect.gen(function* () {
    const { client, pid } = yield* startDaemon({ limits: { killGraceMs: 200 } })
    const ear = yield* listen(client)
    const refused = (command: ReadonlyArray<string>) =>
      Effect.flip(client.startAgent(sandboxId, agent({ command: [...command] })))

    const missing = yield* refused(["no-such-agent", "acp"])
    assert.deepInclude(missing, { reason: "refused", final: true })
    assert.match(missing.message, /no-such-agent is not there/)

    const crashed = yield* refused(scripted(["--start", "crash"]))
    assert.deepInclude(crashed, { reason: "refused", final: false })
    assert.match(crashed.message, /exited with 3, saying: the scripted agent cannot start/)

    const malformed = yield* refused(scripted(["--start", "malformed"]))
    assert.match(malformed.message, /does not speak ACP/)

    yield* eventually("all of them are gone", () => childrenOf(pid).length === 0)
    assert.deepStrictEqual(ear.of("agent.ready"), [])
    assert.deepStrictEqual(ear.of("agent.exited"), [])
    yield* client.startAgent(sandboxId, agent({ boot: 2 }))
  })
)

it.live("an agent that hangs as it starts is given up and killed", () =>
  Effect.gen(function* () {
    const { client, pid } = yield* startDaemon({ limits: { initializeMs: 300, killGraceMs: 200 } })
    const hung = yield* Effect.flip(client.startAgent(sandboxId, agent({ command: scripted(["--start", "hang"]) })))
    assert.deepInclude(hung, { reason: "refused", final: false })
    assert.match(hung.message, /did not answer initialize within 0.3 s/)
    yield* eventually("it is gone", () => childrenOf(pid).length === 0)
  })
)

it.live("asking again for a boot finds its agent, also while it starts", () =>
  Effect.gen(function* () {
    const { client, pid } = yield* startDaemon()
    const [first, second] = yield* Effect.all([client.startAgent(sandboxId, agent()), client.startAgent(sandboxId, agent())], {
      concurrency: 2
    })
    const third = yield* client.startAgent(sandboxId, agent())
    assert.deepStrictEqual([second, third], [first, first])
    assert.strictEqual(childrenOf(pid).length, 1)
    assert.strictEqual((yield* client.health(sandboxId)).boot, 1)
  })
)

it.live("a newer boot ends the agent of the older one, which is stale from then on", () =>
  Effect.gen(function* () {
    const { client, pid } = yield* startDaemon({ limits: { killGraceMs: 300 } })
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    const [old] = childrenOf(pid)
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ hang: true }) })
    yield* client.startAgent(sandboxId, agent({ boot: 2 }))
    assert.isFalse(isAlive(old!))
    assert.strictEqual((yield* ear.finished("t1")).body["stopReason"], "crashed")
    assert.deepInclude(ear.of("agent.exited")[0]!.body, { boot: 1, reason: "quiesced" })
    const stale = yield* Effect.flip(client.startAgent(sandboxId, agent({ boot: 1 })))
    assert.strictEqual(stale.reason, "stale")
  })
)

it.live("a newer boot does not wait for an older one that hangs as it starts", () =>
  Effect.gen(function* () {
    const { client, pid } = yield* startDaemon({ limits: { killGraceMs: 200 } })
    const hanging = yield* Effect.forkChild(
      Effect.flip(client.startAgent(sandboxId, agent({ command: scripted(["--start", "hang"]) })))
    )
    yield* eventually("the first one starts", () => childrenOf(pid).length === 1)
    yield* client.startAgent(sandboxId, agent({ boot: 2 }))
    assert.strictEqual((yield* Fiber.join(hanging)).reason, "stale")
    yield* eventually("the first one is gone", () => childrenOf(pid).length === 1)
  })
)

it.live("after a restart the conversation is loaded: it is remembered, and not told again", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const before = yield* startDaemon().pipe(Effect.provideService(Scope.Scope, yield* Effect.scope))
    const first = yield* listen(before.client).pipe(Effect.provideService(Scope.Scope, scope))
    const { agentSession } = yield* before.client.startAgent(sandboxId, agent())
    yield* before.client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ say: "the word is swordfish" }) })
    yield* first.finished("t1")
    yield* Scope.close(scope, Exit.void)
    process.kill(before.pid, "SIGKILL")
    yield* before.exited

    const after = yield* startDaemon({ directory: before.directory })
    const ear = yield* listen(after.client)
    const ready = yield* after.client.startAgent(sandboxId, agent({ boot: 2, agentSession }))
    assert.deepInclude(ready, { agentSession, remembers: true })
    yield* after.client.startTurn(sandboxId, { boot: 2, turnId: "t2", text: steps({ say: "go on" }) })
    yield* ear.finished("t2")
    assert.notStrictEqual(ear.daemonId(), first.daemonId())
    assert.deepStrictEqual(
      ear.of("message").map(({ body }) => body["turnId"]),
      ["t2"]
    )
    assert.strictEqual(ear.said("t2"), "go on\n\n")
    const [file] = readdirSync(join(after.home, ".scripted-agent"))
    assert.match(readFileSync(join(after.home, ".scripted-agent", file!), "utf8"), /swordfish.*go on/)
  })
)

it.live("a conversation that the agent has forgotten is begun anew, and said to be", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ready = yield* client.startAgent(sandboxId, agent({ agentSession: "scr_lost" }))
    assert.isFalse(ready.remembers)
    assert.notStrictEqual(ready.agentSession, "scr_lost")
  })
)

it.live("quiesce ends the agent and its turn, and leaves what they wrote", () =>
  Effect.gen(function* () {
    const { client, pid, workspace } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    yield* client.startTurn(sandboxId, {
      boot: 1,
      turnId: "t1",
      text: steps({ write: "kept.txt", text: "kept" }, { say: "waiting" }, { sleep: 60_000 })
    })
    yield* ear.until("the word", ({ kind }) => kind === "message")
    yield* client.quiesce(sandboxId)
    assert.strictEqual((yield* ear.finished("t1")).body["stopReason"], "cancelled")
    assert.deepInclude(ear.of("agent.exited")[0]!.body, { boot: 1, reason: "quiesced" })
    assert.deepStrictEqual(childrenOf(pid), [])
    assert.isNull((yield* client.health(sandboxId)).boot)
    assert.strictEqual(readFileSync(join(workspace, "kept.txt"), "utf8"), "kept")
    yield* client.quiesce(sandboxId)
  })
)

it.live("a daemon that is told to end takes its agent with it and leaves no socket", () =>
  Effect.gen(function* () {
    const { client, pid, socketPath, exited } = yield* startDaemon()
    yield* client.startAgent(sandboxId, agent())
    const [child] = childrenOf(pid)
    process.kill(pid, "SIGTERM")
    yield* exited
    assert.isFalse(isAlive(child!))
    assert.isFalse(existsSync(socketPath))
    const gone = yield* Effect.flip(client.health(sandboxId))
    assert.strictEqual(gone.reason, "unreachable")
  })
)

it.live("a daemon that nobody speaks to ends itself, but not while someone listens", () =>
  Effect.gen(function* () {
    const { client, exited } = yield* startDaemon({ limits: { idleMs: 600, heartbeatMs: 100 } })
    const scope = yield* Scope.make()
    const ear = yield* listen(client).pipe(Effect.provideService(Scope.Scope, scope))
    yield* client.startAgent(sandboxId, agent())
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ sleep: 1_500 }, { say: "still heard" }) })
    yield* ear.finished("t1")
    yield* Scope.close(scope, Exit.void)
    assert.strictEqual(yield* exited, 0)
  })
)

it.live("a left-over socket does not keep a daemon from starting", () =>
  Effect.gen(function* () {
    const { directory, pid, exited, socketPath } = yield* startDaemon()
    process.kill(pid, "SIGKILL")
    yield* exited
    assert.isTrue(existsSync(socketPath))
    const again = yield* startDaemon({ directory })
    assert.strictEqual((yield* again.client.health(sandboxId)).lastSeq, 0)
  })
)

it.live("an agent finds its home, our node and its own variables around it", () =>
  Effect.gen(function* () {
    const { client, home, workspace } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent({ env: { COLOUR: "blue" } }))
    writeFileSync(join(workspace, "look.sh"), "node --version; echo $HOME $COLOUR $PWD")
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ run: "sh look.sh" }) })
    yield* ear.finished("t1")
    assert.strictEqual(ear.of("tool").at(-1)!.body["output"], `${process.version}\n${home} blue ${workspace}\n\nexit code 0`)
  })
)
