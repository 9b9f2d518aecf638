/** For operators: what has come apart, and putting it right. Exits with 8 where drift is found, 1 where a fix was skipped or failed. */
import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { exits, usage } from "../failure.ts"
import { ago, answer, oneLine, table } from "../output.ts"
import { tree } from "./ops/tree.ts"
import { NodeSeen, nodesText } from "./ops-nodes.ts"

const Row = Schema.Struct({
  id: Schema.String,
  kind: Schema.String,
  actor: Schema.NullOr(Schema.String),
  severity: Schema.String,
  since: Schema.String,
  reason: Schema.String,
  held: Schema.NullOr(Schema.String),
  fix: Schema.Struct({ event: Schema.String, effect: Schema.String, mode: Schema.Literals(["safe", "ask"]) })
})
const Kind = Schema.Struct({
  kind: Schema.String,
  lookedAtMs: Schema.NullOr(Schema.Finite),
  judged: Schema.Int,
  drift: Schema.Int,
  held: Schema.NullOr(Schema.String),
  unknown: Schema.Array(Schema.Struct({ subject: Schema.String, why: Schema.String }))
})
const Note = Schema.Struct({
  subject: Schema.String,
  fix: Schema.String,
  by: Schema.NullOr(Schema.String),
  result: Schema.String,
  outcome: Schema.String,
  atMs: Schema.Finite
})
const Status = Schema.Struct({
  drift: Schema.Array(Row),
  kinds: Schema.Array(Kind),
  fixes: Schema.Array(Note),
  nodes: Schema.Array(NodeSeen)
})
const Plan = Schema.Struct({ plan: Schema.String, drift: Schema.Array(Row), kinds: Schema.Array(Kind) })
const Applied = Schema.Struct({
  items: Schema.Array(Schema.Struct({ id: Schema.String, result: Schema.String, outcome: Schema.String }))
})

const exitWith = (name: keyof typeof exits) =>
  Effect.sync(() => {
    process.exitCode = exits[name]
  })

const unknownText = (kinds: ReadonlyArray<typeof Kind.Type>): ReadonlyArray<string> =>
  kinds.flatMap(({ kind, unknown }) =>
    unknown.length === 0
      ? []
      : [
          `unknown  ${kind}: ${unknown[0]!.subject}, ${oneLine(unknown[0]!.why, 100)}${unknown.length > 1 ? `, and ${unknown.length - 1} more` : ""}`
        ]
  )

const rowsText = (rows: ReadonlyArray<typeof Row.Type>): string =>
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

const kind = Flag.String("kind").pipe(Flag.withDescription("Only this kind, such as sandbox.stray"), Flag.withDefault(""))
const actor = Flag.String("actor").pipe(
  Flag.withDescription("Only what is about this actor, such as ses_01"),
  Flag.withDefault("")
)
const why = Flag.String("reason").pipe(
  Flag.withDescription("Why, for the notes that are kept of every fix"),
  Flag.withDefault("")
)

const wantedOf = ({ kind, actor }: { readonly kind: string; readonly actor: string }) => ({
  ...(kind !== "" && { kind }),
  ...(actor !== "" && { actor })
})

const status = Command.make(
  "status",
  {},
  Effect.fn("cli.ops.status")(function* () {
    const { json, value } = yield* ask("GET", "/v1/operations", Status)
    yield* answer(json, () =>
      [
        table(
          ["KIND", "LOOKED", "AT", "DRIFT", "HELD"],
          value.kinds.map(({ kind, lookedAtMs, judged, drift, held }) => [
            kind,
            lookedAtMs === null ? "not yet" : ago(lookedAtMs),
            String(judged),
            String(drift),
            held ?? ""
          ]),
          "Nothing is looked after."
        ),
        ...unknownText(value.kinds),
        ...(value.nodes.length === 0 ? [] : ["", nodesText(value.nodes)]),
        "",
        table(
          ["FIXED", "WHAT", "WITH", "BY", "OUTCOME"],
          value.fixes.map(({ atMs, subject, fix, by, result, outcome }) => [
            ago(atMs),
            subject,
            fix,
            by ?? "itself",
            `${result}: ${oneLine(outcome, 60)}`
          ]),
          "Nothing had to be put right."
        )
      ].join("\n")
    )
    if (value.drift.length > 0) yield* exitWith("drift")
  })
).pipe(
  Command.withDescription(
    "What is looked after, what was found and held at the last look, and what was put right; asks no provider"
  )
)

const planned = Effect.fnUntraced(function* (wanted: { readonly kind: string; readonly actor: string }) {
  const asked = yield* ask("POST", "/v1/operations/plans", Plan, { body: wantedOf(wanted) })
  if (asked.value.drift.length > 0) yield* exitWith("drift")
  return asked
})

const drift = Command.make(
  "drift",
  { kind, actor },
  Effect.fn("cli.ops.drift")(function* (wanted) {
    const { value, json } = yield* planned(wanted)
    const { drift, kinds } = json as { readonly drift: unknown; readonly kinds: unknown }
    yield* answer({ drift, kinds }, () => [rowsText(value.drift), ...unknownText(value.kinds)].join("\n"))
  })
).pipe(
  Command.withDescription(
    "Looks now at everything, and shows what is not as it should be; changes nothing. Exit 8 if there is any"
  )
)

const itemsOf = (apply: string): "safe" | ReadonlyArray<string> =>
  apply === "safe"
    ? "safe"
    : apply
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "")

