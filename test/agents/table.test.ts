/** The table of agents: who is there, who can run and why not, what a start consists of; on a host with nothing installed. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Agents } from "../../actors/ports/agents.ts"
import type { Dialect, Model } from "../../actors/ports/models.ts"
import { builtIn } from "../../adapters/agent/agents.ts"
import { versionOf } from "../../adapters/agent/program.ts"
import { agentTable } from "../support/agents.ts"

const model = (id: string, ...dialects: ReadonlyArray<Dialect>): Model => ({ id, dialects })
const wish = (name: string, chosen: string | null = null) => ({
  name,
  permissions: "allow" as const,
  model: chosen,
  org: "org_1",
  sessionId: "ses_1"
})

/** A directory of agents in which each of these looks as if npm had installed it. */
const shelf = (...names: ReadonlyArray<string>): string => {
  const directory = mkdtempSync(join(tmpdir(), "agents-"))
  for (const name of names) {
    const own = join(directory, name, versionOf(builtIn[name]!)!)
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, "installed.json"), "{}")
  }
  return directory
}

it.effect("knows its agents by name, and names them when asked for another", () =>
  Effect.gen(function* () {
    const { find, start, all } = yield* Agents
    assert.deepStrictEqual(
      (yield* all).map(({ name, state }) => [name, state]),
      [
        ["opencode", "not-installed"],
        ["claude", "not-installed"],
        ["codex", "not-installed"],
        ["scripted", "ready"]
      ]
    )
    assert.deepStrictEqual((yield* start(wish("scripted"))).command, ["{node}", "{proliferate}", "agent", "scripted"])
    for (const name of ["cloude", "constructor"]) {
      assert.strictEqual(
        (yield* Effect.flip(find(name))).message,
        `there is no agent "${name}"; there is: opencode, claude, codex, scripted`
      )
    }
  }).pipe(Effect.provide(agentTable()))
)

it.effect("says first that a model is missing, then that the agent is, and what to do about each", () =>
  Effect.gen(function* () {
    const without = yield* Agents.use(({ choose }) => Effect.flip(choose("opencode", null))).pipe(Effect.provide(agentTable()))
    assert.strictEqual(without.reason, "no-model")
    assert.match(without.message, /PROLIFERATE_MODEL_URL.*--agent scripted/)
    const missing = yield* Agents.use(({ choose }) => Effect.flip(choose("opencode", null))).pipe(
      Effect.provide(agentTable([model("m", "chat")]))
    )
    assert.strictEqual(missing.reason, "not-installed")
    assert.match(missing.message, /proliferate agents install opencode/)
  })
)

it.effect("offers an agent the models that it can speak to, the usual one first, and no other", () =>
  Effect.gen(function* () {
    const { all, choose } = yield* Agents
    const models = Object.fromEntries((yield* all).map((agent) => [agent.name, agent.models]))
    assert.deepStrictEqual(models, { opencode: ["c", "m"], claude: ["m"], codex: ["r"], scripted: [] })
    assert.strictEqual(yield* choose("opencode", null), "c")
    assert.strictEqual(yield* choose("opencode", "m"), "m")
    assert.strictEqual(yield* choose("claude", null), "m")
    assert.strictEqual(yield* choose("scripted", null), null)
    assert.match((yield* Effect.flip(choose("claude", "c"))).message, /claude cannot use the model "c"; it can use: m/)
    assert.match((yield* Effect.flip(choose("scripted", "c"))).message, /takes no model from here/)
  }).pipe(
    Effect.provide(
      agentTable([model("c", "chat"), model("m", "messages"), model("r", "responses")], shelf("opencode", "claude", "codex"))
    )
  )
)

it.effect("an agent whose dialect no model speaks is told of as such", () =>
  Effect.gen(function* () {
    const error = yield* Agents.use(({ choose }) => Effect.flip(choose("codex", null)))
    assert.strictEqual(error.reason, "no-model")
    assert.match(error.message, /codex speaks responses .* PROLIFERATE_MODEL_DIALECT/)
  }).pipe(Effect.provide(agentTable([model("c", "chat")], shelf("codex"))))
)

it.effect("every agent is pinned, reaches the relay with the session's token alone, and names its model by placeholder", () =>
  Effect.gen(function* () {
    const { start } = yield* Agents
    for (const [name, { packages }] of Object.entries(builtIn)) {
      for (const one of packages) assert.match(one, /@\d+\.\d+\.\d+$/)
      if (packages.length === 0) continue
      const { command, env, model } = yield* start(wish(name))
      assert.strictEqual(model, "any/model-1")
      assert.isTrue(command.some((part) => part.startsWith(`{agents}/${name}/`)))
      const told = JSON.stringify(env)
      assert.include(told, "127.0.0.1:3128/model")
      assert.include(told, "psb_org_1.ses_1.test")
      assert.include(told, "{model}")
    }
  }).pipe(
    Effect.provide(agentTable([model("any/model-1", "chat", "messages", "responses")], shelf("opencode", "claude", "codex")))
  )
)

it.effect("an agent of the operator's own is found by its name and started as the file says", () => {
  const directory = mkdtempSync(join(tmpdir(), "agents-"))
  const file = join(directory, "agents.json")
  writeFileSync(
    file,
    JSON.stringify({
      mine: {
        command: ["{directory}/bin/mine", "--acp"],
        env: { URL: "{modelUrl}", KEY: "{token}", M: "{model}" },
        dialects: ["chat"],
        mode: "quiet"
      }
    })
  )
  return Effect.gen(function* () {
    const { start, find } = yield* Agents
    assert.strictEqual((yield* find("mine")).state, "ready")
    assert.deepStrictEqual(yield* start(wish("mine")), {
      command: ["{agents}/mine/bin/mine", "--acp"],
      env: { URL: "http://127.0.0.1:3128/model/v1", KEY: "psb_org_1.ses_1.test", M: "{model}" },
      secrets: ["psb_org_1.ses_1.test"],
      model: "m",
      modelOption: "{model}",
      mode: "quiet"
    })
  }).pipe(Effect.provide(agentTable([model("m", "chat")], directory, file)))
})

for (const [what, text, said] of [
  ["no JSON", "{", /agents\.json cannot be used/],
  ["a package that is not pinned", '{"a":{"command":["x"],"packages":["p@latest"]}}', /exact version/],
  ["the name of another", '{"codex":{"command":["x"]}}', /codex is an agent that comes with proliferate/],
  ["a misspelt field", '{"a":{"comand":["x"]}}', /comand/],
  ["a name that is none", '{"A B":{"command":["x"]}}', /"A B" is no name/]
] as const) {
  it.effect(`a file of agents with ${what} is refused, and says so`, () => {
    const directory = mkdtempSync(join(tmpdir(), "agents-"))
    writeFileSync(join(directory, "agents.json"), text)
    return Effect.gen(function* () {
      const error = yield* Effect.flip(Agents.use(({ all }) => all).pipe(Effect.provide(agentTable([], directory))))
      assert.match(error.message, said)
    })
  })
}
