import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"

/** Started by the daemon in a sandbox; people choose it as `--agent scripted`, so help does not list it. */
const scripted = Command.make(
  "scripted",
  {
    script: Flag.Literals("script", ["fix", "recall", "steps"]).pipe(
      Flag.withDescription("The script of every prompt; chosen by what the prompt says if not given"),
      Flag.optional
    ),
    pace: Flag.Int("pace").pipe(Flag.withDescription("Milliseconds between two pieces of what it says"), Flag.withDefault(15))
  },
  Effect.fn("cli.agent.scripted")(function* ({ script, pace }) {
    const { scriptedAgent } = yield* Effect.promise(() => import("../../adapters/agent/scripted/agent.ts"))
    yield* scriptedAgent({ script: Option.getOrNull(script), paceMs: pace })
  })
).pipe(Command.withDescription("An ACP agent on stdin and stdout that follows a script instead of a model"))

export const agent = Command.make("agent").pipe(
  Command.withDescription("Agents that come with this command"),
  Command.withSubcommands([scripted]),
  Command.unlisted
)
