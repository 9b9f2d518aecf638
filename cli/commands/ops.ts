/** For operators: what has come apart, and putting it right. Exits with 8 where drift is found, 1 where a fix was skipped or failed. */
import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { durationMs } from "../duration.ts"
import { usage } from "../failure.ts"
import { answer, table } from "../output.ts"
import { audit } from "./ops/audit.ts"
import { outbox } from "./ops/outbox.ts"
import { passed } from "./ops/pass.ts"
import { pause, resume } from "./ops/pauses.ts"
import { exitWith, given, Kind, kindFlag as kind, Row, reasonFlag, rowsText, unknownText } from "./ops/shared.ts"
import { status } from "./ops/status.ts"
import { tree } from "./ops/tree.ts"

const Plan = Schema.Struct({ plan: Schema.String, drift: Schema.Array(Row), kinds: Schema.Array(Kind) })
const Applied = Schema.Struct({
  items: Schema.Array(Schema.Struct({ id: Schema.String, result: Schema.String, outcome: Schema.String }))
})

const actor = Flag.String("actor").pipe(
  Flag.withDescription("Only what is about this actor, such as ses_01"),
  Flag.withDefault("")
)
const wantedOf = ({ kind, actor }: { readonly kind: string; readonly actor: string }) => ({
  ...(kind !== "" && { kind }),
  ...(actor !== "" && { actor })
})

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
    now: Flag.Boolean("now").pipe(
      Flag.withDescription("Have the server look now and put right what is safe, as it does by itself; waits until it has"),
      Flag.withDefault(false)
    ),
    wait: Flag.String("wait").pipe(Flag.withDescription("How long --now waits; then it leaves with 7"), Flag.withDefault("60s")),
    reason: reasonFlag,
    kind,
    actor
  },
  Effect.fn("cli.ops.reconcile")(function* ({ dryRun, plan, now, wait, apply, reason, ...wanted }) {
    if ([dryRun, now, plan !== ""].filter(Boolean).length !== 1)
      return yield* usage(
        "one of --dry-run, --plan ID and --now",
        "`proliferate ops reconcile --dry-run` makes a plan and prints its id."
      )
    if (now) {
      if (wanted.actor !== "") return yield* usage("--now is for all actors", "Leave --actor out, or use --dry-run with it.")
      return yield* passed(wanted.kind, yield* durationMs("--wait", wait))
    }
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
    const why = yield* given(reason, "a plan is applied", "the provider is back")
    const path = `/v1/operations/plans/${encodeURIComponent(plan)}/apply`
    const { value, json } = yield* ask("POST", path, Applied, { body: { items: itemsOf(apply), why } })
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
    "Plans what would put right what has come apart, applies such a plan, or has it looked for at once. Each fix is taken only if its actor has not moved since; exit 1 if one was skipped or failed."
  ),
  Command.withExamples([
    { command: "proliferate ops reconcile --dry-run", description: "What would be done" },
    { command: 'proliferate ops reconcile --plan pln_01 --reason "after the outage"', description: "Do what is safe" },
    { command: "proliferate ops reconcile --now", description: "Do not wait for the half minute" }
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
  { actor: Argument.String("actor").pipe(Argument.withDescription("Its id, or KIND/ID")), reason: reasonFlag },
  Effect.fn("cli.ops.release")(function* ({ actor, reason }) {
    const why = yield* given(reason, "an actor is released", "the fault is mended")
    const [kind, id] = yield* addressOf(actor)
    const path = `/v1/operations/actors/${encodeURIComponent(kind)}/${encodeURIComponent(id)}/release`
    const { json, value } = yield* ask("POST", path, Schema.Struct({ released: Schema.Boolean }), { body: { why } })
    yield* answer(json, () => (value.released ? `${kind} ${id} goes on.` : `${kind} ${id} was not set aside.`))
  })
).pipe(Command.withDescription("Lets an actor go on that was set aside after crashing, and notes who said so and why"))

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
  Command.withDescription(
    "Shows where what is stored and what is there have come apart, plans what would put it right, and does it."
  ),
  Command.withSubcommands([status, tree, drift, reconcile, pause, resume, outbox, release, audit, retention])
)
