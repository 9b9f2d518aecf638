import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask, type Connection, ownConnection } from "../../api.ts"
import { type Failed, usage } from "../../failure.ts"
import { endedInstead, follow } from "../../follow.ts"
import { Json, remark } from "../../output.ts"
import type { From } from "../../stream.ts"
import { isIdle, isOver, type View } from "../../view.ts"
import { pathOf, sessionId } from "./session.ts"

const exitWhens = ["idle", "ended", "stopped"] as const

interface Attaching {
  readonly from: From
  readonly json: boolean
  readonly exitWhen: (typeof exitWhens)[number]
  readonly takesInput: boolean
}

const isTime: Record<Attaching["exitWhen"], (view: View) => boolean> = {
  idle: isIdle,
  ended: isOver,
  stopped: (view) => isOver(view) && view.status === "stopped"
}

/** Why it failed is not in the stream: it is asked for. */
const withReason = (id: string, view: View) =>
  ask("GET", pathOf(id), Schema.Struct({ reason: Schema.NullOr(Schema.String) })).pipe(
    Effect.map(({ value }): View => ({ ...view, reason: value.reason })),
    Effect.orElseSucceed(() => view)
  )

export const attachTo = Effect.fnUntraced(function* (
  connection: Connection,
  id: string,
  { from, json, exitWhen, takesInput }: Attaching
) {
  const { view, detached } = yield* follow(connection, id, { from, json, until: isTime[exitWhen], takesInput })
  if (detached !== null) {
    yield* remark(`left; it goes on. Come back: proliferate sessions attach ${id}`)
    if (detached === "interrupted") return yield* Effect.interrupt
  }
  if (view.status === "failed" && detached === null) return yield* endedInstead(id, yield* withReason(id, view))
})

const fromFlag = (text: string): Effect.Effect<From, Failed> => {
  if (text === "start" || text === "now") return Effect.succeed(text)
  const [, epoch, seq] = /^(\d{1,12}):(\d{1,15})$/.exec(text) ?? []
  return epoch === undefined || seq === undefined
    ? Effect.fail(usage(`--from ${text} is not a place in the stream`, "Use start, now, or a cursor EPOCH:SEQ such as 1:42."))
    : Effect.succeed({ epoch: Number(epoch), seq: Number(seq) })
}

export const attach = Command.make(
  "attach",
  {
    id: sessionId,
    from: Flag.String("from").pipe(
      Flag.withDescription("Where to begin: start, now, or a cursor EPOCH:SEQ (the welcome's epoch and an event's seq)"),
      Flag.withDefault("start")
    ),
    exitWhen: Flag.Literals("exit-when", exitWhens).pipe(
      Flag.withDescription(
        "When to leave: nothing is done and nothing waits (idle), it stopped or failed (ended), or nothing can follow (stopped)"
      ),
      Flag.withDefault("stopped" as const)
    ),
    readOnly: Flag.Boolean("read-only").pipe(
      Flag.withDescription("Watch only: what is typed here is not sent"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.sessions.attach")(function* ({ id, from, exitWhen, readOnly }) {
    const options = { from: yield* fromFlag(from), json: yield* Json, exitWhen, takesInput: !readOnly }
    yield* attachTo(yield* ownConnection, id, options)
  })
).pipe(
  Command.withShortDescription("Watch a session live and steer it"),
  Command.withDescription(
    "Shows what was said and everything that follows, as it comes. At a terminal each line that you type is a prompt; while the agent asks, a number answers. Ctrl-C interrupts the turn that runs, a second one leaves, Ctrl-D leaves at once; the session goes on. When the connection or the server goes away it comes back and continues where it was, without repeating an event."
  ),
  Command.withExamples([
    { command: "proliferate sessions attach ses_01", description: "From the beginning, then live" },
    { command: "proliferate sessions attach ses_01 --from now --exit-when idle", description: "Wait until the work is done" },
    {
      command: "proliferate sessions attach ses_01 --json | jq -r 'select(.kind==\"message\").body.delta'",
      description: "Every server frame, one JSON object a line"
    }
  ])
)
