import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { usage } from "../failure.ts"
import { answer, date, fields, Json, table } from "../output.ts"
import { runInPackage } from "../package.ts"

const Token = Schema.Struct({
  id: Schema.String,
  userId: Schema.String,
  name: Schema.String,
  prefix: Schema.String,
  createdAtMs: Schema.Finite,
  expiresAtMs: Schema.NullOr(Schema.Finite)
})
const Added = Schema.Struct({ id: Schema.String, name: Schema.String, secret: Schema.String })

const add = Command.make(
  "add",
  {
    local: Flag.Boolean("local").pipe(
      Flag.withDescription(
        "An owner's token (or, with --user, that email's), without asking the server: for whoever can read its data directory or DATABASE_URL"
      ),
      Flag.withDefault(false)
    ),
    name: Flag.String("name").pipe(Flag.withDescription("What it is for, to recognise it by"), Flag.withDefault("token")),
    user: Flag.String("user").pipe(
      Flag.withDescription("Id of another user, for administrators (with --local: an email address); yourself if not given"),
      Flag.optional
    ),
    expiresInDays: Flag.Int("expires-in-days").pipe(Flag.withDescription("It does not expire if not given"), Flag.optional)
  },
  Effect.fn("cli.tokens.add")(function* ({ local, name, user, expiresInDays }) {
    if (local) {
      if (Option.isSome(expiresInDays))
        return yield* usage(
          "a token made with --local does not expire",
          "Leave --expires-in-days out, or ask the server without --local."
        )
      const email = Option.isSome(user) ? ["--email", user.value] : []
      return yield* runInPackage("cli/tokens-local.ts", ["--name", name, ...email, ...((yield* Json) ? ["--json"] : [])])
    }
    const { json, value } = yield* ask("POST", "/v1/tokens", Added, {
      body: {
        name,
        ...(Option.isSome(user) && { userId: user.value }),
        ...(Option.isSome(expiresInDays) && { expiresInDays: expiresInDays.value })
      }
    })
    yield* answer(json, () =>
      fields([
        ["token", value.secret],
        ["id", value.id],
        ["name", `${value.name}   (the token is shown this once)`]
      ])
    )
  })
).pipe(
  Command.withAlias("create"),
  Command.withShortDescription("Make a token, for yourself or for another user"),
  Command.withDescription(
    "Makes a token and shows it once; only its hash is stored. Give it to programs as PROLIFERATE_TOKEN, or keep it in ~/.config/proliferate/token (chmod 600)."
  ),
  Command.withExamples([
    { command: "proliferate tokens add --name ci --expires-in-days 90", description: "One of your own" },
    { command: "proliferate tokens create --local", description: "The first one was lost: on the server's machine, make another" }
  ])
)

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.tokens.list")(function* () {
    const { json, value } = yield* ask("GET", "/v1/tokens", Schema.Struct({ tokens: Schema.Array(Token) }))
    yield* answer(json, () =>
      table(
        ["TOKEN", "BEGINS", "USER", "CREATED", "EXPIRES", "NAME"],
        value.tokens.map(({ id, prefix, userId, createdAtMs, expiresAtMs, name }) => [
          id,
          `${prefix}…`,
          userId,
          date(createdAtMs),
          expiresAtMs === null ? "never" : date(expiresAtMs),
          name
        ]),
        "No tokens."
      )
    )
  })
).pipe(Command.withDescription("Tokens that you may see, without their secrets"), Command.withAlias("ls"))

const revoke = Command.make(
  "revoke",
  { id: Argument.String("token").pipe(Argument.withDescription("Id of the token: tok_…, not the token itself")) },
  Effect.fn("cli.tokens.revoke")(function* ({ id }) {
    if (id.startsWith("plf_"))
      return yield* usage(
        "that is the token itself, and it is now in your shell's history",
        "Revoke it by its id: `proliferate tokens list`."
      )
    yield* ask("DELETE", `/v1/tokens/${encodeURIComponent(id)}`, Schema.Unknown)
    yield* answer({ id, revoked: true }, () => `${id} is no longer valid.`)
  })
).pipe(Command.withDescription("Makes a token invalid at once"))

export const tokens = Command.make("tokens").pipe(Command.withSubcommands([add, list, revoke]))
