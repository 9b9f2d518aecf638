/** `proliferate inbox`: calls of all sessions that wait for a person. */
import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import type { Failed } from "../failure.ts"
import { answer, Json, table } from "../output.ts"
import { rowHead, rowText, Waiting } from "./approvals/shared.ts"

const Calls = Schema.Struct({ calls: Schema.Array(Waiting) })
const lookEveryMs = 2_000

/** One line for each call that comes, and one when it waits no more. A server that starts again is waited for. */
const stay = Effect.fnUntraced(function* (look: Effect.Effect<{ readonly value: typeof Calls.Type }, Failed>) {
  const json = yield* Json
  const known = new Set<string>()
  let hasAnswered = false
  const say = (call: Waiting, text: string) => process.stdout.write(`${json ? JSON.stringify(call) : text}\n`)
  while (true) {
    const seen = yield* Effect.catchIf(
      look,
      ({ exit }) => exit === "unavailable" && hasAnswered,
      () => Effect.succeed(null)
    )
    if (seen !== null) {
      const { calls } = seen.value
      hasAnswered = true
      for (const call of calls.toReversed()) if (!known.has(call.id)) say(call, rowText(call).join("  "))
      const now = new Set(calls.map(({ id }) => id))
      for (const id of known) if (!now.has(id) && !json) process.stdout.write(`${id}  waits no more\n`)
      known.clear()
      for (const { id } of calls) known.add(id)
    }
    yield* Effect.sleep(lookEveryMs)
  }
})

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
      Flag.withDescription("Stay, look again every 2 s, and show what comes to wait, and what does no more"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.inbox")(function* ({ limit, follow, ...narrowed }) {
    const query = new URLSearchParams({ limit: String(limit) })
    for (const [name, value] of Object.entries(narrowed)) if (value !== "") query.set(name, value)
    const look = ask("GET", `/v1/approvals?${query}`, Calls)
    if (follow) return yield* stay(look)
    const { json, value } = yield* look
    yield* answer(json, () => table(rowHead, value.calls.map(rowText), "Nothing waits for a person."))
  })
).pipe(
  Command.withShortDescription("Calls of agents that wait for a person"),
  Command.withDescription(
    "What agents asked to do and may not without a person, newest first, and calls of which nobody knows whether they took effect."
  ),
  Command.withExamples([
    { command: "proliferate inbox", description: "What waits" },
    { command: "proliferate inbox --follow", description: "And what comes" },
    { command: "proliferate approvals show apr_01", description: "One of them, whole" }
  ])
)
