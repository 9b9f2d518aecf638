/** The tool with which an agent asks to be lent a permission. */
import { Effect, Schema } from "effect"
import { call } from "../../api.ts"
import type { Failed } from "../../failure.ts"
import type { Host } from "../ask-host.ts"
import { own, type Said, said, type Tool, text } from "./tool.ts"

const Request = Schema.Struct({ id: Schema.String })

export const requestGrant = (host: Host): Tool => ({
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
    const { value } = yield* call(host.connection, "POST", `/v1/sessions/${encodeURIComponent(host.sessionId)}/grants`, Request, {
      body
    })
    return said(
      `${value.id} is asked for. An administrator lends it, lends less, or says no; until then calls of ${integration}.${action} wait for a person as before.`
    )
  })
})
