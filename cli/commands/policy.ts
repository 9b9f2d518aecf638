/** `proliferate policy …`: the rules by which calls of agents run, are asked about, or are denied. */
import { readFileSync } from "node:fs"
import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { usage } from "../failure.ts"
import { answer, fields, oneLine, table } from "../output.ts"
import { objectFrom } from "./actions/shared.ts"
import { Constraint, constraintsFrom, constraintText } from "./grants/shared.ts"

const Rule = Schema.Struct({
  id: Schema.String,
  integration: Schema.String,
  action: Schema.String,
  mode: Schema.String,
  scope: Schema.Struct({ type: Schema.String, id: Schema.optionalKey(Schema.String) }),
  pins: Schema.Array(Constraint),
  revision: Schema.Int
})
const modes = ["allow", "ask", "alwaysAsk", "deny"] as const

const ruleText = ({ id, integration, action, mode, scope, pins, revision }: typeof Rule.Type): ReadonlyArray<string> => [
  id,
  `${integration}.${action}`,
  mode,
  scope.id === undefined ? scope.type : `${scope.type} ${scope.id}`,
  String(revision),
  pins.map(constraintText).join(", ")
]

const show = Command.make(
  "show",
  {},
  Effect.fn("cli.policy.show")(function* () {
    const schema = Schema.Struct({ revision: Schema.Int, rules: Schema.Array(Rule) })
    const { json, value } = yield* ask("GET", "/v1/policy", schema)
    yield* answer(json, () =>
      [
        table(
          ["RULE", "ACTION", "MODE", "SCOPE", "SINCE", "WHERE"],
          value.rules.map(ruleText),
          "No rules: reads run, writes are asked about, what is dangerous is denied."
        ),
        ...(value.rules.length === 0
          ? []
          : [
              "",
              `revision ${value.revision}; what no rule is about: reads run, writes are asked about, what is dangerous is denied`
            ])
      ].join("\n")
    )
  })
).pipe(Command.withDescription("The rules of the organisation"))

const what = Argument.String("action").pipe(
  Argument.withDescription("INTEGRATION.ACTION, such as github.create_issue; * for all but allow")
)

const namesOf = (given: string) => {
  const at = given.indexOf(".")
  return at < 1 || at === given.length - 1
    ? Effect.fail(usage(`${given} names no action`, "Name it as INTEGRATION.ACTION, such as github.create_issue."))
    : Effect.succeed({ integration: given.slice(0, at), action: given.slice(at + 1) })
}

const set = Command.make(
  "set",
  {
    what,
    mode: Argument.Literals("mode", modes).pipe(Argument.withDescription("allow, ask, alwaysAsk or deny")),
    where: Flag.String("where").pipe(
      Flag.withDescription('Only for these arguments: {"project":"prod"}, or a list of {path, op, value}'),
      Flag.withDefault("{}")
    ),
    automation: Flag.String("automation").pipe(Flag.withDescription("Only for calls of this automation"), Flag.optional),
    ifRevision: Flag.Int("if-revision").pipe(
      Flag.withDescription("Only if nobody has changed the rules since this revision"),
      Flag.optional
    )
  },
  Effect.fn("cli.policy.set")(function* ({ what, mode, where, automation, ifRevision }) {
    const body = {
      ...(yield* namesOf(what)),
      mode,
      pins: yield* constraintsFrom(where),
      ...(Option.isSome(automation) && { scope: { type: "automation", id: automation.value } }),
      ...(Option.isSome(ifRevision) && { ifRevision: ifRevision.value })
    }
    const { json, value } = yield* ask("POST", "/v1/policy/rules", Rule, { body })
    yield* answer(json, () => `${value.id}: ${what} is ${mode} from revision ${value.revision} on.`)
  })
).pipe(
  Command.withShortDescription("Set a rule"),
  Command.withDescription(
    "Sets what becomes of calls of an action. deny wins over everything; of a dangerous action ask is the most."
  ),
  Command.withExamples([
    { command: "proliferate policy set linear.add_comment allow", description: "Comments run" },
    {
      command: `proliferate policy set sentry.update_issue ask --where '{"organization_slug":"prod"}'`,
      description: "Asked about there"
    }
  ])
)

const remove = Command.make(
  "remove",
  { rule: Argument.String("rule").pipe(Argument.withDescription("The rule, such as rul_01")) },
  Effect.fn("cli.policy.remove")(function* ({ rule }) {
    const path = `/v1/policy/rules/${encodeURIComponent(rule)}`
    const { json, value } = yield* ask("DELETE", path, Schema.Struct({ revision: Schema.Int }))
    yield* answer(json, () => `${rule} is gone; the rules are at revision ${value.revision}.`)
  })
).pipe(Command.withDescription("Removes a rule: what it was about is decided by the others, or by its risk"))

