/** `proliferate actions grant request` and `grants list`: an agent asks to be lent a permission; an administrator lends it, or not. */
import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask } from "../../api.ts"
import { ago, oneLine, table } from "../../output.ts"
import { constraintsFrom, Grant, grantText, lastsMsOf, ttl } from "../grants/shared.ts"
import { action, integration, output, pathOf, session, sessionOf, show } from "./shared.ts"

const Request = Schema.Struct({
  id: Schema.String,
  status: Schema.String,
  draft: Schema.Struct({ integration: Schema.String, action: Schema.String }),
  reason: Schema.String,
  answer: Schema.NullOr(Schema.String),
  createdAtMs: Schema.Finite
})

const request = Command.make(
  "request",
  {
    integration,
    action,
    where: Flag.String("where").pipe(
      Flag.withDescription('Only for these arguments: a JSON object of equal ones, such as {"project":"api"}, @FILE or -'),
      Flag.withDefault("{}")
    ),
    maxCalls: Flag.Int("max-calls").pipe(Flag.withDescription("For how many calls"), Flag.withDefault(1)),
    ttl,
    reason: Flag.String("reason").pipe(Flag.withDescription("Why, for whoever decides")),
    output,
    session
  },
  Effect.fn("cli.actions.grant.request")(function* ({ where, maxCalls, ttl, reason, output, session, ...named }) {
    const body = {
      ...named,
      usesMax: maxCalls,
      reason,
      constraints: yield* constraintsFrom(where),
      ...(Option.isSome(ttl) && { lastsMs: yield* lastsMsOf(ttl.value) })
    }
    const { json, value } = yield* ask("POST", pathOf(yield* sessionOf(session), "/grants"), Request, { body })
    yield* show(output, json, () => `${value.id} is asked for; an administrator lends it, lends less, or says no`)
  })
).pipe(
  Command.withDescription(
    "Asks an administrator to let calls of one action run without asking each time; open for 24 h, 5 at once"
  )
)

export const grant = Command.make("grant").pipe(
  Command.withDescription("Ask to be lent a permission"),
  Command.withSubcommands([request])
)

const list = Command.make(
  "list",
  { output, session },
  Effect.fn("cli.actions.grants.list")(function* ({ output, session }) {
    const schema = Schema.Struct({ grants: Schema.Array(Grant), requests: Schema.Array(Request) })
    const { json, value } = yield* ask("GET", pathOf(yield* sessionOf(session), "/grants"), schema)
    yield* show(output, json, () =>
      [
        table(
          ["GRANT", "COVERS", "USES", "ENDS", "WHERE"],
          value.grants.map(grantText),
          "No grant covers calls of this session."
        ),
        "",
        table(
          ["REQUEST", "ASKED", "FOR", "STATUS", ""],
          value.requests.map(({ id, createdAtMs, draft, status, answer }) => [
            id,
            ago(createdAtMs),
            `${draft.integration}.${draft.action}`,
            status,
            oneLine(answer ?? "", 60)
          ]),
          "Nothing was asked for."
        )
      ].join("\n")
    )
  })
).pipe(Command.withDescription("Grants that cover calls of this session, and what was asked for"))

export const grants = Command.make("grants").pipe(
  Command.withDescription("What this session was lent"),
  Command.withSubcommands([list])
)
