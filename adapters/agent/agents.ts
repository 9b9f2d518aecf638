/**
 * The agents that a session may choose, by name: how each is started, in the words of the daemon's StartAgent (`{node}` its node,
 * `{proliferate}` its bundle). None is a default: a scripted agent never passes for a thinking one.
 */
import { Effect, Layer } from "effect"
import { Agents, UnknownAgent } from "../../actors/ports/agents.ts"

interface AgentProgram {
  readonly title: string
  readonly command: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
}

const agents: Readonly<Record<string, AgentProgram>> = {
  scripted: {
    title: "Scripted agent (follows a script, no model)",
    command: ["{node}", "{proliferate}", "agent", "scripted"],
    env: {}
  }
}

export const layer: Layer.Layer<Agents> = Layer.succeed(
  Agents,
  Agents.of({
    names: Object.keys(agents),
    find: (name) =>
      Object.hasOwn(agents, name)
        ? Effect.succeed(agents[name]!)
        : Effect.fail(
            new UnknownAgent({
              message: `there is no agent ${JSON.stringify(name)}; there is: ${Object.keys(agents).join(", ")}`
            })
          )
  })
)
