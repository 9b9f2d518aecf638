/** The table of agents on a host that has none installed, with the models that a test configures; `scripted` can always run. */
import { join } from "node:path"
import { Layer } from "effect"
import { type Model, Models } from "../../actors/ports/models.ts"
import * as AgentTable from "../../adapters/agent/agents.ts"

export const noDirectory = "/nonexistent/agents"

export const agentTable = (models: ReadonlyArray<Model> = [], directory = noDirectory, file = join(directory, "agents.json")) =>
  AgentTable.layer({ directory, file, tokenOf: (org, sessionId) => `psb_${org}.${sessionId}.test` }).pipe(
    Layer.provide(Layer.succeed(Models, Models.of({ configured: models.length > 0, models, default: models[0]?.id ?? null })))
  )
