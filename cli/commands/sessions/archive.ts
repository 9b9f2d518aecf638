/** What people call a session, and whether lists show it. */
import { Effect, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { SessionView } from "../../../adapters/gateway/protocol.ts"
import { ask } from "../../api.ts"
import { answer } from "../../output.ts"
import { pathOf, sessionId } from "./session.ts"

const Accepted = Schema.Struct({ rev: Schema.Int })

export const archive = Command.make(
  "archive",
  { id: sessionId },
  Effect.fn("cli.sessions.archive")(function* ({ id }) {
    const { json } = yield* ask("POST", pathOf(id, "/archive"), Accepted, { body: {} })
    yield* answer(json, () => `It is archived. \`proliferate sessions list --archived\` shows it.`)
  })
).pipe(
  Command.withShortDescription("Put a stopped or failed session out of the lists"),
  Command.withDescription(
    "Lists show it no more, unless they are asked for what is archived. Everything that was said in it stays readable. A failed session that is resumed or prompted comes back by itself."
  )
)

export const unarchive = Command.make(
  "unarchive",
  { id: sessionId },
  Effect.fn("cli.sessions.unarchive")(function* ({ id }) {
    const { json } = yield* ask("POST", pathOf(id, "/unarchive"), Accepted, { body: {} })
    yield* answer(json, () => "It is in the lists again.")
  })
).pipe(Command.withDescription("Put an archived session back into the lists"))

export const rename = Command.make(
  "rename",
  {
    id: sessionId,
    title: Argument.String("title").pipe(Argument.withDescription("What it shall be called: one line of up to 100 characters"))
  },
  Effect.fn("cli.sessions.rename")(function* ({ id, title }) {
    const { json, value } = yield* ask("PATCH", pathOf(id), SessionView, { body: { title } })
    yield* answer(json, () => `It is now called ${value.title}`)
  })
).pipe(
  Command.withDescription(
    "Gives a session another title. Without one it is called by the first line of its first prompt, up to 80 characters of it"
  )
)
