/** The shells that this command can be completed in, and how a call that asks for it becomes the flag that prints it. */
export const shells = ["bash", "zsh", "fish"] as const

/** `completion bash` as the flag that does it, which knows the whole tree of commands; anything else as it is. */
export const asFlag = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.length === 2 && args[0] === "completion" && (shells as ReadonlyArray<string>).includes(args[1]!)
    ? ["--completions", args[1]!]
    : args