const reconcile = Command.make(
  "reconcile",
  {
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Look, and plan without doing: prints the plan's id"),
      Flag.withDefault(false)
    ),
    plan: Flag.String("plan").pipe(Flag.withDescription("Apply this plan; it is good for 15 min"), Flag.withDefault("")),
    apply: Flag.String("apply").pipe(
      Flag.withDescription(
        "What of the plan: safe, or items by name with commas between; those that ask for a person must be named"
      ),
      Flag.withDefault("safe")
    ),
    reason: why,
    kind,
    actor
  },
  Effect.fn("cli.ops.reconcile")(function* ({ dryRun, plan, apply, reason, ...wanted }) {
    if (dryRun === (plan !== ""))
      return yield* usage(
        "either --dry-run or --plan ID",
        "`proliferate ops reconcile --dry-run` makes a plan and prints its id."
      )
    if (dryRun) {
      const { value, json } = yield* planned(wanted)
      return yield* answer(json, () =>
        [
          rowsText(value.drift),
          ...unknownText(value.kinds),
          ...(value.drift.length === 0 ? [] : ["", `proliferate ops reconcile --plan ${value.plan} --apply safe --reason "…"`])
        ].join("\n")
      )
    }
    if (reason === "") return yield* usage("a plan is applied for a --reason", 'Say why: --reason "the provider is back".')
    const path = `/v1/operations/plans/${encodeURIComponent(plan)}/apply`
    const { value, json } = yield* ask("POST", path, Applied, { body: { items: itemsOf(apply), why: reason } })
    yield* answer(json, () =>
      table(
        ["ITEM", "RESULT", "OUTCOME"],
        value.items.map(({ id, result, outcome }) => [id, result, outcome]),
        "Nothing of this plan is safe and ripe: name the items that you want applied."
      )
    )
    if (value.items.some(({ result }) => result !== "applied")) yield* exitWith("failure")
  })
).pipe(
  Command.withDescription(
    "Plans what would put right what has come apart, or applies such a plan. Each fix is taken only if its actor has not moved since; exit 1 if one was skipped or failed."
  ),
  Command.withExamples([
    { command: "proliferate ops reconcile --dry-run", description: "What would be done" },
    { command: 'proliferate ops reconcile --plan pln_01 --reason "after the outage"', description: "Do what is safe" }
  ])
)

const addressOf = (actor: string): Effect.Effect<readonly [kind: string, id: string], ReturnType<typeof usage>> => {
  const [kind, id] = actor.includes("/") ? actor.split("/", 2) : ["session", actor]
  return kind && id
    ? Effect.succeed([kind, id])
    : Effect.fail(usage(`${actor} names no actor`, "Name it as ses_01, or as KIND/ID."))
}

const release = Command.make(
  "release",
  { actor: Argument.String("actor").pipe(Argument.withDescription("Its id, or KIND/ID")), reason: why },
  Effect.fn("cli.ops.release")(function* ({ actor, reason }) {
    if (reason === "") return yield* usage("an actor is released for a --reason", 'Say why: --reason "the fault is mended".')
    const [kind, id] = yield* addressOf(actor)
    const path = `/v1/operations/actors/${encodeURIComponent(kind)}/${encodeURIComponent(id)}/release`
    const { json, value } = yield* ask("POST", path, Schema.Struct({ released: Schema.Boolean }), { body: { why: reason } })
    yield* answer(json, () => (value.released ? `${kind} ${id} goes on.` : `${kind} ${id} was not set aside.`))
  })
).pipe(Command.withDescription("Lets an actor go on that was set aside after crashing, and notes who said so and why"))

const retry = Command.make(
  "retry",
  { command: Argument.String("command").pipe(Argument.withDescription("Its key, as `ops drift` shows it")), reason: why },
  Effect.fn("cli.ops.retry")(function* ({ command, reason }) {
    if (reason === "") return yield* usage("a command is retried for a --reason", 'Say why: --reason "the provider is back".')
    const path = `/v1/operations/commands/${encodeURIComponent(command)}/retry`
    const { json, value } = yield* ask("POST", path, Schema.Struct({ retried: Schema.Boolean }), { body: { why: reason } })
    yield* answer(json, () => (value.retried ? `${command} is due again.` : `${command} was not given up.`))
  })
).pipe(Command.withDescription("Makes a command that was given up due again, under the same key, and notes who said so and why"))

const Counts = Schema.Struct({ journal: Schema.Number, feed: Schema.Number, commands: Schema.Number })
const Retained = Schema.Struct({ days: Counts, old: Counts, left: Schema.NullOr(Counts), finished: Schema.Boolean })

const retention = Command.make(
  "retention",
  {
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Say what is older than is kept, and leave it"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.ops.retention")(function* ({ dryRun }) {
    const { json, value } = yield* ask("POST", "/v1/operations/retention", Retained, { body: { dryRun } })
    const { days, old, left, finished } = value
    const line = (name: string, what: keyof typeof old) => {
      const kept = days[what] === 0 ? "kept for ever" : `${old[what]} older than ${days[what]} days`
      return `${name.padEnd(20)} ${kept}${left === null || old[what] === 0 ? "" : `, ${old[what] - left[what]} archived and dropped`}`
    }
    yield* answer(json, () =>
      [
        line("journal rows", "journal"),
        line("feed events", "feed"),
        line("given up commands", "commands"),
        ...(finished ? [] : ["There is more, or another server is at it: it goes on by the hour."])
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription(
    "Archives and drops what is older than is kept: of sessions at rest for good their journal and feed, and commands that were given up"
  ),
  Command.withExamples([{ command: "proliferate ops retention --dry-run", description: "How much that would be" }])
)

export const ops = Command.make("ops").pipe(
  Command.withShortDescription("For operators: what has come apart, and putting it right"),
  Command.withDescription(
    "Shows where what is stored and what is there have come apart, plans what would put it right, and does it."
  ),
  Command.withSubcommands([status, tree, drift, reconcile, retention, release, retry])
)
