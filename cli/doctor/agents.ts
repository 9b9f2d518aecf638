/** Which agents could run, and whether there is a model for them. */
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { Agents } from "../../actors/ports/agents.ts"
import { Models } from "../../actors/ports/models.ts"
import * as AgentTable from "../../adapters/agent/agents.ts"
import { modelSettings, modelsText } from "../models.ts"
import { broken, type Finding, lack, ok } from "./finding.ts"

const none = Layer.succeed(Models, Models.of({ configured: false, models: [], default: null }))

/** As the server reads them: what it would refuse to start with is broken here. No key is shown. */
const model: Effect.Effect<Finding> = modelSettings.pipe(
  Effect.map(({ upstreams }) =>
    upstreams.length > 0
      ? ok("model", modelsText(upstreams))
      : lack(
          "model",
          "none is configured",
          "agents that think need one; the scripted agent does not",
          "set PROLIFERATE_MODEL_URL and PROLIFERATE_MODELS"
        )
  ),
  Effect.catch(({ message }) =>
    Effect.succeed(broken("model", message, "the server does not start", "set it, or unset all of it"))
  )
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
      yield* model
    ]
  }).pipe(
    Effect.provide(
      AgentTable.layer({
        directory: agentsDir ?? join(dataDir, "agents"),
        file: join(dataDir, "agents.json"),
        tokenOf: () => ""
      }).pipe(Layer.provide(none))
    ),
    Effect.catch(({ message }) =>
      Effect.map(model, (found) => [lack("agents", message, "they cannot be told apart", null), found])
    )
  )
