/**
 * The agents that a session may choose, by name, and whether each can run here. `scripted` comes with this program and is never
 * chosen for anyone: it does not pass for a thinking one. The others are installed below the directory of agents, as
 * `<name>/<version>/`, which every sandbox sees read-only.
 */
import { join } from "node:path"
import { Effect, Layer, Semaphore } from "effect"
import { AgentError, type AgentSummary, Agents } from "../../actors/ports/agents.ts"
import { type Model, Models } from "../../actors/ports/models.ts"
import { claude } from "./claude.ts"
import { codex } from "./codex.ts"
import { type AgentsFileError, customAgents } from "./custom.ts"
import { install, isInstalled } from "./install.ts"
import { opencode } from "./opencode.ts"
import { type AgentProgram, versionOf } from "./program.ts"

const scripted: AgentProgram = {
  title: "Scripted agent (follows a script, no model)",
  packages: [],
  entry: null,
  dialects: [],
  start: () => ({ command: ["{node}", "{proliferate}", "agent", "scripted"], env: {} })
}

export const builtIn: Readonly<Record<string, AgentProgram>> = { opencode, claude, codex, scripted }

export interface AgentOptions {
  /** Where agents are installed. */
  readonly directory: string
  /** `agents.json`, which need not be there. */
  readonly file: string
  /** What a session shows the relay of models. */
  readonly tokenOf: (org: string, sessionId: string) => string
}

const fail = (reason: AgentError["reason"], message: string) => Effect.fail(new AgentError({ reason, message }))

const make = Effect.fn("Agents.make")(function* ({ directory, file, tokenOf }: AgentOptions) {
  const { models, default: usual } = yield* Models
  const custom = yield* Effect.try({
    try: () => customAgents(file, new Set(Object.keys(builtIn))),
    catch: (cause) => cause as AgentsFileError
  })
  const programs: Readonly<Record<string, AgentProgram>> = { ...builtIn, ...custom }
  const oneAtATime = new Map(Object.keys(programs).map((name) => [name, Semaphore.makeUnsafe(1)]))

  const placeOf = (name: string) => join(name, versionOf(programs[name]!) ?? "")
  const installationOf = (name: string) => {
    const { packages, entry } = programs[name]!
    return { name, directory: join(directory, placeOf(name)), packages, entry }
  }
  /** Those that it can speak to, the usual one first. */
  const modelsOf = ({ dialects }: AgentProgram): ReadonlyArray<Model> =>
    models
      .filter((model) => dialects.some((dialect) => model.dialects.includes(dialect)))
      .sort((a, b) => Number(b.id === usual) - Number(a.id === usual))

  const stateOf = (name: string): Pick<AgentSummary, "state" | "message"> => {
    const program = programs[name]!
    if (program.packages.length > 0 && !isInstalled(installationOf(name)))
      return {
        state: "not-installed",
        message: `${name} is not installed: an administrator runs \`proliferate agents install ${name}\``
      }
    if (program.dialects.length > 0 && modelsOf(program).length === 0)
      return { state: "no-model", message: noModel(name, program) }
    return { state: "ready", message: null }
  }
  const noModel = (name: string, { dialects }: AgentProgram) =>
    models.length === 0
      ? `${name} needs a model, and none is configured: set PROLIFERATE_MODEL_URL and PROLIFERATE_MODELS where the server runs, or choose an agent without one, such as --agent scripted`
      : `${name} speaks ${dialects.join(" or ")} to its model, and none of the configured ones does: add it to PROLIFERATE_MODEL_DIALECT where the server runs`

  const summaryOf = (name: string): AgentSummary => ({
    name,
    title: programs[name]!.title,
    version: versionOf(programs[name]!),
    ...stateOf(name),
    models: modelsOf(programs[name]!).map(({ id }) => id)
  })

  const known = (name: string) =>
    Object.hasOwn(programs, name)
      ? Effect.succeed(programs[name]!)
      : fail("unknown", `there is no agent ${JSON.stringify(name)}; there is: ${Object.keys(programs).join(", ")}`)

  const choose = Effect.fnUntraced(function* (name: string, model: string | null) {
    const program = yield* known(name)
    // Without a model the rest does not help.
    if (program.dialects.length > 0 && models.length === 0) return yield* fail("no-model", noModel(name, program))
    const { state, message } = stateOf(name)
    if (state !== "ready") return yield* fail(state, message!)
    const usable = modelsOf(program).map(({ id }) => id)
    if (usable.length === 0)
      return model === null ? null : yield* fail("model", `${name} takes no model from here: it is configured where it runs`)
    if (model === null || usable.includes(model)) return model ?? usable[0]!
    return yield* fail("model", `${name} cannot use the model ${JSON.stringify(model)}; it can use: ${usable.join(", ")}`)
  })

  return Agents.of({
    all: Effect.sync(() => Object.keys(programs).map(summaryOf)),
    find: (name) => Effect.map(known(name), () => summaryOf(name)),
    choose,
    start: Effect.fn("Agents.start")(function* ({ name, permissions, model, org, sessionId }) {
      const chosen = yield* choose(name, model)
      const program = yield* known(name)
      const wish = { permissions, token: tokenOf(org, sessionId), models: modelsOf(program) }
      const { mode = null, modelOption = "{model}", ...started } = program.start(`{agents}/${placeOf(name)}`, wish)
      return { ...started, secrets: [wish.token], model: chosen, modelOption, mode }
    }),
    install: Effect.fn("Agents.install")(function* (name, tell) {
      const program = yield* known(name)
      if (program.packages.length === 0) return tell(`${name} needs no installation`)
      yield* install(installationOf(name), tell).pipe(oneAtATime.get(name)!.withPermits(1))
    })
  })
})

export const layer = (options: AgentOptions): Layer.Layer<Agents, AgentsFileError, Models> => Layer.effect(Agents, make(options))
