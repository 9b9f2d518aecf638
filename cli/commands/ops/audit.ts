/** `ops audit`: what was put right, and what operators did, by whom and why. */
import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask } from "../../api.ts"
import { durationMs } from "../../duration.ts"
import { answer, date, oneLine, table } from "../../output.ts"
import { Note } from "./shared.ts"

const Notes = Schema.Struct({ notes: Schema.Array(Note) })

export const audit = Command.make(
  "audit",
  {
    since: Flag.String("since").pipe(Flag.withDescription("Only of the last 1h, 7d or so"), Flag.withDefault("")),
    by: Flag.String("by").pipe(Flag.withDescription("Only by this user, such as usr_01"), Flag.withDefault("")),
    limit: Flag.Int("limit").pipe(Flag.withDescription("How many, newest first; 500 at most"), Flag.withDefault(100))
  },
  Effect.fn("cli.ops.audit")(function* ({ since, by, limit }) {
    const query = new URLSearchParams({ limit: String(limit) })
    if (since !== "") query.set("withinMs", String(yield* durationMs("--since", since)))
    if (by !== "") query.set("by", by)
    const { json, value } = yield* ask("GET", `/v1/operations/audit?${query}`, Notes)
    yield* answer(json, () =>
      table(
        ["AT", "WHAT", "WITH", "BY", "OUTCOME", "WHY"],
        value.notes.map(({ atMs, subject, fix, by, result, outcome, why }) => [
          date(atMs),
          subject,
          fix,
          by ?? "itself",
          `${result}: ${oneLine(outcome, 60)}`,
          why === null ? "" : oneLine(why, 80)
        ]),
        "Nothing of that is noted."
      )
    )
  })
).pipe(
  Command.withShortDescription("What was put right or paused, by whom and why"),
  Command.withDescription(
    "Every fix that was tried, by itself or by an operator, and every pause, release, retry and discard. What was done to one actor is in `actor history`."
  ),
  Command.withExamples([{ command: "proliferate ops audit --since 1h", description: "What happened in the last hour" }])
)
