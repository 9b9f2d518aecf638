/** `proliferate inbox`: calls of all sessions that wait for a person. */
import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask, ownConnection } from "../api.ts"
import { usage } from "../failure.ts"
import { followInbox } from "../inbox.ts"
import { answer, table } from "../output.ts"
import { rowHead, rowText, Waiting } from "./approvals/shared.ts"

const Calls = Schema.Struct({ calls: Schema.Array(Waiting) })
export const inbox = Command.make(
  "inbox",
  {
    limit: Flag.Int("limit").pipe(Flag.withDescription("How many, newest first; 200 at most"), Flag.withDefault(50)),
    before: Flag.String("before").pipe(Flag.withDescription("Those before this call: the next page"), Flag.withDefault("")),
    status: Flag.String("status").pipe(
      Flag.withDescription("Those of this state, such as denied; those that wait for a person if not given"),
      Flag.withDefault("")
    ),
    session: Flag.String("session").pipe(Flag.withDescription("Of this session alone"), Flag.withDefault("")),
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withDescription("Stay, and show what comes to wait and what becomes of it, as it happens"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.inbox")(function* ({ limit, follow, ...narrowed }) {
    const query = new URLSearchParams({ limit: String(limit) })
    for (const [name, value] of Object.entries(narrowed)) if (value !== "") query.set(name, value)
    const look = ask("GET", `/v1/approvals?${query}`, Calls)
    if (follow) {
      if (narrowed.status !== "" || narrowed.before !== "")
        return yield* usage("--follow shows what waits, from now on", "Leave out --status and --before.")
      return yield* followInbox(yield* ownConnection, narrowed.session)
    }
    const { json, value } = yield* look
    yield* answer(json, () => table(rowHead, value.calls.map(rowText), "Nothing waits for a person."))
  })
).pipe(
  Command.withDescription(
    "What agents asked to do and may not without a person, newest first, and calls of which nobody knows whether they took effect."
  ),
  Command.withExamples([
    { command: "proliferate inbox", description: "What waits" },
    { command: "proliferate inbox --follow", description: "And what comes" },
    { command: "proliferate approvals show apr_01", description: "One of them, whole" }
  ])
)
