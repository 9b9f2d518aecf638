import { Effect, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { Work } from "../../actors/services/installations.ts"
import { ask } from "../api.ts"
import { Failed } from "../failure.ts"
import { answer, fields, Json, remark, table } from "../output.ts"

const Agent = Schema.Struct({
  name: Schema.String,
  title: Schema.String,
  version: Schema.NullOr(Schema.String),
  state: Schema.String,
  message: Schema.NullOr(Schema.String),
  models: Schema.Array(Schema.String),
  work: Schema.NullOr(Work)
})

const lookMs = 500
/** Longer than the server lets an installation take. */
const waitMs = 20 * 60_000

const name = Argument.String("name").pipe(Argument.withDescription("Name of the agent, as `agents list` shows it"))
const pathOf = (agent: string, rest = "") => `/v1/agents/${encodeURIComponent(agent)}${rest}`

/** Begins it on the server, shows how far it is, and answers with how it ended. */
const carryOut = Effect.fnUntraced(function* (kind: "install" | "check", agent: string) {
  const begun = yield* ask("POST", pathOf(agent, `/${kind}`), Agent)
  const isQuiet = yield* Json
  let told = ""
  let last = begun
  while (last.value.work?.state === "running") {
    const { message } = last.value.work
    if (message !== told && !isQuiet) yield* remark(message)
    told = message
    yield* Effect.sleep(lookMs)
    last = yield* ask("GET", pathOf(agent), Agent)
  }
  const { work } = last.value
  if (work === null)
    return yield* new Failed({
      exit: "failure",
      what: `the server was restarted while ${agent} was worked on`,
      todo: `Try again: \`proliferate agents ${kind} ${agent}\`.`
    })
  if (work.state === "failed")
    return yield* new Failed({
      exit: "failure",
      what: work.message,
      todo: `When that is mended: \`proliferate agents ${kind} ${agent}\`.`
    })
  return { ...last, work }
})

const limited = (agent: string) =>
  Effect.timeoutOrElse({
    duration: waitMs,
    orElse: () =>
      Effect.fail(
        new Failed({
          exit: "pending",
          what: `${agent} is worked on still`,
          todo: "`proliferate agents list` says how far it is."
        })
      )
  })

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.agents.list")(function* () {
    const { json, value } = yield* ask("GET", "/v1/agents", Schema.Struct({ agents: Schema.Array(Agent) }))
    yield* answer(json, () =>
      table(
        ["AGENT", "VERSION", "STATE", "MODELS", "WHAT"],
        value.agents.map(({ name, title, version, state, message, models, work }) => [
          name,
          version ?? "",
          work?.state === "running" ? `${work.kind}: ${work.message}` : state,
          models.length > 3 ? `${models.slice(0, 3).join(", ")} and ${models.length - 3} more` : models.join(", "),
          message ?? title
        ]),
        "There are no agents."
      )
    )
  })
).pipe(Command.withDescription("The agents that sessions may run, and what each still needs"), Command.withAlias("ls"))

const install = Command.make(
  "install",
  { name },
  Effect.fn("cli.agents.install")(function* ({ name }) {
    const { json, value, work } = yield* carryOut("install", name).pipe(limited(name))
    yield* answer(json, () => [work.message, ...(value.message === null ? [] : [value.message])].join("\n"))
  })
).pipe(
  Command.withShortDescription("Put an agent on the server's host"),
  Command.withDescription(
    "The server fetches the agent's packages from npm, at the version that this proliferate was made for, into its data directory; every sandbox sees them, read-only. It takes from seconds to minutes and up to 460 MB. For administrators."
  )
)

const check = Command.make(
  "check",
  { name },
  Effect.fn("cli.agents.check")(function* ({ name }) {
    const { json, work } = yield* carryOut("check", name).pipe(limited(name))
    const { report } = work
    yield* answer(json, () =>
      report === null
        ? work.message
        : fields([
            ["agent", name],
            ["program", report.program || "it does not say what it is"],
            ["ready in", `${(report.readyMs / 1_000).toFixed(2)} s`],
            ["loads earlier conversations", report.abilities.includes("load") ? "yes" : "no: after a pause it remembers nothing"],
            ["takes images", report.abilities.includes("images") ? "yes" : "no: they are put beside its workspace as files"],
            ["model", report.model ?? "its own business"]
          ])
    )
  })
).pipe(
  Command.withShortDescription("Start an agent for real, in a sandbox that is thrown away"),
  Command.withDescription(
    "Makes a sandbox, starts the agent in it, hears what it is and can do, and destroys both. It asks no model anything. For administrators."
  )
)

export const agents = Command.make("agents").pipe(
  Command.withDescription(
    "The programs that think and act in sessions: opencode, claude, codex, the scripted one, and whatever agents.json in the server's data directory describes."
  ),
  Command.withSubcommands([list, install, check]),
  Command.withExamples([
    { command: "proliferate agents install opencode", description: "Once, on a new server" },
    { command: "proliferate agents check opencode", description: "Does it run here?" }
  ])
)
