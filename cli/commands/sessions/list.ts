import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { SessionView } from "../../../adapters/gateway/protocol.ts"
import { ask } from "../../api.ts"
import { ago, answer, oneLine, table } from "../../output.ts"
import { pathOf, sessionId, viewText } from "./session.ts"

const Sessions = Schema.Struct({
  sessions: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      title: Schema.String,
      status: Schema.String,
      owner: Schema.NullOr(Schema.String),
      updatedAtMs: Schema.Finite
    })
  )
})

export const list = Command.make(
  "list",
  {
    limit: Flag.Int("limit").pipe(Flag.withDescription("At most this many, newest first"), Flag.withDefault(50)),
    before: Flag.String("before").pipe(Flag.withDescription("Only those before this session: the next page"), Flag.optional)
  },
  Effect.fn("cli.sessions.list")(function* ({ limit, before }) {
    const page = new URLSearchParams({ limit: String(limit), ...(Option.isSome(before) && { before: before.value }) })
    const { json, value } = yield* ask("GET", `/v1/sessions?${page}`, Sessions)
    yield* answer(json, () =>
      table(
        ["SESSION", "CHANGED", "STATUS", "TITLE"],
        value.sessions.map(({ id, title, status, updatedAtMs }) => [
          id,
          ago(updatedAtMs),
          status,
          oneLine(title || "untitled", 60)
        ]),
        "No sessions yet. Make one: proliferate sessions create --configuration NAME"
      )
    )
  })
).pipe(Command.withDescription("Sessions of your organisation, newest first"), Command.withAlias("ls"))

export const show = Command.make(
  "show",
  { id: sessionId },
  Effect.fn("cli.sessions.show")(function* ({ id }) {
    const { json, value } = yield* ask("GET", pathOf(id), SessionView)
    yield* answer(json, () => viewText(value))
  })
).pipe(Command.withDescription("One session: its state, its queue, and the requests that it takes now"))
