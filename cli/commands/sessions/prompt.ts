import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { ServerFrame } from "../../../adapters/gateway/protocol.ts"
import { call, ownConnection } from "../../api.ts"
import { type ExitName, Failed, usage } from "../../failure.ts"
import { endedInstead, follow, newId } from "../../follow.ts"
import { answer, Json } from "../../output.ts"
import { isOver, type TurnEnd, text as textOf, type View } from "../../view.ts"
import { bring } from "./attachments.ts"
import { pathOf, sessionId } from "./session.ts"

const promptBytesMax = 1024 * 1024

const Prompted = Schema.Struct({ promptId: Schema.String, rev: Schema.Int, duplicate: Schema.Boolean })

/** How a turn's end becomes an exit code; what is not here is a failure. */
const exitOfStop: Record<string, ExitName> = {
  end_turn: "ok",
  cancelled: "interrupted",
  refusal: "refused",
  removed: "refused",
  max_tokens: "limit",
  max_turn_requests: "limit"
}

const fromStdin = Effect.tryPromise({
  try: async () => {
    let text = ""
    for await (const chunk of process.stdin.setEncoding("utf8")) {
      text += chunk
      if (text.length > promptBytesMax) throw new Error("it is longer than 1 MB")
    }
    return text
  },
  catch: (cause) =>
    usage(`the prompt could not be read from stdin: ${(cause as Error).message}`, "Put long texts into a file of the repository.")
})

/** True for the frames of one turn: its own prompt, then everything until it ends. */
const isOfTurn = (turnId: string) => (frame: ServerFrame, view: View) =>
  frame.type === "refused" ||
  (frame.type === "event" &&
    (view.turnId === turnId || [textOf(frame.body, "turnId"), textOf(frame.body, "promptId")].includes(turnId)))

const outcome = (id: string, turnId: string, { stopReason, message }: TurnEnd): Failed | null => {
  const exit = exitOfStop[stopReason] ?? "failure"
  if (exit === "ok") return null
  return new Failed({
    exit,
    what: `the turn ended: ${stopReason}${message === null ? "" : ` (${message})`}`,
    todo: `\`proliferate sessions logs ${id}\` shows what happened; its prompt was ${turnId}.`
  })
}

export const prompt = Command.make(
  "prompt",
  {
    id: sessionId,
    text: Argument.String("text").pipe(Argument.withDescription("What to ask, or - to read it from stdin")),
    attach: Flag.String("attach").pipe(
      Flag.withDescription("A file for the agent to see, such as a screenshot: at most 8 MB; once for each, at most 10"),
      Flag.atLeast(0)
    ),
    wait: Flag.Boolean("wait").pipe(
      Flag.withAlias("w"),
      Flag.withDescription("Show the turn and leave when it has ended"),
      Flag.withDefault(false)
    ),
    timeout: Flag.Int("timeout").pipe(
      Flag.withDescription("With --wait: seconds to wait at most; then it leaves with 7 and the turn goes on"),
      Flag.withDefault(3600)
    ),
    promptId: Flag.String("id").pipe(Flag.withDescription("Id of your own: the same id again is not asked twice"), Flag.optional)
  },
  Effect.fn("cli.sessions.prompt")(function* ({ id, text, attach, wait, timeout, promptId }) {
    const [connection, json] = [yield* ownConnection, yield* Json]
    const asked = text === "-" ? yield* fromStdin : text
    const turnId = Option.getOrElse(promptId, newId)
    const attachments = yield* bring(connection, id, turnId, attach)
    const body = { id: turnId, text: asked, ...(attachments.length > 0 && { attachments }) }
    const post = call(connection, "POST", pathOf(id, "/prompts"), Prompted, { body }).pipe(
      Effect.mapError((failed) =>
        failed.exit === "unavailable"
          ? new Failed({ ...failed, what: failed.what, todo: `${failed.todo} With \`--id ${turnId}\` it is not asked twice.` })
          : failed
      )
    )
    if (!wait) {
      const { json: body, value } = yield* post
      return yield* answer(body, () => (value.duplicate ? `asked before: ${value.promptId}` : `asked: ${value.promptId}`))
    }
    // An id of the caller's may be of a turn long over: then the answer stands further up in the stream.
    let askedAt = Number.POSITIVE_INFINITY
    const from = Option.isSome(promptId) ? "start" : "now"
    const { view, detached } = yield* follow(connection, id, {
      from,
      json,
      first: Effect.map(post, ({ value }) => {
        askedAt = value.rev
      }),
      shows: isOfTurn(turnId),
      until: (view) => view.ended[turnId] !== undefined || isOver(view, askedAt)
    }).pipe(
      Effect.timeoutOrElse({
        duration: timeout * 1000,
        orElse: () =>
          Effect.fail(
            new Failed({
              exit: "pending",
              what: `the turn has not ended in ${timeout} s`,
              todo: `It goes on: \`proliferate sessions attach ${id}\` watches it.`
            })
          )
      })
    )
    const end = view.ended[turnId]
    if (end === undefined) return yield* detached === null ? endedInstead(id, view) : Effect.interrupt
    if (json) process.stdout.write(`${JSON.stringify({ type: "outcome", promptId: turnId, ...end })}\n`)
    const failure = outcome(id, turnId, end)
    if (failure !== null) return yield* failure
  })
).pipe(
  Command.withShortDescription("Ask a session's agent for something"),
  Command.withDescription(
    "Queues a prompt and returns as soon as it is stored. With --wait it shows the turn and leaves by its outcome: 0 it ended well, 130 it was interrupted, 3 the agent refused or the prompt was removed, 6 a limit of the agent, 7 not over in time, 1 anything else. A paused session is resumed for it."
  ),
  Command.withExamples([
    {
      command: 'proliferate sessions prompt ses_01 "The page looks like this." --attach page.png',
      description: "With a picture"
    },
    {
      command: 'proliferate sessions prompt ses_01 "Now add a test for it." --wait',
      description: "Ask, watch, and leave when it is done"
    },
    { command: "git diff | proliferate sessions prompt ses_01 - --wait", description: "The prompt comes from stdin" },
    { command: 'proliferate sessions prompt ses_01 "Bump the version." --id release-42', description: "Safe to run twice" }
  ])
)
