/** `ops outbox`: commands that are not settled; having buried ones run again, and ending one for good. */
import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../../api.ts"
import { type Failed, usage } from "../../failure.ts"
import { answer, oneLine, table } from "../../output.ts"
import { exitWith, given, reasonFlag } from "./shared.ts"

const Listed = Schema.Struct({
  commands: Schema.Array(
    Schema.Struct({
      key: Schema.String,
      kind: Schema.String,
      actor: Schema.String,
      name: Schema.String,
      state: Schema.Literals(["waiting", "running", "dead"]),
      isAside: Schema.Boolean,
      attempt: Schema.Int,
      error: Schema.NullOr(Schema.String),
      ageMs: Schema.NullOr(Schema.Finite),
      inMs: Schema.Finite
    })
  ),
  isCut: Schema.Boolean
})
type Listed = (typeof Listed.Type)["commands"][number]

const span = (ms: number): string => {
  const seconds = Math.round(Math.abs(ms) / 1_000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}

const stateText = ({ state, isAside, inMs }: Listed): string => {
  if (state === "dead") return `dead for ${span(inMs)}`
  if (isAside) return "its actor is set aside"
  if (state === "running") return "running"
  return inMs > 0 ? `due in ${span(inMs)}` : `due for ${span(inMs)}`
}

const textOf = ({ commands, isCut }: typeof Listed.Type, dead: boolean): string =>
  [
    table(
      ["COMMAND", "WHAT", "IS", "TRIES", "AGE", "LAST ERROR"],
      commands.map((command) => [
        command.key,
        command.name,
        stateText(command),
        String(command.attempt),
        command.ageMs === null ? "" : span(command.ageMs),
        command.error === null ? "" : oneLine(command.error, 80)
      ]),
      dead ? "No command was given up." : "No command waits."
    ),
    ...(isCut ? ["There are more: --limit says how many are shown."] : [])
  ].join("\n")

const searched = ["name", "actor", "error"] as const

/** `name=startTurn actor=ses_01 error=timeout`: all of it must fit; `error` is a part of it, and takes the rest of the line. */
const queryOf = (text: string): Effect.Effect<Readonly<Record<string, string>>, Failed> => {
  const [, before = "", error] = /^(.*?)(?:(?:^|\s)error=(.*))?$/s.exec(text.trim()) ?? []
  const terms = before.split(/\s+/).filter((term) => term !== "")
  const pairs = terms.map((term) => /^(name|actor)=(\S+)$/.exec(term))
  const wrong = pairs.indexOf(null)
  if (wrong >= 0)
    return Effect.fail(
      usage(`--query does not understand ${terms[wrong]}`, `It takes ${searched.join("=, ")}=, the last of them with the rest.`)
    )
  const found = pairs.map((pair) => [pair![1]!, pair![2]!] as const)
  return Effect.succeed({ ...Object.fromEntries(found), ...(error !== undefined && { error }) })
}

const retry = Command.make(
  "retry",
  {
    commands: Argument.String("command").pipe(
      Argument.withDescription("Keys, as `ops outbox --dead` shows them"),
      Argument.variadic()
    ),
    query: Flag.String("query").pipe(
      Flag.withDescription('Instead of keys, all that fit: name=… actor=… error=…; "" is all'),
      Flag.optional
    ),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("With --query: say which they are, and leave them"),
      Flag.withDefault(false)
    ),
    reason: reasonFlag
  },
  Effect.fn("cli.ops.outbox.retry")(function* ({ commands: keys, query, dryRun, reason }) {
    const isQuery = query._tag === "Some"
    if (isQuery === keys.length > 0 || (dryRun && !isQuery))
      return yield* usage(
        "either keys or a --query, which alone has a --dry-run",
        "`proliferate ops outbox --dead` shows the keys."
      )
    const why = dryRun ? undefined : yield* given(reason, "a command is retried", "the provider is back")
    const body = isQuery ? { query: yield* queryOf(query.value), dryRun, ...(why !== undefined && { why }) } : { keys, why }
    const Retried = Schema.Struct({ keys: Schema.Array(Schema.String), isCut: Schema.Boolean })
    const { json, value } = yield* ask("POST", "/v1/operations/commands/retry", Retried, { body })
    const lacking = isQuery ? [] : keys.filter((key) => !value.keys.includes(key))
    yield* answer(json, () =>
      [
        ...value.keys.map((key) => `${key} ${dryRun ? "would be" : "is"} due again.`),
        ...lacking.map((key) => `${key} was not given up.`),
        ...(isQuery && value.keys.length === 0 ? ["Nothing that was given up fits."] : []),
        ...(value.isCut ? ["There are more that fit: ask again."] : [])
      ].join("\n")
    )
    if (lacking.length > 0) yield* exitWith("failure")
  })
).pipe(
  Command.withShortDescription("Have commands that were given up run again"),
  Command.withDescription(
    "Makes commands that were given up due again, each under the same key, and notes who said so and why. Exit 1 where one that was named is not given up."
  ),
  Command.withExamples([
    { command: 'proliferate ops outbox retry session:ses_01:3:0 --reason "the provider is back"', description: "One of them" },
    { command: 'proliferate ops outbox retry --query "name=provisionSandbox error=quota" --dry-run', description: "Which would" }
  ])
)

const discard = Command.make(
  "discard",
  {
    command: Argument.String("command").pipe(Argument.withDescription("Its key, as `ops outbox` shows it")),
    reason: reasonFlag
  },
  Effect.fn("cli.ops.outbox.discard")(function* ({ command, reason }) {
    const why = yield* given(reason, "a command is discarded", "its provider is gone for good")
    const path = `/v1/operations/commands/${encodeURIComponent(command)}/discard`
    yield* ask("POST", path, Schema.Unknown, { body: { why } })
    yield* answer({ discarded: command }, () => `${command} is no more; its actor knows.`)
  })
).pipe(
  Command.withShortDescription("End a command for good"),
  Command.withDescription(
    "Ends a command that waits or was given up: its actor is told as when it is given up, and nobody runs it any more. What it has done so far is not undone. One that runs at the moment is refused."
  )
)

export const outbox = Command.make(
  "outbox",
  {
    dead: Flag.Boolean("dead").pipe(Flag.withDescription("Those that were given up, newest first"), Flag.withDefault(false)),
    limit: Flag.Int("limit").pipe(Flag.withDescription("How many; 500 at most"), Flag.withDefault(50))
  },
  Effect.fn("cli.ops.outbox")(function* ({ dead, limit }) {
    const query = new URLSearchParams({ limit: String(limit), ...(dead && { dead: "true" }) })
    const { json, value } = yield* ask("GET", `/v1/operations/commands?${query}`, Listed)
    yield* answer(json, () => textOf(value, dead))
  })
).pipe(
  Command.withShortDescription("Commands that wait, run, or were given up"),
  Command.withDescription(
    "What actors have asked for and not had yet: how often it was tried, its last error, since when. Those due soonest first."
  ),
  Command.withExamples([{ command: "proliferate ops outbox --dead", description: "What was given up, and why" }]),
  Command.withSubcommands([retry, discard])
)
