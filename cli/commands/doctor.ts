import { Effect } from "effect"
import { Command } from "effect/cli"
import { Json } from "../output.ts"
import { runInPackage } from "../package.ts"

export const doctor = Command.make(
  "doctor",
  {},
  Effect.fn("cli.doctor")(function* () {
    yield* runInPackage("cli/doctor/main.ts", (yield* Json) ? ["--json"] : [])
  })
).pipe(
  Command.withDescription(
    "Tries everything that a server needs or would like, without starting one: isolation, limits, database, disk, git, npm, agents. Says what each lack costs and how to mend it. Exit code 1 when `npm start` could not work here. It reads the same variables as the server does and shows no secret of theirs."
  ),
  Command.withExamples([{ command: "proliferate doctor", description: "Here, as the server would be started" }])
)
