import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { ago, answer, date, oneLine, table } from "../output.ts"

const kind = Argument.String("kind").pipe(Argument.withDescription("Kind of actor: session"))
const id = Argument.String("id").pipe(Argument.withDescription("Its id"))
const pathOf = (kind: string, id: string, rest = "") => `/v1/actors/${encodeURIComponent(kind)}/${encodeURIComponent(id)}${rest}`

const Row = Schema.Struct({
  rev: Schema.Int,
  event: Schema.Unknown,
  taken: Schema.Array(Schema.String),
  effects: Schema.Array(Schema.String),
  by: Schema.NullOr(Schema.String),
  atMs: Schema.Finite
})
const History = Schema.Struct({ rows: Schema.Array(Row) })

const show = Command.make(
  "show",
  { kind, id },
  Effect.fn("cli.actor.show")(function* ({ kind, id }) {
    const { json, value } = yield* ask("GET", pathOf(kind, id), Schema.Record(Schema.String, Schema.Unknown))
    yield* answer(json, () => JSON.stringify(value, null, 2))
  })
).pipe(
  Command.withDescription(
    "Shows the actor as its host has it: state, revision, epoch, what it takes now, which of several servers hosts it, and why it is quarantined if it is"
  ),
  Command.withExamples([{ command: "proliferate actor show session ses_01", description: "The machine behind a session" }])
)

const typeOf = (event: unknown): string => {
  const { type } = (event ?? {}) as { readonly type?: unknown }
  return typeof type === "string" ? type : oneLine(JSON.stringify(event), 40)
}

const history = Command.make(
  "history",
  {
    kind,
    id,
    after: Flag.Int("after").pipe(Flag.withDescription("Only revisions after this one"), Flag.withDefault(0)),
    limit: Flag.Int("limit").pipe(Flag.withDescription("At most this many"), Flag.withDefault(200))
  },
  Effect.fn("cli.actor.history")(function* ({ kind, id, after, limit }) {
    const { json, value } = yield* ask("GET", pathOf(kind, id, `/history?after=${after}&limit=${limit}`), History)
    yield* answer(json, () =>
      table(
        ["REV", "AT", "EVENT", "BY", "COMMANDS", "TRANSITIONS"],
        value.rows.map(({ rev, event, taken, effects, by, atMs }) => [
          String(rev),
          `${date(atMs)} (${ago(atMs)})`,
          typeOf(event),
          by ?? "",
          effects.join(", "),
          taken.join(", ") || "not taken"
        ]),
        "Nothing is journaled of it after that revision."
      )
    )
  })
).pipe(
  Command.withDescription("Everything that was committed of an actor, oldest first: the event, who sent it, and what it led to")
)

export const actor = Command.make("actor").pipe(
  Command.withDescription("Looks into the actors behind sessions: their state, what it takes, and their journal."),
  Command.withSubcommands([show, history])
)
