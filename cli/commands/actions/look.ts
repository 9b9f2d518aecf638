/** What may be done, how, and what was: `proliferate actions list`, `guide`, `status` and `history`. */
import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../../api.ts"
import { ago, fields, oneLine, table } from "../../output.ts"
import { Call, output, pathOf, session, sessionOf, show } from "./shared.ts"

const Action = Schema.Struct({
  name: Schema.String,
  description: Schema.String,
  risk: Schema.String,
  verdict: Schema.String,
  depends: Schema.Boolean,
  granted: Schema.Array(Schema.Unknown)
})
const Integration = Schema.Struct({
  integration: Schema.String,
  displayName: Schema.String,
  usable: Schema.Boolean,
  trouble: Schema.NullOr(Schema.String),
  actions: Schema.Array(Action)
})

const said: Readonly<Record<string, string>> = { run: "runs", ask: "waits for a person", deny: "denied" }

export const list = Command.make(
  "list",
  { output, session },
  Effect.fn("cli.actions.list")(function* ({ output, session }) {
    const path = pathOf(yield* sessionOf(session), "/actions")
    const { json, value } = yield* ask("GET", path, Schema.Struct({ integrations: Schema.Array(Integration) }))
    yield* show(output, json, () =>
      table(
        ["INTEGRATION", "ACTION", "RISK", "A CALL", ""],
        value.integrations.flatMap(({ integration, usable, trouble, actions }) =>
          usable
            ? actions.map(({ name, risk, verdict, depends, granted, description }) => [
                integration,
                name,
                risk,
                `${said[verdict] ?? verdict}${granted.length > 0 ? ", or runs under a grant" : ""}${depends ? ", by its arguments" : ""}`,
                oneLine(description, 60)
              ])
            : [[integration, "", "", "not usable", oneLine(trouble ?? "", 100)]]
        ),
        "There is no integration. An administrator connects one: proliferate connections add"
      )
    )
  })
).pipe(
  Command.withDescription("What may be done at which service, and what becomes of a call of it now"),
  Command.withAlias("ls")
)

export const guide = Command.make(
  "guide",
  {
    integration: Argument.String("integration").pipe(
      Argument.withDescription("The service, such as github"),
      Argument.withDefault("")
    ),
    named: Flag.String("integration").pipe(Flag.withDescription("The same, as a flag"), Flag.withDefault("")),
    session
  },
  Effect.fn("cli.actions.guide")(function* ({ integration, named, session }) {
    const name = integration || named
    const path = pathOf(yield* sessionOf(session), `/actions/guides/${encodeURIComponent(name || "-")}`)
    const { json, value } = yield* ask("GET", path, Schema.Struct({ integration: Schema.String, guide: Schema.String }))
    yield* show("text", json, () => value.guide)
  })
).pipe(
  Command.withDescription("How the actions of a service are called: each with its arguments and a command that is ready to run")
)

const callText = (call: Call): string =>
  fields([
    ["call", call.id],
    ["action", `${call.integration}.${call.action} (${call.risk})`],
    ["status", call.status],
    ["decided by", call.by ?? call.grantId ?? call.decidedBy],
    ["because", call.path.at(-1)?.because ?? null],
    ["message", call.message],
    ["arguments", oneLine(JSON.stringify(call.params), 300)],
    ["result", call.result === null ? null : oneLine(JSON.stringify(call.result), 300)],
    ["asked", ago(call.createdAtMs)]
  ])

export const status = Command.make(
  "status",
  { id: Flag.String("id").pipe(Flag.withDescription("The call, such as apr_01")), output, session },
  Effect.fn("cli.actions.status")(function* ({ id, output, session }) {
    const { json, value } = yield* ask("GET", pathOf(yield* sessionOf(session), `/calls/${encodeURIComponent(id)}`), Call)
    yield* show(output, json, () => callText(value))
  })
).pipe(Command.withDescription("What became of a call"))

export const history = Command.make(
  "history",
  {
    limit: Flag.Int("limit").pipe(Flag.withDescription("How many, newest first; 200 at most"), Flag.withDefault(50)),
    before: Flag.String("before").pipe(Flag.withDescription("Those before this call: the next page"), Flag.withDefault("")),
    output,
    session
  },
  Effect.fn("cli.actions.history")(function* ({ limit, before, output, session }) {
    const query = `?limit=${limit}${before === "" ? "" : `&before=${encodeURIComponent(before)}`}`
    const path = pathOf(yield* sessionOf(session), `/calls${query}`)
    const { json, value } = yield* ask("GET", path, Schema.Struct({ calls: Schema.Array(Call) }))
    yield* show(output, json, () =>
      table(
        ["CALL", "ASKED", "ACTION", "STATUS", "DECIDED BY", ""],
        value.calls.map((call) => [
          call.id,
          ago(call.createdAtMs),
          `${call.integration}.${call.action}`,
          call.status,
          call.by ?? call.grantId ?? call.decidedBy ?? "",
          oneLine(call.message ?? "", 60)
        ]),
        "No calls yet."
      )
    )
  })
).pipe(Command.withDescription("The calls of a session, newest first"))
