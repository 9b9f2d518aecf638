/** `proliferate grants …`: what agents may do without being asked about each time, for a while. */
import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../api.ts"
import { usage } from "../failure.ts"
import { ago, answer, fields, oneLine, table } from "../output.ts"
import { constraintsFrom, constraintText, Grant, grantText, lastsMsOf } from "./grants/shared.ts"
import { Principal } from "./whoami.ts"

const Request = Schema.Struct({
  id: Schema.String,
  sessionId: Schema.String,
  status: Schema.String,
  reason: Schema.String,
  draft: Schema.Struct({ ...Grant.fields, id: Schema.optionalKey(Schema.String) }).mapFields(
    ({ scope, integration, action, constraints, usesMax }) => ({ scope, integration, action, constraints, usesMax })
  ),
  createdAtMs: Schema.Finite
})

const list = Command.make(
  "list",
  {
    ended: Flag.Boolean("ended").pipe(
      Flag.withDescription("Those that are spent, expired or revoked as well"),
      Flag.withDefault(false)
    ),
    requests: Flag.Boolean("requests").pipe(Flag.withDescription("What agents asked to be lent"), Flag.withDefault(false))
  },
  Effect.fn("cli.grants.list")(function* ({ ended, requests }) {
    if (requests) {
      const { json, value } = yield* ask("GET", "/v1/grant-requests", Schema.Struct({ requests: Schema.Array(Request) }))
      return yield* answer(json, () =>
        table(
          ["REQUEST", "ASKED", "SESSION", "FOR", "USES", "WHERE", "WHY"],
          value.requests.map(({ id, createdAtMs, sessionId, draft, reason }) => [
            id,
            ago(createdAtMs),
            sessionId,
            `${draft.integration}.${draft.action}`,
            String(draft.usesMax ?? "any number"),
            draft.constraints.map(constraintText).join(", "),
            oneLine(reason, 60)
          ]),
          "No agent waits for a grant."
        )
      )
    }
    const path = `/v1/grants${ended ? "?ended=true" : ""}`
    const { json, value } = yield* ask("GET", path, Schema.Struct({ grants: Schema.Array(Grant) }))
    yield* answer(json, () =>
      table(["GRANT", "COVERS", "USES", "ENDS", "WHERE"], value.grants.map(grantText), "Nothing is lent.")
    )
  })
).pipe(Command.withDescription("What is lent now, or with --requests what agents asked for"), Command.withAlias("ls"))

const drafting = {
  integration: Flag.String("integration").pipe(Flag.withDescription("The service, such as github"), Flag.optional),
  action: Flag.String("action").pipe(Flag.withDescription("The action, or * for every write of it"), Flag.optional),
  session: Flag.String("session").pipe(Flag.withDescription("For calls of this session"), Flag.optional),
  configuration: Flag.String("configuration").pipe(
    Flag.withDescription("For calls of sessions of this configuration"),
    Flag.optional
  ),
  automation: Flag.String("automation").pipe(Flag.withDescription("For calls of this automation"), Flag.optional),
  organisation: Flag.Boolean("organisation").pipe(Flag.withDescription("For calls of all sessions"), Flag.withDefault(false)),
  where: Flag.String("where").pipe(
    Flag.withDescription('Only for these arguments: {"project":"api"}, or a list of {path, op, value}'),
    Flag.withDefault("{}")
  ),
  maxCalls: Flag.Int("max-calls").pipe(Flag.withDescription("For how many calls; any number if not given"), Flag.optional),
  ttl: Flag.String("ttl").pipe(Flag.withDescription("How long: 90s, 30m, 8h or 30d"), Flag.withDefault("8h"))
}
interface Given {
  readonly integration: Option.Option<string>
  readonly action: Option.Option<string>
  readonly session: Option.Option<string>
  readonly configuration: Option.Option<string>
  readonly automation: Option.Option<string>
  readonly organisation: boolean
  readonly where: string
  readonly maxCalls: Option.Option<number>
  readonly ttl: string
}

const draftOf = Effect.fnUntraced(function* ({
  integration,
  action,
  session,
  configuration,
  automation,
  organisation,
  where,
  maxCalls,
  ttl
}: Given) {
  if (Option.isNone(integration) || Option.isNone(action))
    return yield* usage("which action?", "Name it: --integration github --action create_issue.")
  const scopes = [
    ["session", session],
    ["configuration", configuration],
    ["automation", automation]
  ] as const
  const named = scopes.filter(([, id]) => Option.isSome(id))
  if (named.length + (organisation ? 1 : 0) !== 1)
    return yield* usage(
      "one of --session, --configuration, --automation and --organisation",
      "A grant is for calls of one scope."
    )
  const [type, id] = named[0] ?? ["organisation", Option.none()]
  const org = Option.isSome(id) ? id.value : (yield* ask("GET", "/v1/whoami", Principal)).value.organisation.id
  return {
    scope: { type, id: org },
    integration: integration.value,
    action: action.value,
    constraints: yield* constraintsFrom(where),
    usesMax: Option.getOrNull(maxCalls),
    lastsMs: yield* lastsMsOf(ttl)
  }
})

