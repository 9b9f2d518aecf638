/** `proliferate connections …`: which services agents may act on, with the organisation's credential. */
import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask, ownConnection } from "../api.ts"
import { Failed, usage } from "../failure.ts"
import { ago, answer, fields, oneLine, table } from "../output.ts"
import { textFrom } from "./actions/shared.ts"

const Connection = Schema.Struct({
  id: Schema.String,
  integration: Schema.String,
  kind: Schema.String,
  account: Schema.NullOr(Schema.String),
  scopes: Schema.Array(Schema.String),
  settings: Schema.Record(Schema.String, Schema.String),
  status: Schema.String,
  reason: Schema.NullOr(Schema.String),
  createdAtMs: Schema.Finite,
  checkedAtMs: Schema.NullOr(Schema.Finite)
})

const detail = (connection: typeof Connection.Type) => () =>
  fields([
    ["connection", connection.id],
    ["integration", `${connection.integration}, by ${connection.kind}`],
    ["account", connection.account],
    ["may", connection.scopes.join(", ") || null],
    [
      "settings",
      Object.entries(connection.settings)
        .map(([name, value]) => `${name}=${value}`)
        .join(", ") || null
    ],
    ["status", connection.status],
    ["reason", connection.reason]
  ])

/** Where a secret comes from: never an argument, which would show in the list of processes. */
const secretFrom = Effect.fnUntraced(function* (file: Option.Option<string>, variable: Option.Option<string>) {
  if (Option.isSome(file) === Option.isSome(variable))
    return yield* usage("one of --secret-file and --secret-env", "--secret-file - reads it from standard input.")
  if (Option.isSome(file)) return (yield* textFrom(file.value === "-" ? "-" : `@${file.value}`, "--secret-file")).trim()
  const name = Option.getOrThrow(variable)
  return (
    process.env[name] || (yield* usage(`the environment has no ${name}`, "Name the variable that holds the secret, without $."))
  )
})

/** A text is a token; an object says by its fields what it is. */
const secretOf = Effect.fnUntraced(function* (text: string) {
  if (!text.startsWith("{")) return { kind: "token", token: text }
  return yield* Effect.try({
    try: () => {
      const { kind, ...given } = JSON.parse(text) as Record<string, unknown>
      if (kind !== undefined) return { kind, ...given }
      if ("privateKey" in given) return { kind: "app", ...given }
      return { kind: "oauth", refreshToken: null, expiresAtMs: null, ...given }
    },
    catch: () => usage("the secret begins as JSON and is none", `Such as {"appId":"…","installationId":"…","privateKey":"…"}.`)
  })
})

const settingsFrom = Effect.fnUntraced(function* (given: ReadonlyArray<string>) {
  const pairs: Record<string, string> = {}
  for (const one of given) {
    const at = one.indexOf("=")
    if (at < 1) return yield* usage(`--set ${one} is no NAME=VALUE`, "Such as --set approvals=C0123456.")
    pairs[one.slice(0, at)] = one.slice(at + 1)
  }
  return pairs
})

const add = Command.make(
  "add",
  {
    integration: Argument.String("integration").pipe(Argument.withDescription("The service, such as github")),
    file: Flag.String("secret-file").pipe(
      Flag.withDescription("A file with a token, or with JSON of an app or of OAuth tokens; - is standard input"),
      Flag.optional
    ),
    variable: Flag.String("secret-env").pipe(Flag.withDescription("An environment variable that holds it"), Flag.optional),
    browser: Flag.Boolean("browser").pipe(
      Flag.withDescription("Print where to go to let us in, where the server has a client there"),
      Flag.withDefault(false)
    ),
    app: Flag.Boolean("app").pipe(
      Flag.withDescription("Print where to go to make an app of your organisation's own there, and install it"),
      Flag.withDefault(false)
    ),
    owner: Flag.String("owner").pipe(
      Flag.withDescription("With --app: the organisation there that shall own it; you, if not given"),
      Flag.optional
    ),
    set: Flag.String("set").pipe(
      Flag.withDescription("What is not secret of it, as NAME=VALUE, such as approvals=C0123456 for Slack"),
      Flag.atLeast(0)
    )
  },
  Effect.fn("cli.connections.add")(function* ({ integration, file, variable, browser, app, owner, set }) {
    if (browser && app) return yield* usage("--browser and --app are two ways", "Choose one.")
    if (Option.isSome(owner) && !app) return yield* usage("--owner is of an app", "Add --app.")
    if (browser || app) {
      const { url } = yield* ownConnection
      const [path, body] = app
        ? ["/v1/connections/app", { integration, uri: url, ...(Option.isSome(owner) && { owner: owner.value }) }]
        : ["/v1/connections/oauth", { integration, redirectUri: `${url}/v1/connections/oauth/callback` }]
      const begun = yield* ask("POST", path as string, Schema.Struct({ url: Schema.String }), { body })
      return yield* answer(
        begun.json,
        () =>
          `Open this within 5 min, in a browser that reaches ${url}:\n\n  ${begun.value.url}\n\nIt ends with a code: proliferate connections confirm CODE`
      )
    }
    const secret = yield* secretOf(yield* secretFrom(file, variable))
    const settings = yield* settingsFrom(set)
    const { json, value } = yield* ask("POST", "/v1/connections", Connection, { body: { integration, secret, settings } })
    yield* answer(json, detail(value))
  })
).pipe(
  Command.withShortDescription("Connect a service"),
  Command.withDescription(
    "Connects a service for the organisation, in the place of an earlier connection. The service is asked who it is first; the secret is sealed, and never shown again."
  ),
  Command.withExamples([
    { command: "proliferate connections add sentry --secret-env SENTRY_TOKEN", description: "With a token" },
    { command: "proliferate connections add github --app --owner acme", description: "By a GitHub App of your own" },
    { command: "proliferate connections add github --secret-file app.json", description: "By one that is there" },
    { command: "pass show linear | proliferate connections add linear --secret-file -", description: "From a password store" }
  ])
)

