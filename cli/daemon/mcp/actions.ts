/**
 * Actions as tools. A call that waits for a person is waited for 100 s, as `proliferate actions run` does; then the model is told that
 * its outcome comes as a prompt. Denied, expired, a limit: errors of the tool, with the reason and what to do.
 */
import { Clock, Effect, Schema } from "effect"
import { called, heard, isSettled } from "../../commands/actions/calling.ts"
import { failureOf } from "../../commands/actions/shared.ts"
import type { Failed } from "../../failure.ts"
import { ask, type Host } from "../ask-host.ts"
import { failed, type Said, said, type Tool } from "./tool.ts"

const waitMs = 100_000

const Listed = Schema.Struct({
  tools: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      integration: Schema.String,
      action: Schema.String,
      title: Schema.String,
      description: Schema.String,
      risk: Schema.Literals(["read", "write", "danger"]),
      inputSchema: Schema.Record(Schema.String, Schema.Unknown)
    })
  )
})
type Listed = (typeof Listed.Type)["tools"][number]

const toolOf = (host: Host, { name, integration, action, title, description, risk, inputSchema }: Listed): Tool => ({
  shown: {
    name,
    title,
    description,
    inputSchema: inputSchema as Tool["shown"]["inputSchema"],
    annotations: {
      title,
      readOnlyHint: risk === "read",
      destructiveHint: risk === "danger",
      idempotentHint: risk === "read",
      openWorldHint: true
    }
  },
  run: Effect.fnUntraced(function* ({ args, toolCallId, progress }): Effect.fn.Return<Said, Failed> {
    const { value } = yield* called({
      ...host,
      body: { integration, action, params: args },
      key: toolCallId,
      untilMs: (yield* Clock.currentTimeMillis) + waitMs,
      onWaiting: ({ id }) => Effect.sync(() => progress(`${integration}.${action} (${id}) waits for a person`))
    })
    if (!isSettled(value))
      return said(
        `${integration}.${action} (${value.id}) is not over yet: it ${value.status === "pending" ? "waits for a person" : `is ${value.status}`}. Its outcome will come to you as a prompt. Do not call it again, that would ask twice: go on with other work, or end your turn.`
      )
    yield* heard(host.connection, host.sessionId, value)
    const failure = failureOf(value, true)
    return failure === null ? said(value.result) : failed(failure)
  })
})

export const actionTools = (host: Host) =>
  Effect.map(ask(host, "/actions/tools", Listed), ({ tools }) => tools.map((tool) => toolOf(host, tool)))
