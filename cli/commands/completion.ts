/** `proliferate completion SHELL`: what a shell needs to complete this command. main.ts turns the call into the flag that prints it. */
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { shells } from "../completions.ts"

export const completion = Command.make(
  "completion",
  { shell: Argument.Literals("shell", shells).pipe(Argument.withDescription("Which shell: bash, zsh or fish")) },
  () => Effect.void
).pipe(
  Command.withDescription("Prints a script for a shell. Once it has read it, Tab completes commands, flags and their values."),
  Command.withExamples([
    { command: "source <(proliferate completion bash)", description: "In ~/.bashrc; for zsh the same in ~/.zshrc" },
    { command: "proliferate completion fish > ~/.config/fish/completions/proliferate.fish", description: "For fish" }
  ])
)
