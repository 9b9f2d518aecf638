import { randomUUID } from "node:crypto"
import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { SessionView } from "../../../adapters/gateway/protocol.ts"
import { ask, ownConnection } from "../../api.ts"
import { usage } from "../../failure.ts"
import { newId } from "../../follow.ts"
import { answer, Json, remark } from "../../output.ts"
import { attachTo } from "./attach.ts"
import { viewText } from "./session.ts"

const Configurations = Schema.Struct({
  configurations: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String }))
})

/** An id, or the name of a configuration of this organisation. */
const configurationIdOf = Effect.fnUntraced(function* (nameOrId: string) {
  const { value } = yield* ask("GET", "/v1/configurations", Configurations)
  const found = value.configurations.find(({ id, name }) => id === nameOrId || name === nameOrId)
  if (found) return found.id
  return yield* usage(
    `there is no configuration ${nameOrId}`,
    value.configurations.length === 0
      ? "Make one: `proliferate configurations create --name NAME --repo REPOSITORY`."
      : `There ${value.configurations.length === 1 ? "is" : "are"}: ${value.configurations.map(({ name }) => name).join(", ")}.`
  )
})

export const create = Command.make(
  "create",
  {
    configuration: Flag.String("configuration").pipe(
      Flag.withAlias("c"),
      Flag.withDescription("Name or id of the configuration to run")
    ),
    title: Flag.String("title").pipe(Flag.withDescription("What lists call it"), Flag.optional),
    prompt: Flag.String("prompt").pipe(
      Flag.withAlias("p"),
      Flag.withDescription("First thing the agent is asked"),
      Flag.optional
    ),
    agent: Flag.String("agent").pipe(Flag.withDescription("Another agent than the configuration's"), Flag.optional),
    model: Flag.String("model").pipe(
      Flag.withDescription("Model for the agent, as `agents list` shows them; the server's first if not given"),
      Flag.optional
    ),
    unattended: Flag.Boolean("unattended").pipe(
      Flag.withDescription("Nobody watches: it pauses sooner when it has nothing to do"),
      Flag.withDefault(false)
    ),
    noStart: Flag.Boolean("no-start").pipe(
      Flag.withDescription("Boot nothing yet: the first prompt, or `sessions start`, does"),
      Flag.withDefault(false)
    ),
    attach: Flag.Boolean("attach").pipe(
      Flag.withAlias("a"),
      Flag.withDescription("Watch and steer it at once"),
      Flag.withDefault(false)
    ),
    idempotencyKey: Flag.String("idempotency-key").pipe(
      Flag.withDescription("The same key and flags again give the same session, not a second one"),
      Flag.optional
    )
  },
  Effect.fn("cli.sessions.create")(function* ({
    configuration,
    title,
    prompt,
    agent,
    model,
    unattended,
    noStart,
    attach,
    idempotencyKey
  }) {
    if (noStart && Option.isSome(prompt)) return yield* usage("a prompt starts its session", "Leave --no-start or --prompt out.")
    const configurationId = yield* configurationIdOf(configuration)
    const key = Option.getOrElse(idempotencyKey, () => randomUUID())
    const promptId = Option.isSome(idempotencyKey) ? `${key}:prompt`.replace(/[^A-Za-z0-9_.:-]/g, "_").slice(-128) : newId()
    const { json, value, status } = yield* ask("POST", "/v1/sessions", SessionView, {
      headers: { "idempotency-key": key },
      body: {
        configurationId,
        ...(Option.isSome(title) && { title: title.value }),
        ...(Option.isSome(prompt) && { prompt: { id: promptId, text: prompt.value } }),
        ...(Option.isSome(agent) && { agent: agent.value }),
        ...(Option.isSome(model) && { model: model.value }),
        ...(unattended && { attended: false }),
        ...(noStart && { start: false })
      }
    })
    if (attach)
      return yield* attachTo(yield* ownConnection, value.id, {
        from: "start",
        json: yield* Json,
        exitWhen: "stopped",
        takesInput: true
      })
    yield* answer(json, () => viewText(value))
    if (status === 200) yield* remark("It was there already: the same key made it before.")
    if (!(yield* Json)) yield* remark(`\nWatch it: proliferate sessions attach ${value.id}`)
  })
).pipe(
  Command.withShortDescription("Start an agent on a configuration's repositories"),
  Command.withDescription(
    "Creates a session: an agent in a sandbox of its own that holds the configuration's repositories. It starts at once and works on its own; attach to watch and steer it."
  ),
  Command.withExamples([
    {
      command: 'proliferate sessions create -c web --prompt "The login test fails. Find out why and fix it." --attach',
      description: "Start work and watch it"
    },
    {
      command: "proliferate sessions create -c web --idempotency-key nightly-2025-06-01",
      description: "From a script that may be run twice"
    }
  ])
)
