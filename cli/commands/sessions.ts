/** `proliferate sessions …`: agents at work, each in a sandbox of its own. */
import { Command } from "effect/cli"
import { archive, rename, unarchive } from "./sessions/archive.ts"
import { attach } from "./sessions/attach.ts"
import { create } from "./sessions/create.ts"
import { diff } from "./sessions/diff.ts"
import { evidence } from "./sessions/evidence.ts"
import { interrupt, pause, resume, start, stop } from "./sessions/lifecycle.ts"
import { list, show } from "./sessions/list.ts"
import { logs } from "./sessions/logs.ts"
import { model } from "./sessions/model.ts"
import { pr } from "./sessions/pr.ts"
import { prompt } from "./sessions/prompt.ts"
import { pull } from "./sessions/pull.ts"

export const sessions = Command.make("sessions").pipe(
  Command.withDescription("A session is an agent in a sandbox of its own that holds the repositories of a configuration."),
  Command.withSubcommands([
    create,
    list,
    show,
    attach,
    prompt,
    model,
    start,
    interrupt,
    pause,
    resume,
    stop,
    rename,
    archive,
    unarchive,
    logs,
    diff,
    evidence,
    pull,
    pr
  ]),
  Command.withExamples([
    {
      command: 'proliferate sessions create --configuration web --prompt "Fix the login test." --attach',
      description: "Start work and watch it"
    },
    { command: "proliferate sessions list", description: "What runs" }
  ])
)
