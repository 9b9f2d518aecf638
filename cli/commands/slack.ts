/** `proliferate slack …`: who of Slack is who here. Calls are shown in Slack once a connection has the setting `approvals`. */
import { Effect, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { ask } from "../api.ts"
import { ago, answer, table } from "../output.ts"

const Person = Schema.Struct({
  team: Schema.String,
  chatUser: Schema.String,
  userId: Schema.String,
  createdAtMs: Schema.Finite
})

const link = Command.make(
  "link",
  {},
  Effect.fn("cli.slack.link")(function* () {
    const { json, value } = yield* ask("POST", "/v1/slack/link", Schema.Struct({ write: Schema.String }), { body: {} })
    yield* answer(
      json,
      () => `Write this within 10 min in Slack, in any channel; only you see the answer. Do not pass it on:\n\n  ${value.write}`
    )
  })
).pipe(Command.withDescription("What you click in Slack is decided in your name"))

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.slack.list")(function* () {
    const { json, value } = yield* ask("GET", "/v1/slack/people", Schema.Struct({ people: Schema.Array(Person) }))
    yield* answer(json, () =>
      table(
        ["TEAM", "SLACK USER", "USER", "LINKED"],
        value.people.map(({ team, chatUser, userId, createdAtMs }) => [team, chatUser, userId, ago(createdAtMs)]),
        "Nobody is linked. Link yourself: proliferate slack link"
      )
    )
  })
).pipe(Command.withDescription("Who of Slack is who here"), Command.withAlias("ls"))

const unlink = Command.make(
  "unlink",
  {
    team: Argument.String("team").pipe(Argument.withDescription("Slack's id of the workspace, such as T01234567")),
    user: Argument.String("slack-user").pipe(Argument.withDescription("Slack's id of the person, such as U01234567"))
  },
  Effect.fn("cli.slack.unlink")(function* ({ team, user }) {
    const { json } = yield* ask("POST", "/v1/slack/unlink", Schema.Unknown, { body: { team, user } })
    yield* answer(json, () => `${user} of ${team} decides nothing any more.`)
  })
).pipe(Command.withDescription("Takes a link back: your own, or anybody's as an administrator"))

export const slack = Command.make("slack").pipe(
  Command.withDescription(
    "Calls that wait for a person are shown in the channel of the connection's setting `approvals`, and decided there by people who linked themselves and may decide."
  ),
  Command.withSubcommands([link, list, unlink])
)
