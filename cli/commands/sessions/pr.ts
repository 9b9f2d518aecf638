import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask } from "../../api.ts"
import { answer } from "../../output.ts"
import { pathOf, sessionId } from "./session.ts"

const Opened = Schema.Struct({
  url: Schema.String,
  number: Schema.Int,
  existed: Schema.Boolean,
  branch: Schema.String,
  base: Schema.String
})

export const pr = Command.make(
  "pr",
  {
    id: sessionId,
    title: Flag.String("title").pipe(Flag.withDescription("Its title; that of the session if not given"), Flag.optional),
    body: Flag.String("body").pipe(Flag.withDescription("What it says below its title"), Flag.optional),
    base: Flag.String("base").pipe(
      Flag.withDescription("The branch that the work shall go into; the repository's own if not given"),
      Flag.optional
    ),
    draft: Flag.Boolean("draft").pipe(Flag.withDescription("Open it as a draft"), Flag.withDefault(false)),
    repository: Flag.String("repository").pipe(
      Flag.withDescription("Where the repository lies in the session's workspace, if that holds several"),
      Flag.optional
    )
  },
  Effect.fn("cli.sessions.pr")(function* ({ id, title, body, base, draft, repository }) {
    const request = {
      ...(Option.isSome(title) && { title: title.value }),
      ...(Option.isSome(body) && { body: body.value }),
      ...(Option.isSome(base) && { base: base.value }),
      ...(Option.isSome(repository) && { path: repository.value }),
      draft
    }
    const { json, value } = yield* ask("POST", pathOf(id, "/pull-request"), Opened, { body: request })
    yield* answer(json, () => (value.existed ? `It was open already: ${value.url}` : value.url))
  })
).pipe(
  Command.withShortDescription("Open a pull request from a session's branch"),
  Command.withDescription(
    "Proposes the branch that the session pushed; its commits are authored as the person who started the session. The branch must have been pushed and differ from the base. Where the host of the repository is not connected to the server it says so and prints the address at which to open one by hand."
  ),
  Command.withExamples([
    { command: 'proliferate sessions pr ses_01 --title "Fix the login test" --draft', description: "To look at it first" }
  ])
)
