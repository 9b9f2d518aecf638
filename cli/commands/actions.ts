/** `proliferate actions …`: what agents type to act on services. */
import { Command } from "effect/cli"
import { grant, grants } from "./actions/grant.ts"
import { guide, history, list, status } from "./actions/look.ts"
import { run } from "./actions/run.ts"

export const actions = Command.make("actions").pipe(
  Command.withDescription(
    "Actions at services that the organisation connected. No key is needed, and none is in the sandbox: calls are made by the server, under the rules that people set."
  ),
  Command.withSubcommands([list, guide, run, status, history, grant, grants]),
  Command.withExamples([
    { command: "proliferate actions list", description: "1. What may be done" },
    { command: "proliferate actions guide github", description: "2. How" },
    {
      command: `proliferate actions run --integration github --action list_issues --params '{"owner":"acme","repo":"web"}'`,
      description: "3. Do it"
    }
  ])
)
