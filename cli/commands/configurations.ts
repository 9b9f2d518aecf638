import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { usage } from "../failure.ts"
import { answer, fields, table } from "../output.ts"

const Configuration = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  repositories: Schema.Array(Schema.Struct({ repositoryId: Schema.String, path: Schema.String })),
  agent: Schema.String,
  permissions: Schema.String
})
const Repositories = Schema.Struct({ repositories: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String })) })

/** `NAME` or `NAME=PATH`; a name or an id of a registered repository, and where it is put below the workspace. */
const resolveRepositories = Effect.fnUntraced(function* (given: ReadonlyArray<string>) {
  const { value } = yield* ask("GET", "/v1/repositories", Repositories)
  const resolved: Array<{ readonly repositoryId: string; readonly path?: string }> = []
  for (const entry of given) {
    const [name = "", path] = entry.split("=", 2)
    const found = value.repositories.find((repository) => repository.id === name || repository.name === name)
    if (found === undefined)
      return yield* usage(
        `there is no repository ${name}`,
        value.repositories.length === 0
          ? "Register one: `proliferate repos add URL`."
          : `There ${value.repositories.length === 1 ? "is" : "are"}: ${value.repositories.map((repository) => repository.name).join(", ")}.`
      )
    resolved.push({ repositoryId: found.id, ...(path !== undefined && { path }) })
  }
  return resolved
})

const create = Command.make(
  "create",
  {
    name: Flag.String("name").pipe(Flag.withDescription("What to call it")),
    repo: Flag.String("repo").pipe(
      Flag.withDescription("A registered repository by name or id, or NAME=PATH to say where below the workspace; once for each"),
      Flag.atLeast(1)
    ),
    agent: Flag.String("agent").pipe(Flag.withDescription("Agent that its sessions start"), Flag.optional),
    permissions: Flag.Literals("permissions", ["allow", "ask"]).pipe(
      Flag.withDescription("Whether the agent's permission questions are allowed by themselves or asked of a person"),
      Flag.optional
    )
  },
  Effect.fn("cli.configurations.create")(function* ({ name, repo, agent, permissions }) {
    const { json, value } = yield* ask("POST", "/v1/configurations", Configuration, {
      body: {
        name,
        repositories: yield* resolveRepositories(repo),
        ...(Option.isSome(agent) && { agent: agent.value }),
        ...(Option.isSome(permissions) && { permissions: permissions.value })
      }
    })
    yield* answer(json, () =>
      fields([
        ["configuration", value.id],
        ["name", value.name],
        ["repositories", value.repositories.map(({ repositoryId, path }) => `${repositoryId} at ${path}`).join(", ")],
        ["agent", value.agent],
        ["permissions", value.permissions]
      ])
    )
  })
).pipe(
  Command.withShortDescription("Say which repositories and agent sessions get"),
  Command.withDescription(
    "A configuration is what sessions are instances of: repositories, an agent, and whether its questions are asked of a person."
  ),
  Command.withExamples([
    { command: "proliferate configurations create --name web --repo web", description: "One repository" },
    {
      command: "proliferate configurations create --name shop --repo web=web --repo api=services/api --permissions ask",
      description: "Two, side by side, with questions"
    }
  ])
)

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.configurations.list")(function* () {
    const { json, value } = yield* ask(
      "GET",
      "/v1/configurations",
      Schema.Struct({ configurations: Schema.Array(Configuration) })
    )
    yield* answer(json, () =>
      table(
        ["CONFIGURATION", "NAME", "AGENT", "PERMISSIONS", "REPOSITORIES"],
        value.configurations.map(({ id, name, agent, permissions, repositories }) => [
          id,
          name,
          agent,
          permissions,
          repositories.map(({ repositoryId }) => repositoryId).join(", ")
        ]),
        "No configurations yet. Make one: proliferate configurations create --name NAME --repo REPOSITORY"
      )
    )
  })
).pipe(Command.withDescription("Configurations of your organisation"), Command.withAlias("ls"))

export const configurations = Command.make("configurations").pipe(Command.withSubcommands([create, list]))