const confirm = Command.make(
  "confirm",
  { code: Argument.String("code").pipe(Argument.withDescription("As the page in your browser shows it")) },
  Effect.fn("cli.connections.confirm")(function* ({ code }) {
    const { json, value } = yield* ask("POST", "/v1/connections/confirm", Connection, { body: { code } })
    yield* answer(json, detail(value))
  })
).pipe(
  Command.withShortDescription("Finish what a browser began"),
  Command.withDescription(
    "Connects what you let in by your browser: nothing is connected before. The code is good once, for 5 min, and for you alone, who began it."
  )
)

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.connections.list")(function* () {
    const { json, value } = yield* ask("GET", "/v1/connections", Schema.Struct({ connections: Schema.Array(Connection) }))
    yield* answer(json, () =>
      table(
        ["CONNECTION", "INTEGRATION", "ACCOUNT", "STATUS", "CHECKED", ""],
        value.connections.map(({ id, integration, account, status, checkedAtMs, reason }) => [
          id,
          integration,
          account ?? "",
          status,
          checkedAtMs === null ? "" : ago(checkedAtMs),
          oneLine(reason ?? "", 60)
        ]),
        "No service is connected. Connect one: proliferate connections add INTEGRATION --secret-file FILE"
      )
    )
  })
).pipe(Command.withDescription("Connected services"), Command.withAlias("ls"))

const id = Argument.String("connection").pipe(Argument.withDescription("The connection, such as con_01"))

const check = Command.make(
  "check",
  { id },
  Effect.fn("cli.connections.check")(function* ({ id }) {
    const { json, value } = yield* ask("POST", `/v1/connections/${encodeURIComponent(id)}/check`, Connection, { body: {} })
    yield* answer(json, detail(value))
    if (value.status !== "active")
      return yield* new Failed({
        exit: "provider",
        what: `${value.integration} does not work any more: ${value.reason ?? value.status}`,
        todo: `Connect it again: proliferate connections add ${value.integration}`
      })
  })
).pipe(Command.withDescription("Asks the service whether it still knows us, and who we are there"))

const set = Command.make(
  "set",
  {
    id,
    settings: Argument.String("NAME=VALUE").pipe(
      Argument.withDescription("Such as approvals=C0123456; NAME= takes it away"),
      Argument.variadic({ min: 1 })
    )
  },
  Effect.fn("cli.connections.set")(function* ({ id, settings: given }) {
    const settings = Object.fromEntries(
      Object.entries(yield* settingsFrom(given)).map(([name, value]) => [name, value === "" ? null : value])
    )
    const path = `/v1/connections/${encodeURIComponent(id)}/settings`
    const { json, value } = yield* ask("POST", path, Connection, { body: { settings } })
    yield* answer(json, detail(value))
  })
).pipe(
  Command.withDescription("Changes what is not secret of a connection"),
  Command.withExamples([
    { command: "proliferate connections set con_01 approvals=C0123456", description: "Show calls that wait for a person there" }
  ])
)

const revoke = Command.make(
  "revoke",
  { id },
  Effect.fn("cli.connections.revoke")(function* ({ id }) {
    const { json, value } = yield* ask("POST", `/v1/connections/${encodeURIComponent(id)}/revoke`, Connection, { body: {} })
    yield* answer(json, () => `${value.integration} is disconnected: calls that wait for it will not be executed.`)
  })
).pipe(Command.withDescription("Disconnects a service: its secret is forgotten here, and revoked there where that can be done"))

export const connections = Command.make("connections").pipe(
  Command.withDescription(
    "Credentials of the organisation at services. They stay with the server: no agent and no answer ever has one."
  ),
  Command.withSubcommands([add, confirm, list, check, set, revoke])
)
