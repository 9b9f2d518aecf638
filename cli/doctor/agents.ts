/** Which agents could run, and whether there is a model for them. Keys are never read here, only whether an address is set. */
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { Agents } from "../../actors/ports/agents.ts"
import { Models } from "../../actors/ports/models.ts"
import * as AgentTable from "../../adapters/agent/agents.ts"
import { type Finding, lack, ok } from "./finding.ts"

const none = Layer.succeed(Models, Models.of({ configured: false, models: [], default: null }))

const model = (): Finding =>
  process.env["PROLIFERATE_MODEL_URL"]
    ? ok("model", "an address is set")
    : lack(
        "model",
        "none is configured",
        "agents that think need one; the scripted agent does not",
        "set PROLIFERATE_MODEL_URL and PROLIFERATE_MODELS"
      )

export const agents = (dataDir: string, agentsDir: string | null): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const all = yield* Effect.flatMap(Agents, (table) => table.all)
    const installed = all.filter(({ state, version }) => state !== "not-installed" && version !== null)
    const names = installed.map(({ name, version }) => `${name} ${version}`).join(", ")
    return [
      names === ""
        ? lack("agents", "only the scripted one", "no agent that thinks can run", "npx proliferate agents install opencode")
        : ok("agents", names),
      model()
    ]
  }).pipe(
    Effect.provide(
      AgentTable.layer({
        directory: agentsDir ?? join(dataDir, "agents"),
        file: join(dataDir, "agents.json"),
        tokenOf: () => ""
      }).pipe(Layer.provide(none))
    ),
    Effect.catch(({ message }) => Effect.succeed([lack("agents", message, "they cannot be told apart", null), model()]))
  )
