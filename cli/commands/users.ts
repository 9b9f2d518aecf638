import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { answer, date, fields, table } from "../output.ts"

const User = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  email: Schema.String,
  role: Schema.String,
  createdAtMs: Schema.Finite
})

const add = Command.make(
  "add",
  {
    email: Argument.String("email").pipe(Argument.withDescription("Email address, once in an organisation")),
    name: Flag.String("name").pipe(Flag.withDescription("What to call them")),
    role: Flag.Literals("role", ["viewer", "member", "admin", "owner"]).pipe(
      Flag.withDescription(
        "viewer reads; member also works with sessions; admin also sets up repositories, configurations, users and tokens; owner also adds administrators"
      ),
      Flag.withDefault("member" as const)
    )
  },
  Effect.fn("cli.users.add")(function* ({ email, name, role }) {
    const { json, value } = yield* ask("POST", "/v1/users", User, { body: { name, email, role } })
    yield* answer(
      json,
      () =>
        `${fields([
          ["user", value.id],
          ["name", `${value.name} <${value.email}>`],
          ["role", value.role]
        ])}\n\nGive them a token: proliferate tokens add --user ${value.id} --name laptop`
    )
  })
).pipe(
  Command.withDescription("Adds a user to your organisation"),
  Command.withExamples([
    { command: "proliferate users add ada@acme.test --name Ada --role member", description: "Someone who works with sessions" }
  ])
)

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.users.list")(function* () {
    const { json, value } = yield* ask("GET", "/v1/users", Schema.Struct({ users: Schema.Array(User) }))
    yield* answer(json, () =>
      table(
        ["USER", "ROLE", "SINCE", "NAME"],
        value.users.map(({ id, role, createdAtMs, name, email }) => [id, role, date(createdAtMs), `${name} <${email}>`]),
        "None."
      )
    )
  })
).pipe(Command.withDescription("Users of your organisation"), Command.withAlias("ls"))

const revoke = Command.make(
  "revoke",
  { id: Argument.String("user").pipe(Argument.withDescription("Id of the user: usr_…")) },
  Effect.fn("cli.users.revoke")(function* ({ id }) {
    yield* ask("DELETE", `/v1/users/${encodeURIComponent(id)}`, Schema.Unknown)
    yield* answer({ id, revoked: true }, () => `${id} and every token of theirs are gone.`)
  })
).pipe(Command.withDescription("Removes a user and every token of theirs"))

const linkSlack = Command.make(
  "link-slack",
  {
    userId: Argument.String("user").pipe(Argument.withDescription("The user, such as usr_01")),
    team: Flag.String("team").pipe(Flag.withDescription("The workspace's id, such as T0123456")),
    chatUser: Flag.String("slack-user").pipe(Flag.withDescription("The person's id there, such as U0123456"))
  },
  Effect.fn("cli.users.link-slack")(function* (body) {
    const { json } = yield* ask("POST", "/v1/slack/people", Schema.Null, { body })
    yield* answer(json, () => `${body.chatUser} of ${body.team} decides as ${body.userId}, with that user's role.`)
  })
).pipe(Command.withDescription("Says who a person of Slack is here: what they press there counts as that user's decision"))

export const users = Command.make("users").pipe(Command.withSubcommands([add, list, revoke, linkSlack]))
