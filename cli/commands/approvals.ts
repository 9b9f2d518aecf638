/** `proliferate approvals …`: look at what an agent asked for, and decide it. */
import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { usage } from "../failure.ts"
import { answer } from "../output.ts"
import { callId, detailText, pathOf, Waiting } from "./approvals/shared.ts"
import { constraintsFrom, lastsMsOf, ttl } from "./grants/shared.ts"

const reason = Flag.String("reason").pipe(Flag.withDescription("Why: the agent reads it"))

const show = Command.make(
  "show",
  { id: callId },
  Effect.fn("cli.approvals.show")(function* ({ id }) {
    const { json, value } = yield* ask("GET", pathOf(id), Waiting)
    yield* answer(json, () => detailText(value))
  })
).pipe(Command.withDescription("A call whole: its arguments, how it came to wait, what became of it"))

const approve = Command.make(
  "approve",
  {
    id: callId,
    once: Flag.Boolean("once").pipe(Flag.withDescription("This call and no other"), Flag.withDefault(false)),
    grant: Flag.Boolean("grant").pipe(
      Flag.withDescription(
        "This call, and lend what lets the same run again: this action with these arguments in this session, once more"
      ),
      Flag.withDefault(false)
    ),
    always: Flag.Boolean("always").pipe(
      Flag.withDescription("This call, and write a rule: the action runs without asking, in all of the organisation"),
      Flag.withDefault(false)
    ),
    scope: Flag.Literals("scope", ["session", "configuration", "automation", "organisation"]).pipe(
      Flag.withDescription("With --grant: wider than this session"),
      Flag.optional
    ),
    maxCalls: Flag.Int("max-calls").pipe(
      Flag.withDescription("With --grant: for how many calls, this one counted"),
      Flag.optional
    ),
    unlimited: Flag.Boolean("unlimited").pipe(
      Flag.withDescription("With --grant: for any number of calls"),
      Flag.withDefault(false)
    ),
    ttl,
    pin: Flag.String("pin").pipe(
      Flag.withDescription("With --grant: an argument that stays as it is; once for each, all if not given"),
      Flag.atLeast(0)
    ),
    where: Flag.String("where").pipe(
      Flag.withDescription('With --grant: constraints of your own, such as {"project":"api"}, or a list of {path, op, value}'),
      Flag.optional
    ),
    anyAction: Flag.Boolean("any-action").pipe(
      Flag.withDescription("With --grant: for every write of the integration"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.approvals.approve")(function* ({
    id,
    once,
    grant,
    always,
    scope,
    maxCalls,
    unlimited,
    ttl,
    pin,
    where,
    anyAction
  }) {
    if ([once, grant, always].filter(Boolean).length !== 1)
      return yield* usage("one of --once, --grant and --always", "--once approves this call and nothing else.")
    const wider = {
      ...(Option.isSome(scope) && { scope: scope.value }),
      ...(Option.isSome(maxCalls) && { usesMax: maxCalls.value }),
      ...(unlimited && { usesMax: null }),
      ...(Option.isSome(ttl) && { lastsMs: yield* lastsMsOf(ttl.value) }),
      ...(pin.length > 0 && { pins: pin }),
      ...(Option.isSome(where) && { constraints: yield* constraintsFrom(where.value) }),
      ...(anyAction && { action: "*" })
    }
    if (!grant && Object.keys(wider).length > 0)
      return yield* usage("these flags say what a grant is", "Add --grant, or leave them out.")
    const body = { as: once ? "once" : grant ? "grant" : "always", ...(grant && { grant: wider }) }
    const schema = Schema.Struct({ ...Waiting.fields, said: Schema.String })
    const { json, value } = yield* ask("POST", pathOf(id, "/approve"), schema, { body })
    yield* answer(json, () => `${value.integration}.${value.action} (${id}) is ${value.said}.`)
  })
).pipe(
  Command.withShortDescription("Let a call run"),
  Command.withDescription("Approves a call that waits: it runs at once. Exit 3 if somebody decided it before, 4 if it is over."),
  Command.withExamples([
    { command: "proliferate approvals approve apr_01 --once", description: "This one" },
    {
      command: "proliferate approvals approve apr_01 --grant --max-calls 5 --pin project --ttl 2h",
      description: "And four more in that project, for two hours"
    }
  ])
)

const ending = (verb: "deny" | "revoke", done: string, description: string) =>
  Command.make(
    verb,
    { id: callId, reason },
    Effect.fn(`cli.approvals.${verb}`)(function* ({ id, reason }) {
      const { json } = yield* ask("POST", pathOf(id, `/${verb}`), Waiting, { body: { reason } })
      yield* answer(json, () => `${id} is ${done}; the agent is told why.`)
    })
  ).pipe(Command.withDescription(description))

const settle = Command.make(
  "settle",
  {
    id: callId,
    as: Flag.Literals("as", ["completed", "failed"]).pipe(Flag.withDescription("Whether it took effect, as you found out")),
    note: Flag.String("note").pipe(Flag.withDescription("How you know"))
  },
  Effect.fn("cli.approvals.settle")(function* ({ id, ...body }) {
    const { json } = yield* ask("POST", pathOf(id, "/settle"), Waiting, { body })
    yield* answer(json, () => `${id} is settled: it ${body.as === "completed" ? "took effect" : "did not take effect"}.`)
  })
).pipe(Command.withDescription("Says what came of a call of which nobody knows whether it took effect"))

export const approvals = Command.make("approvals").pipe(
  Command.withDescription("Calls of agents that wait for a person. `proliferate inbox` lists them."),
  Command.withSubcommands([
    show,
    approve,
    ending("deny", "denied", "Says no to a call that waits"),
    ending("revoke", "revoked", "Stops a call that was approved and is not dispatched yet"),
    settle
  ])
)