const Explained = Schema.Struct({
  verdict: Schema.String,
  risk: Schema.String,
  grantId: Schema.NullOr(Schema.String),
  path: Schema.Array(Schema.Struct({ step: Schema.String, outcome: Schema.String, because: Schema.String }))
})

const explain = Command.make(
  "explain",
  {
    what,
    params: Flag.String("params").pipe(Flag.withDescription("Its arguments: JSON, @FILE or -"), Flag.withDefault("{}")),
    session: Flag.String("session").pipe(Flag.withDescription("As if it were asked for in this session"), Flag.optional),
    automation: Flag.String("automation").pipe(Flag.withDescription("As if this automation had started it"), Flag.optional)
  },
  Effect.fn("cli.policy.explain")(function* ({ what, params, session, automation }) {
    const body = {
      ...(yield* namesOf(what)),
      params: yield* objectFrom(params, "--params"),
      ...(Option.isSome(session) && { sessionId: session.value }),
      ...(Option.isSome(automation) && { automationId: automation.value })
    }
    const { json, value } = yield* ask("POST", "/v1/policy/explain", Explained, { body })
    yield* answer(json, () =>
      [
        fields([
          ["verdict", value.verdict],
          ["risk", value.risk],
          ["grant", value.grantId]
        ]),
        "",
        ...value.path.map(({ step, outcome, because }) => `  ${step.padEnd(10)} ${outcome.padEnd(5)} ${because}`)
      ].join("\n")
    )
  })
).pipe(Command.withDescription("What would become of a call, and why; nothing is called"))

const Rehearsal = Schema.Struct({
  days: Schema.Int,
  looked: Schema.Int,
  changed: Schema.Int,
  changes: Schema.Record(Schema.String, Schema.Int),
  unknown: Schema.Int,
  calls: Schema.Array(
    Schema.Struct({
      callId: Schema.String,
      integration: Schema.String,
      action: Schema.String,
      params: Schema.Unknown,
      before: Schema.String,
      after: Schema.String,
      because: Schema.String
    })
  )
})

const rehearse = Command.make(
  "rehearse",
  {
    what: Argument.String("action").pipe(Argument.withDescription("INTEGRATION.ACTION"), Argument.withDefault("")),
    mode: Argument.Literals("mode", modes).pipe(
      Argument.withDescription("The mode that it would have"),
      Argument.withDefault("ask" as const)
    ),
    where: Flag.String("where").pipe(Flag.withDescription("Only for these arguments"), Flag.withDefault("{}")),
    file: Flag.String("rules-file").pipe(
      Flag.withDescription("Rules from a file: JSON as {set: [...], remove: [...]}"),
      Flag.optional
    ),
    remove: Flag.String("remove").pipe(Flag.withDescription("A rule that would be removed; once for each"), Flag.atLeast(0)),
    days: Flag.Int("days").pipe(Flag.withDescription("Of how many days; 90 at most"), Flag.withDefault(7))
  },
  Effect.fn("cli.policy.rehearse")(function* ({ what, mode, where, file, remove, days }) {
    const given = Option.isSome(file)
      ? yield* Effect.try({
          try: () => JSON.parse(readFileSync(file.value, "utf8")) as Record<string, unknown>,
          catch: (cause) =>
            usage(`--rules-file cannot be read: ${(cause as Error).message}`, "It is JSON as {set: [...], remove: [...]}.")
        })
      : what === ""
        ? { remove }
        : { set: [{ ...(yield* namesOf(what)), mode, pins: yield* constraintsFrom(where) }], remove }
    const { json, value } = yield* ask("POST", "/v1/policy/rehearse", Rehearsal, { body: { ...given, days } })
    yield* answer(json, () =>
      [
        fields([
          ["looked at", `${value.looked} calls of ${value.days} days`],
          ["would change", String(value.changed)],
          ["unknown", value.unknown === 0 ? null : `${value.unknown}, which depend on arguments that were not kept`],
          ...Object.entries(value.changes).map(([way, count]) => [way, String(count)] as const)
        ]),
        "",
        table(
          ["CALL", "ACTION", "BEFORE", "AFTER", "BECAUSE", "ARGUMENTS"],
          value.calls.map(({ callId, integration, action, before, after, because, params }) => [
            callId,
            `${integration}.${action}`,
            before,
            after,
            because,
            oneLine(JSON.stringify(params), 60)
          ]),
          "Nothing would change."
        )
      ].join("\n")
    )
  })
).pipe(Command.withDescription("What other rules would have done to the calls of the last days; nothing is saved"))

export const policy = Command.make("policy").pipe(
  Command.withDescription(
    "What becomes of calls: allow runs them, ask and alwaysAsk ask a person, deny refuses. Without a rule reads run, writes are asked about, what is dangerous is denied."
  ),
  Command.withSubcommands([show, set, remove, explain, rehearse])
)
