/**
 * The `proliferate` command. Every subcommand is a file of commands/; this one mounts them (commands.ts), says how they fail (failure.ts), and
 * decides the exit code. Bundled into one file it runs anywhere node does, without node_modules: on laptops and in sandboxes.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Exit, Logger } from "effect"
import { CliConfig, CliError, CliOutput, Command, GlobalFlag } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import { commandsFor } from "./commands.ts"
import { asFlag } from "./completions.ts"
import { asJson, asText, exits, Failed, usage } from "./failure.ts"
import { Json } from "./output.ts"

const rootOf = (commands: Effect.Success<ReturnType<typeof commandsFor>>) =>
  Command.make("proliferate").pipe(
    Command.withDescription(
      "Runs coding agents in the background for a team. The server is found by PROLIFERATE_URL (http://127.0.0.1:8787 if unset); the token is PROLIFERATE_TOKEN or the file ~/.config/proliferate/token."
    ),
    Command.withSubcommands(commands),
    Command.withGlobalFlags([Json]),
    Command.withExamples([
      { command: "proliferate repos add https://github.com/acme/web.git", description: "1. Register a repository" },
      { command: "proliferate configurations create --name web --repo web", description: "2. Say what sessions get" },
      {
        command: 'proliferate sessions create -c web -p "Fix the login test." --attach',
        description: "3. Start an agent and watch it"
      }
    ])
  )

const asked = process.argv.slice(2)
const wantsJson = asked.includes("--json")

/** Help goes to stdout and only there; a mistake in the call goes to stderr and only there. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation" || (event._tag === "Help" && event.reason === "Implicit" && wantsJson)
      ? Effect.void
      : CliOutput.defaultPresenter.present(event)
}

/** A library's message in one sentence of ours. */
const said = (message: string): string =>
  message
    .replace(
      /\s*Did you mean this\?\s*(.+)$/s,
      (_, names: string) =>
        `; did you mean ${names
          .trim()
          .split(/\s*\n\s*/)
          .join(" or ")}?`
    )
    .replace("Schema validation failed: ", "")
    .replace(/\s*\n\s*/g, " ")
    .trim()

const misuse = ({ commandPath, errors }: CliError.ShowHelp): Failed | null => {
  const command = commandPath.join(" ")
  if (errors.length === 0)
    return wantsJson ? usage(`\`${command}\` needs a subcommand`, `\`${command} --help\` lists them.`) : null
  const [first] = errors
  return usage(said(first!.message), `\`${command} --help\` shows how it is used.`)
}

const failureOf = (cause: Cause.Cause<unknown>): Failed | null => {
  const error = Cause.squash(cause)
  if (error instanceof Failed) return error
  if (CliError.isCliError(error))
    return error._tag === "ShowHelp" ? misuse(error) : usage(error.message, "`proliferate --help` shows how it is used.")
  return new Failed({
    exit: "failure",
    what: `this is a fault of the command itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    todo: "Please report it, with what you typed."
  })
}

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exits.ok)
  throw error
})

const args = asFlag(asked)
commandsFor(args).pipe(
  Effect.flatMap(
    (commands): Effect.Effect<void, unknown, Command.Environment> =>
      Command.runWith(rootOf(commands), { version: manifest.version })(args)
  ),
  Effect.provideService(CliOutput.Presenter, presenter),
  Effect.provideService(
    CliConfig.CliConfig,
    CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })
  ),
  Effect.provide(NodeServices.layer),
  Effect.provideService(Logger.LogToStderr, true),
  Effect.exit,
  Effect.flatMap((exit) => {
    if (Exit.isSuccess(exit)) return Effect.succeed(Number(process.exitCode ?? exits.ok))
    if (Cause.hasInterruptsOnly(exit.cause)) return Effect.succeed(exits.interrupted)
    const failed = failureOf(exit.cause)
    if (failed === null) return Effect.succeed(exits.ok)
    return Effect.as(Console.error(wantsJson ? asJson(failed) : asText(failed)), exits[failed.exit])
  }),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) ? Number(exit.value) : exits.interrupted)
  })
)
