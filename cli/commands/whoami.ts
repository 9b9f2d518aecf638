import { Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { ask } from "../api.ts"
import { answer, fields } from "../output.ts"

const Named = Schema.Struct({ id: Schema.String, name: Schema.String })

export const Principal = Schema.Union([
  Schema.Struct({
    kind: Schema.tag("user"),
    organisation: Named,
    user: Schema.Struct({ id: Schema.String, name: Schema.String, email: Schema.String, role: Schema.String })
  }),
  Schema.Struct({
    kind: Schema.tag("sandbox"),
    organisation: Named,
    session: Schema.Struct({ id: Schema.String, title: Schema.String, status: Schema.String })
  })
])

export const whoami = Command.make(
  "whoami",
  {},
  Effect.fn("cli.whoami")(function* () {
    const { json, value } = yield* ask("GET", "/v1/whoami", Principal)
    yield* answer(json, () =>
      fields([
        ...(value.kind === "user"
          ? ([
              ["user", `${value.user.name} <${value.user.email}>`],
              ["role", value.user.role]
            ] as const)
          : ([["session", `${value.session.id} ${value.session.title} (${value.session.status})`]] as const)),
        ["organisation", `${value.organisation.name} (${value.organisation.id})`]
      ])
    )
  })
).pipe(Command.withDescription("Says who the server takes you for: a user with a role, or, inside a sandbox, its session."))
