/** The one file that sandboxes get is the daemon and the scripted agent, with nothing beside it; their sources run alone as well. */
import { execFileSync } from "node:child_process"
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Agents } from "../../actors/ports/agents.ts"
import { agentTable } from "../support/agents.ts"
import { sources } from "./programs.ts"
import { agent, listen, sandboxId, startDaemon, steps, temporary } from "./support.ts"

const root = join(import.meta.dirname, "../..")

it.live("the bundle alone runs a daemon, which runs the scripted agent from the same file", () =>
  Effect.gen(function* () {
    execFileSync(process.execPath, [join(root, "cli/bundle.mjs")], { stdio: "pipe" })
    const bundle = join(yield* temporary, "p.mjs")
    copyFileSync(join(root, "cli/dist/proliferate.mjs"), bundle)
    const { client } = yield* startDaemon({ command: [bundle, "daemon"] })
    const ear = yield* listen(client)
    const { command, env } = yield* Agents.use(({ start }) =>
      start({ name: "scripted", permissions: "allow", model: null, org: "org_1", sessionId: "ses_1" })
    )
    yield* client.startAgent(sandboxId, agent({ command: [...command], env }))
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ say: "hello" }, { run: "node --version" }) })
    yield* ear.finished("t1")
    assert.strictEqual(ear.said("t1"), "hello\n\n")
    assert.strictEqual(ear.of("tool").at(-1)!.body["output"], `${process.version}\n\nexit code 0`)
  }).pipe(Effect.provide(agentTable()))
)

it.live("the sources run as they are", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon({ command: [sources.daemon, "--program", sources.agent] })
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent())
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text: steps({ say: "hello" }) })
    yield* ear.finished("t1")
    assert.strictEqual(ear.said("t1"), "hello\n\n")
  })
)
