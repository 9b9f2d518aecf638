import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { answer, date, fields, table } from "../output.ts"

const Organisation = Schema.Struct({ id: Schema.String, name: Schema.String, cell: Schema.String, createdAtMs: Schema.Finite })
const Added = Schema.Struct({
  organisation: Schema.Struct({ id: Schema.String, name: Schema.String, cell: Schema.String }),
  user: Schema.Struct({ id: Schema.String, email: Schema.String }),
  token: Schema.Struct({ secret: Schema.String })
})

const add = Command.make(
  "add",
  {
    name: Argument.String("name").pipe(Argument.withDescription("What to call the organisation")),
    ownerName: Flag.String("owner-name").pipe(Flag.withDescription("Name of its first user")),
    ownerEmail: Flag.String("owner-email").pipe(Flag.withDescription("Their email address")),
    cell: Flag.String("cell").pipe(
      Flag.withDescription("Database that it lives in for good, one of DATABASE_CELLS; home if none is given"),
      Flag.withDefault("")
    )
  },
  Effect.fn("cli.organisations.add")(function* ({ name, ownerName, ownerEmail, cell }) {
    const { json, value } = yield* ask("POST", "/v1/organisations", Added, {
      body: { name, owner: { name: ownerName, email: ownerEmail }, ...(cell !== "" && { cell }) }
    })
    yield* answer(json, () =>
      fields([
        ["organisation", `${value.organisation.name} (${value.organisation.id})`],
        ["cell", value.organisation.cell],
        ["owner", `${value.user.email} (${value.user.id})`],
        ["token", `${value.token.secret}   shown this once`]
      ])
    )
  })
).pipe(
  Command.withDescription("Adds an organisation with its owner, and shows the owner's token once. Only an owner may."),
  Command.withExamples([
    {
      command: 'proliferate organisations add Acme --owner-name "Ada Lovelace" --owner-email ada@acme.test',
      description: "An organisation and who owns it"
    }
  ])
)

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.organisations.list")(function* () {
    const { json, value } = yield* ask("GET", "/v1/organisations", Schema.Struct({ organisations: Schema.Array(Organisation) }))
    yield* answer(json, () =>
      table(
        ["ORGANISATION", "CREATED", "CELL", "NAME"],
        value.organisations.map(({ id, name, cell, createdAtMs }) => [id, date(createdAtMs), cell, name]),
        "None."
      )
    )
  })
).pipe(Command.withDescription("The organisation that you belong to"), Command.withAlias("ls"))

export const organisations = Command.make("organisations").pipe(Command.withSubcommands([add, list]))
