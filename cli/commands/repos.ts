import { basename, resolve } from "node:path"
import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { usage } from "../failure.ts"
import { answer, fields, table } from "../output.ts"

const Repository = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  location: Schema.String,
  defaultBranch: Schema.String
})

const nameFrom = (location: string): string => basename(location.replace(/\/+$/, "")).replace(/\.git$/, "") || "repository"

/** The credential comes from the environment: an argument would show in the list of processes. */
const credentialFrom = Effect.fnUntraced(function* (variable: Option.Option<string>) {
  if (Option.isNone(variable)) return null
  const value = process.env[variable.value]
  if (value) return value
  return yield* usage(
    `the environment has no ${variable.value}`,
    "Name the variable that holds the token or password, without $."
  )
})

const add = Command.make(
  "add",
  {
    location: Argument.String("location").pipe(Argument.withDescription("An https URL, or a path on the server's machine")),
    name: Flag.String("name").pipe(Flag.withDescription("What to call it; its last part if not given"), Flag.optional),
    branch: Flag.String("branch").pipe(
      Flag.withDescription("Branch that work starts from; the repository's own default if not given"),
      Flag.optional
    ),
    credentialEnv: Flag.String("credential-env").pipe(
      Flag.withDescription("Name of an environment variable with a token or user:password for it"),
      Flag.optional
    )
  },
  Effect.fn("cli.repos.add")(function* ({ location: given, name, branch, credentialEnv }) {
    // A path is named by what it leads to: `.` is somewhere.
    const location = /^[a-z+]+:\/\//i.test(given) ? given : resolve(given)
    const credential = yield* credentialFrom(credentialEnv)
    const { json, value } = yield* ask("POST", "/v1/repositories", Repository, {
      body: {
        name: Option.getOrElse(name, () => nameFrom(location)),
        location,
        ...(Option.isSome(branch) && { defaultBranch: branch.value }),
        ...(credential !== null && { credential })
      }
    })
    yield* answer(json, () =>
      fields([
        ["repository", value.id],
        ["name", value.name],
        ["location", value.location],
        ["branch", value.defaultBranch]
      ])
    )
  })
).pipe(
  Command.withShortDescription("Register a git repository"),
  Command.withDescription(
    "Registers a git repository. The server looks whether it can be reached, with the credential if one is given, before it stores anything."
  ),
  Command.withExamples([
    { command: "proliferate repos add https://github.com/acme/web.git", description: "A public repository" },
    {
      command: "proliferate repos add https://github.com/acme/app.git --credential-env GITHUB_TOKEN",
      description: "A private one"
    },
    { command: "proliferate repos add ./web", description: "One on this machine" }
  ])
)

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.repos.list")(function* () {
    const { json, value } = yield* ask("GET", "/v1/repositories", Schema.Struct({ repositories: Schema.Array(Repository) }))
    yield* answer(json, () =>
      table(
        ["REPOSITORY", "NAME", "BRANCH", "LOCATION"],
        value.repositories.map(({ id, name, defaultBranch, location }) => [id, name, defaultBranch, location]),
        "No repositories yet. Register one: proliferate repos add URL"
      )
    )
  })
).pipe(Command.withDescription("Repositories of your organisation"), Command.withAlias("ls"))

export const repos = Command.make("repos").pipe(Command.withSubcommands([add, list]))
