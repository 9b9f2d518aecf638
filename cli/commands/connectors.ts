/** `proliferate connectors …`: MCP servers whose tools are actions. */
import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { Failed, usage } from "../failure.ts"
import { answer, fields, oneLine, table } from "../output.ts"

const Connector = Schema.Struct({
  slug: Schema.String,
  name: Schema.String,
  url: Schema.String,
  auth: Schema.Struct({ type: Schema.String }),
  riskPolicy: Schema.Struct({ defaultRisk: Schema.NullOr(Schema.String) }),
  enabled: Schema.Boolean
})
const slug = Argument.String("connector").pipe(Argument.withDescription("Its name, as its actions begin"))
const pathOf = (slug: string, rest = "") => `/v1/connectors/${encodeURIComponent(slug)}${rest}`
const risks = ["read", "write", "danger"] as const

const overridesOf = Effect.fnUntraced(function* (given: ReadonlyArray<string>) {
  const overrides: Record<string, string> = {}
  for (const one of given) {
    const [, tool, risk] = /^(.+)=(read|write|danger)$/.exec(one) ?? []
    if (tool === undefined) return yield* usage(`--risk ${one} is no TOOL=RISK`, "Such as --risk search=read.")
    overrides[tool] = risk!
  }
  return overrides
})

const add = Command.make(
  "add",
  {
    slug,
    url: Argument.String("url").pipe(Argument.withDescription("Where it speaks MCP over HTTP")),
    auth: Flag.Literals("auth", ["none", "bearer", "header"]).pipe(
      Flag.withDescription("How it is told who we are; the secret is brought by `connections add`"),
      Flag.withDefault("none" as const)
    ),
    header: Flag.String("header").pipe(Flag.withDescription("With --auth header: its name"), Flag.withDefault("X-Api-Key")),
    risk: Flag.String("risk").pipe(Flag.withDescription("The risk of one tool, as TOOL=RISK; once for each"), Flag.atLeast(0)),
    defaultRisk: Flag.Literals("default-risk", risks).pipe(Flag.withDescription("Of tools that do not say"), Flag.optional)
  },
  Effect.fn("cli.connectors.add")(function* ({ slug, url, auth, header, risk, defaultRisk }) {
    const body = {
      slug,
      url,
      auth: auth === "header" ? { type: auth, name: header } : { type: auth },
      overrides: yield* overridesOf(risk),
      ...(Option.isSome(defaultRisk) && { defaultRisk: defaultRisk.value })
    }
    const { json } = yield* ask("POST", "/v1/connectors", Connector, { body })
    yield* answer(json, () => `${slug} is added; \`proliferate connectors validate ${slug}\` asks it for its tools.`)
  })
).pipe(Command.withDescription("Adds an MCP server: its tools become actions, each with its risk"))

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.connectors.list")(function* () {
    const { json, value } = yield* ask("GET", "/v1/connectors", Schema.Struct({ connectors: Schema.Array(Connector) }))
    yield* answer(json, () =>
      table(
        ["CONNECTOR", "URL", "AUTH", "DEFAULT RISK", ""],
        value.connectors.map(({ slug, url, auth, riskPolicy, enabled }) => [
          slug,
          url,
          auth.type,
          riskPolicy.defaultRisk ?? "",
          enabled ? "" : "not enabled"
        ]),
        "No connectors. Add one: proliferate connectors add NAME URL"
      )
    )
  })
).pipe(Command.withDescription("The MCP servers that are connected"), Command.withAlias("ls"))

const Diagnosis = Schema.Struct({
  trouble: Schema.NullOr(Schema.String),
  tools: Schema.Array(
    Schema.Struct({ name: Schema.String, risk: Schema.String, drifted: Schema.Boolean, description: Schema.String })
  )
})

const validate = Command.make(
  "validate",
  { slug },
  Effect.fn("cli.connectors.validate")(function* ({ slug }) {
    const { json, value } = yield* ask("POST", pathOf(slug, "/validate"), Diagnosis, { body: {} })
    yield* answer(json, () =>
      table(
        ["TOOL", "RISK", "", ""],
        value.tools.map(({ name, risk, drifted, description }) => [
          name,
          risk,
          drifted ? "changed since it was accepted" : "",
          oneLine(description, 80)
        ]),
        "It names no tools."
      )
    )
    if (value.trouble !== null)
      return yield* new Failed({
        exit: "provider",
        what: `${slug}: ${value.trouble}`,
        todo: "Look at its address and its credential."
      })
  })
).pipe(Command.withDescription("Asks a server for its tools, and shows the risk of each"))

const change = Command.make(
  "change",
  {
    slug,
    enable: Flag.Boolean("enable").pipe(Flag.withDescription("--no-enable lets agents use it no more"), Flag.optional),
    risk: Flag.String("risk").pipe(
      Flag.withDescription("The risk of one tool, as TOOL=RISK; in the place of all before"),
      Flag.atLeast(0)
    ),
    accept: Flag.Boolean("accept").pipe(
      Flag.withDescription("Takes its tools as they are now: what changed since is no longer asked about for that"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.connectors.change")(function* ({ slug, enable, risk, accept }) {
    const body = {
      ...(Option.isSome(enable) && { enabled: enable.value }),
      ...(risk.length > 0 && { overrides: yield* overridesOf(risk) }),
      ...(accept && { accept })
    }
    const { json, value } = yield* ask("PATCH", pathOf(slug), Connector, { body })
    yield* answer(json, () =>
      fields([
        ["connector", value.slug],
        ["url", value.url],
        ["enabled", value.enabled ? "yes" : "no"]
      ])
    )
  })
).pipe(Command.withDescription("Enables it or not, says the risk of its tools, accepts them as they are"))

const remove = Command.make(
  "remove",
  { slug },
  Effect.fn("cli.connectors.remove")(function* ({ slug }) {
    const { json } = yield* ask("DELETE", pathOf(slug), Schema.Null)
    yield* answer(json, () => `${slug} is removed; its connection stays until it is revoked.`)
  })
).pipe(Command.withDescription("Removes a server and its actions"))

export const connectors = Command.make("connectors").pipe(
  Command.withDescription("Servers that speak MCP over HTTP: their tools become actions of agents, by the same rules as any."),
  Command.withSubcommands([add, list, validate, change, remove])
)
