/** `proliferate machines …`: the state machines that everything runs on, drawn from themselves. */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { usage } from "../failure.ts"
import { Json } from "../output.ts"
import { runInPackage } from "../package.ts"

const program = "cli/chart.ts"

const list = Command.make(
  "list",
  {},
  Effect.fn("cli.machines.list")(function* () {
    yield* runInPackage(program, ["list", ...((yield* Json) ? ["--json"] : [])])
  })
).pipe(Command.withDescription("The machines there are, with how many states and transitions each has"), Command.withAlias("ls"))

const render = Command.make(
  "render",
  {
    name: Argument.String("machine").pipe(Argument.withDescription("Its name, as `machines list` shows it: session")),
    svg: Flag.Boolean("svg").pipe(Flag.withDescription("As an SVG file of its own (the default)"), Flag.withDefault(false)),
    mermaid: Flag.Boolean("mermaid").pipe(
      Flag.withDescription("As a mermaid state diagram, for places that show those"),
      Flag.withDefault(false)
    ),
    dark: Flag.Boolean("dark").pipe(
      Flag.withDescription("Always dark; without --dark and --light, as whoever looks at it has it"),
      Flag.withDefault(false)
    ),
    light: Flag.Boolean("light").pipe(Flag.withDescription("Always light"), Flag.withDefault(false)),
    out: Flag.String("out").pipe(Flag.withDescription("Write to this file instead of stdout"), Flag.optional)
  },
  Effect.fn("cli.machines.render")(function* ({ name, svg, mermaid, dark, light, out }) {
    if (svg && mermaid) return yield* usage("--svg and --mermaid are two drawings", "Choose one of them.")
    if (dark && light) return yield* usage("--dark and --light exclude each other", "Leave both out to follow the reader.")
    const theme = dark ? "dark" : light ? "light" : "reader's"
    yield* runInPackage(program, ["render", name, mermaid ? "mermaid" : "svg", theme, ...Option.toArray(out)])
  })
).pipe(
  Command.withShortDescription("Draw a machine"),
  Command.withDescription(
    "Draws a machine from the object that runs: its states within one another, requests and facts, deadlines with their times, conditions, and the commands that each step raises. The same machine gives the same bytes."
  ),
  Command.withExamples([
    { command: "proliferate machines render session --svg --out session.svg", description: "For a browser" },
    { command: "proliferate machines render session --mermaid", description: "For a page that shows mermaid" }
  ])
)

export const machines = Command.make("machines").pipe(
  Command.withDescription(
    "Every actor is a state machine; these commands draw it from the code that runs. They need the whole package."
  ),
  Command.withSubcommands([list, render])
)
