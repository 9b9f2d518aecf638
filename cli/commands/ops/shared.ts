/** What operators' commands share: rows of drift, kinds, notes, and how they are shown. */
import { Effect, Schema } from "effect"
import { Flag } from "effect/cli"
import { exits, type Failed, usage } from "../../failure.ts"
import { ago, oneLine, table } from "../../output.ts"

export const Row = Schema.Struct({
  id: Schema.String,
  kind: Schema.String,
  actor: Schema.NullOr(Schema.String),
  severity: Schema.String,
  since: Schema.String,
  reason: Schema.String,
  held: Schema.NullOr(Schema.String),
  fix: Schema.Struct({ event: Schema.String, effect: Schema.String, mode: Schema.Literals(["safe", "ask"]) })
})

export const Pause = Schema.Struct({
  kind: Schema.String,
  by: Schema.NullOr(Schema.String),
  why: Schema.String,
  untilMs: Schema.Finite
})

export const Kind = Schema.Struct({
  kind: Schema.String,
  lookedAtMs: Schema.NullOr(Schema.Finite),
  judged: Schema.Int,
  drift: Schema.Int,
  held: Schema.NullOr(Schema.String),
  paused: Schema.NullOr(Pause),
  unknown: Schema.Array(Schema.Struct({ subject: Schema.String, why: Schema.String }))
})

export const Note = Schema.Struct({
  subject: Schema.String,
  fix: Schema.String,
  by: Schema.NullOr(Schema.String),
  why: Schema.NullOr(Schema.String),
  result: Schema.String,
  outcome: Schema.String,
  atMs: Schema.Finite
})

export const exitWith = (name: keyof typeof exits) =>
  Effect.sync(() => {
    process.exitCode = exits[name]
  })

export const pauseText = ({ kind, by, why, untilMs }: typeof Pause.Type): string =>
  `${kind === "all" ? "all is paused" : "paused"} until ${new Date(untilMs).toISOString().slice(0, 16).replace("T", " ")} by ${by ?? "the system"}: ${oneLine(why, 60)}`

export const unknownText = (kinds: ReadonlyArray<typeof Kind.Type>): ReadonlyArray<string> =>
  kinds.flatMap(({ kind, unknown }) =>
    unknown.length === 0
      ? []
      : [
          `unknown  ${kind}: ${unknown[0]!.subject}, ${oneLine(unknown[0]!.why, 100)}${unknown.length > 1 ? `, and ${unknown.length - 1} more` : ""}`
        ]
  )

export const rowsText = (rows: ReadonlyArray<typeof Row.Type>): string =>
  table(
    ["ITEM", "SINCE", "WHAT IS WRONG", "FIX"],
    rows.map(({ id, since, reason, held, fix }) => [
      id,
      ago(Date.parse(since)),
      oneLine(reason, 80),
      held ?? (fix.mode === "ask" ? `${fix.effect} (when you name it)` : fix.effect)
    ]),
    "No drift."
  )

export const notesText = (notes: ReadonlyArray<typeof Note.Type>, none: string): string =>
  table(
    ["FIXED", "WHAT", "WITH", "BY", "OUTCOME"],
    notes.map(({ atMs, subject, fix, by, result, outcome }) => [
      ago(atMs),
      subject,
      fix,
      by ?? "itself",
      `${result}: ${oneLine(outcome, 60)}`
    ]),
    none
  )

export const reasonFlag = Flag.String("reason").pipe(
  Flag.withDescription("Why, for the notes that are kept of every fix"),
  Flag.withDefault("")
)

/** A reason that was given; else it is asked for. */
export const given = (reason: string, what: string, such: string): Effect.Effect<string, Failed> =>
  reason === "" ? Effect.fail(usage(`${what} for a --reason`, `Say why: --reason "${such}".`)) : Effect.succeed(reason)

export const kindFlag = Flag.String("kind").pipe(
  Flag.withDescription("Only this kind, such as sandbox.stray"),
  Flag.withDefault("")
)
