/** `proliferate completion SHELL`: what a shell needs to complete this command. main.ts turns the call into the flag that prints it. */
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"

export const shells = ["bash", "zsh", "fish"] as const

/** `completion bash` as the flag that does it, which knows the whole tree of commands; anything else as it is. */
export const asFlag = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.length === 2 && args[0] === "completion" && (shells as ReadonlyArray<string>).includes(args[1]!)
    ? ["--completions", args[1]!]
    : args

export const completion = Command.make(
  "completion",
  { shell: Argument.Literals("shell", shells).pipe(Argument.withDescription("Which shell: bash, zsh or fish")) },
  () => Effect.void
).pipe(
  Command.withShortDescription("Print what your shell needs to complete this command"),
  Command.withDescription("Prints a script for a shell. Once it has read it, Tab completes commands, flags and their values."),
  Command.withExamples([
    { command: "source <(proliferate completion bash)", description: "In ~/.bashrc; for zsh the same in ~/.zshrc" },
    { command: "proliferate completion fish > ~/.config/fish/completions/proliferate.fish", description: "For fish" }
  ])
)
