/** The tools of the session itself, whatever it is connected to: to be lent a permission, to keep evidence, to keep the workspace. */
import { Clock, Effect, Schema } from "effect"
import { call } from "../../api.ts"
import { patiently } from "../../commands/actions/calling.ts"
import { Failed } from "../../failure.ts"
import type { Host } from "../ask-host.ts"
import { type Asked, type Said, said, type Tool } from "./tool.ts"

/** What the server gives one of these, its tries after a broken connection included. */
const toolMs = 120_000
/** What one request waits; the gateway answers within 25 s. */
const waitMs = 20_000

const text = (description: string, more: Record<string, unknown> = {}) => ({ type: "string", description, ...more })

const own = (
  name: string,
  title: string,
  description: string,
  properties: Record<string, object>,
  required: ReadonlyArray<string>,
  isReadOnly: boolean
): Tool["shown"] => ({
  name,
  title,
  description,
  inputSchema: { type: "object", properties, required: [...required], additionalProperties: false },
  annotations: { title, readOnlyHint: isReadOnly, destructiveHint: false, idempotentHint: true, openWorldHint: false }
})

const pathOf = ({ sessionId }: Host, rest: string) => `/v1/sessions/${encodeURIComponent(sessionId)}${rest}`

const Request = Schema.Struct({ id: Schema.String })

const requestGrant = (host: Host): Tool => ({
  shown: own(
    "request_grant",
    "Ask to be lent a permission",
    "Asks an administrator to let calls of one action run without asking each time: for so many uses and so long, best with the very arguments that they will have. It is open for 24 h, and nothing is lent until a person says so.",
    {
      integration: text("The service, such as github"),
      action: text("The action, such as create_issue"),
      reason: text("Why, for whoever decides", { maxLength: 500 }),
      where: { type: "object", description: 'Only for calls with these arguments, such as {"repo":"web"}' },
      max_calls: { type: "integer", minimum: 1, description: "For how many calls; 1 if not given" },
      hours: { type: "number", exclusiveMinimum: 0, description: "For how long; 8 if not given" }
    },
    ["integration", "action", "reason"],
    false
  ),
  run: Effect.fnUntraced(function* ({ args }): Effect.fn.Return<Said, Failed> {
    const { integration, action, reason, where = {}, max_calls: usesMax = 1, hours } = args
    const body = {
      integration,
      action,
      reason,
      usesMax,
      constraints: Object.entries(where as object).map(([path, value]) => ({ path, op: "equals", value })),
      ...(typeof hours === "number" && { lastsMs: Math.round(hours * 3_600_000) })
    }
    const { value } = yield* call(host.connection, "POST", pathOf(host, "/grants"), Request, { body })
    return said(
      `${value.id} is asked for. An administrator lends it, lends less, or says no; until then calls of ${integration}.${action} wait for a person as before.`
    )
  })
})

const Running = Schema.Struct({
  status: Schema.Literals(["running", "completed", "failed"]),
  result: Schema.Unknown,
  message: Schema.NullOr(Schema.String)
})

/** The server does it: one run, however often it is asked for under its id. */
const byServer = (host: Host, shown: Tool["shown"]): Tool => ({
  shown,
  run: Effect.fnUntraced(function* ({ args, toolCallId, progress }: Asked): Effect.fn.Return<Said, Failed> {
    const untilMs = (yield* Clock.currentTimeMillis) + toolMs
    while (true) {
      const request = call(host.connection, "POST", pathOf(host, `/tools/${shown.name}`), Running, {
        body: { toolCallId, args, waitMs }
      })
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
  false
)

const saveSnapshot = own(
  "save_snapshot",
  "Keep the workspace",
  "Keeps the workspace and your home as they are when this turn has ended, so that the session can go on from there whatever happens to its sandbox. The sandbox is made anew for it: processes end, files and this conversation stay.",
  { message: text("What is worth keeping, for people", { maxLength: 500 }) },
  [],
  false
)

export const ownTools = (host: Host): ReadonlyArray<Tool> => [
  requestGrant(host),
  byServer(host, verify),
  byServer(host, saveSnapshot)
]