const create = Command.make(
  "create",
  {
    ...drafting,
    request: Flag.String("request").pipe(Flag.withDescription("Lend what this request of an agent asks for"), Flag.optional),
    parent: Flag.String("parent").pipe(Flag.withDescription("The grant that it is narrower than, and ends with"), Flag.optional)
  },
  Effect.fn("cli.grants.create")(function* ({ request, parent, ...given }) {
    const asked = Option.isSome(request)
      ? yield* ask("GET", "/v1/grant-requests", Schema.Struct({ requests: Schema.Array(Request) })).pipe(
          // As it was asked, to the letter: what is shown of it may lack some.
          Effect.map(({ json }) => (json as { readonly requests: ReadonlyArray<typeof Request.Type> }).requests),
          Effect.map((requests) => requests.find(({ id }) => id === request.value))
        )
      : undefined
    if (Option.isSome(request) && asked === undefined)
      return yield* usage(`no request ${request.value} is open`, "`proliferate grants list --requests` shows those that are.")
    const draft = asked === undefined ? yield* draftOf(given) : { ...asked.draft, lastsMs: yield* lastsMsOf(given.ttl) }
    const body = {
      draft,
      ...(asked !== undefined && { requestId: asked.id }),
      ...(Option.isSome(parent) && { parentId: parent.value })
    }
    const { json, value } = yield* ask("POST", "/v1/grants", Grant, { body })
    yield* answer(json, () => `${value.id} is lent: ${grantText(value).slice(1).filter(Boolean).join(", ")}`)
  })
).pipe(
  Command.withShortDescription("Lend a permission"),
  Command.withDescription(
    "Lets calls that fit run without asking each time. A dangerous action is asked about each time all the same."
  ),
  Command.withExamples([
    {
      command: `proliferate grants create --integration linear --action add_comment --session ses_01 --max-calls 10 --ttl 2h`,
      description: "Ten comments of one session, for two hours"
    },
    { command: "proliferate grants create --request grq_01", description: "What an agent asked for" }
  ])
)

const refuse = Command.make(
  "refuse",
  {
    request: Argument.String("request").pipe(Argument.withDescription("The request, such as grq_01")),
    reason: Flag.String("reason").pipe(Flag.withDescription("Why: the agent reads it"))
  },
  Effect.fn("cli.grants.refuse")(function* ({ request, reason }) {
    const path = `/v1/grant-requests/${encodeURIComponent(request)}/deny`
    const { json } = yield* ask("POST", path, Request, { body: { reason } })
    yield* answer(json, () => `${request} is refused.`)
  })
).pipe(Command.withDescription("Says no to a request of an agent"))

const revoke = Command.make(
  "revoke",
  { grant: Argument.String("grant").pipe(Argument.withDescription("The grant, such as grt_01")) },
  Effect.fn("cli.grants.revoke")(function* ({ grant }) {
    const schema = Schema.Struct({ ended: Schema.Array(Schema.String), stopped: Schema.Int })
    const { json, value } = yield* ask("POST", `/v1/grants/${encodeURIComponent(grant)}/revoke`, schema, { body: {} })
    yield* answer(json, () =>
      value.ended.length === 0
        ? `${grant} had ended before.`
        : `${value.ended.join(", ")} ended; ${value.stopped} call${value.stopped === 1 ? "" : "s"} that would have run under it ${value.stopped === 1 ? "was" : "were"} stopped.`
    )
  })
).pipe(Command.withDescription("Ends a grant and those that were narrowed from it, and stops what was not dispatched under them"))

const Preview = Schema.Struct({
  days: Schema.Int,
  looked: Schema.Int,
  covered: Schema.Int,
  waited: Schema.Int,
  unknown: Schema.Int,
  calls: Schema.Array(
    Schema.Struct({
      callId: Schema.String,
      integration: Schema.String,
      action: Schema.String,
      status: Schema.String,
      params: Schema.Unknown,
      createdAtMs: Schema.Finite
    })
  )
})

const preview = Command.make(
  "preview",
  { ...drafting, days: Flag.Int("days").pipe(Flag.withDescription("Of how many days; 90 at most"), Flag.withDefault(30)) },
  Effect.fn("cli.grants.preview")(function* ({ days, ...given }) {
    const draft = yield* draftOf(given)
    const { json, value } = yield* ask("POST", "/v1/grants/preview", Preview, { body: { draft, days } })
    yield* answer(json, () =>
      [
        fields([
          ["looked at", `${value.looked} calls of ${value.days} days`],
          ["would have run", `${value.covered}, about ${value.waited} of which a person was asked`],
          ["unknown", value.unknown === 0 ? null : `${value.unknown}, which depend on arguments that were not kept`]
        ]),
        "",
        table(
          ["CALL", "ASKED", "ACTION", "STATUS", "ARGUMENTS"],
          value.calls.map(({ callId, createdAtMs, integration, action, status, params }) => [
            callId,
            ago(createdAtMs),
            `${integration}.${action}`,
            status,
            oneLine(JSON.stringify(params), 80)
          ]),
          "None of them would have run under it."
        )
      ].join("\n")
    )
  })
).pipe(Command.withDescription("What a grant would have let run, had it been there; nothing is lent"))

export const grants = Command.make("grants").pipe(
  Command.withDescription(
    "A grant lets calls that fit run without asking each time: so many, so long, in one scope, for some arguments."
  ),
  Command.withSubcommands([list, create, revoke, refuse, preview])
)
