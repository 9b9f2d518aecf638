import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { SessionView } from "../../../adapters/gateway/protocol.ts"
import { ask } from "../../api.ts"
import { answer } from "../../output.ts"
import { pathOf, sessionId } from "./session.ts"

export const model = Command.make(
  "model",
  {
    id: sessionId,
    model: Argument.String("model").pipe(Argument.withDescription("Id of the model, as `agents list` shows them"))
  },
  Effect.fn("cli.sessions.model")(function* ({ id, model }) {
    const { json, value } = yield* ask("POST", pathOf(id, "/model"), SessionView, { body: { model } })
    yield* answer(json, () => `${value.agent} thinks with ${value.model ?? model} from its next turn on`)
  })
).pipe(
  Command.withShortDescription("Switch a session to another model"),
  Command.withDescription(
    "The turn that runs is finished with the model that it has. An agent that cannot switch while it runs is started anew before its next turn, with the conversation."
  )
)
