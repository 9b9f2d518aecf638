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

/** The outermost states of machines/session.ts, which is in no bundle; test/machines/session-titles.test.ts compares them. */
export const statuses = [
  "pending",
  "provisioning",
  "restoring",
  "running",
  "recovering",
  "migrating",
  "pausing",
  "paused",
  "failed",
  "stopping",
  "stopped"
] as const

export const list = Command.make(
  "list",
  {
    limit: Flag.Int("limit").pipe(Flag.withDescription("At most this many, newest first"), Flag.withDefault(50)),
    before: Flag.String("before").pipe(Flag.withDescription("Only those before this session: the next page"), Flag.optional),
    search: Flag.String("search").pipe(
      Flag.withAlias("s"),
      Flag.withDescription("Only those with these words, or their beginnings, in title or id"),
      Flag.optional
    ),
    status: Flag.Literals("status", statuses).pipe(Flag.withDescription("Only those in this state"), Flag.optional),
    mine: Flag.Boolean("mine").pipe(Flag.withDescription("Only those that you started"), Flag.withDefault(false)),
    archived: Flag.Boolean("archived").pipe(
      Flag.withDescription("Those that were archived, instead of the others"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.sessions.list")(function* ({ limit, before, search, status, mine, archived }) {
    const page = new URLSearchParams({
      limit: String(limit),
      ...(Option.isSome(before) && { before: before.value }),
      ...(Option.isSome(search) && { search: search.value }),
      ...(Option.isSome(status) && { status: status.value }),
      ...(mine && { mine: "true" }),
      ...(archived && { archived: "true" })
    })
    const isNarrowed = mine || archived || [before, search, status].some(Option.isSome)
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
        isNarrowed ? "No session is like that." : "No sessions yet. Make one: proliferate sessions create --configuration NAME"
      )
    )
  })
).pipe(
  Command.withDescription("Sessions of your organisation, newest first, without those that were archived"),
  Command.withAlias("ls"),
  Command.withExamples([
    { command: "proliferate sessions list --mine --status running", description: "What works for you now" },
    { command: 'proliferate sessions list --search "login web"', description: "Titles with words that begin so; or an id" }
  ])
)

export const show = Command.make(
  "show",
  { id: sessionId },
  Effect.fn("cli.sessions.show")(function* ({ id }) {
    const { json, value } = yield* ask("GET", pathOf(id), SessionView)
    yield* answer(json, () => viewText(value))
  })
).pipe(Command.withDescription("One session: its state, its queue, and the requests that it takes now"))
