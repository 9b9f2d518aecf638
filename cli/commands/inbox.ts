/** `proliferate inbox`: calls of all sessions that wait for a person. */
import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { answer, table } from "../output.ts"
import { rowHead, rowText, Waiting } from "./approvals/shared.ts"

export const inbox = Command.make(
  "inbox",
  {
    limit: Flag.Int("limit").pipe(Flag.withDescription("How many, newest first; 200 at most"), Flag.withDefault(50)),
    before: Flag.String("before").pipe(Flag.withDescription("Those before this call: the next page"), Flag.withDefault("")),
    status: Flag.String("status").pipe(
      Flag.withDescription("Those of this state, such as denied; those that wait for a person if not given"),
      Flag.withDefault("")
    ),
    session: Flag.String("session").pipe(Flag.withDescription("Of this session alone"), Flag.withDefault(""))
  },
  Effect.fn("cli.inbox")(function* ({ limit, ...narrowed }) {
    const query = new URLSearchParams({ limit: String(limit) })
    for (const [name, value] of Object.entries(narrowed)) if (value !== "") query.set(name, value)
    const { json, value } = yield* ask("GET", `/v1/approvals?${query}`, Schema.Struct({ calls: Schema.Array(Waiting) }))
    yield* answer(json, () => table(rowHead, value.calls.map(rowText), "Nothing waits for a person."))
  })
).pipe(
  Command.withShortDescription("Calls of agents that wait for a person"),
  Command.withDescription(
    "What agents asked to do and may not without a person, newest first, and calls of which nobody knows whether they took effect."
  ),
  Command.withExamples([
    { command: "proliferate inbox", description: "What waits" },
    { command: "proliferate approvals show apr_01", description: "One of them, whole" }
  ])
)
