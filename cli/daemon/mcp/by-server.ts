/** Tools whose work the server does: one run, however often it is asked for under its id. */
import { Clock, Effect, Schema } from "effect"
import { call } from "../../api.ts"
import { patiently } from "../../commands/actions/calling.ts"
import { Failed } from "../../failure.ts"
import type { Host } from "../ask-host.ts"
import { type Asked, own, type Said, said, type Tool, text } from "./tool.ts"

/** What the server gives one of these, its tries after a broken connection included. */
const toolMs = 120_000
/** What one request waits; the gateway answers within 25 s. */
const waitMs = 20_000

const Running = Schema.Struct({
  status: Schema.Literals(["running", "completed", "failed"]),
  result: Schema.Unknown,
  message: Schema.NullOr(Schema.String)
})

const byServer = (host: Host, shown: Tool["shown"]): Tool => ({
  shown,
  run: Effect.fnUntraced(function* ({ args, toolCallId, progress }: Asked): Effect.fn.Return<Said, Failed> {
    const untilMs = (yield* Clock.currentTimeMillis) + toolMs
    while (true) {
      const request = call(
        host.connection,
        "POST",
        `/v1/sessions/${encodeURIComponent(host.sessionId)}/tools/${shown.name}`,
        Running,
        {
          body: { toolCallId, args, waitMs }
        }
      )
      const { value } = yield* patiently(request, untilMs)
      if (value.status === "completed") return said(value.result)
      if (value.status === "failed") return { text: value.message ?? "it failed", isError: true }
      if ((yield* Clock.currentTimeMillis) >= untilMs)
        return yield* new Failed({ exit: "pending", what: `${shown.name} took too long`, todo: "Try it again later." })
      progress(`${shown.name} goes on`)
    }
  })
})

const verify = own(
  "verify",
  "Keep evidence",
  "Keeps the files of a folder of the workspace as evidence of what you did (screenshots, logs, reports), for the people who read it. 50 files of 25 MB each at most.",
  { folder: text("Below the workspace; .proliferate/.verification/ if not given") },
  [],
  true
)

const saveSnapshot = own(
  "save_snapshot",
  "Keep the workspace",
  "Keeps the workspace and your home as they are when this turn has ended, so that the session can go on from there whatever happens to its sandbox. The sandbox is made anew for it: processes end, files and this conversation stay.",
  { message: text("What is worth keeping, for people", { maxLength: 500 }) },
  [],
  false
)

export const serverTools = (host: Host): ReadonlyArray<Tool> => [byServer(host, verify), byServer(host, saveSnapshot)]
