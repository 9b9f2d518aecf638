/** `proliferate actions run`: asks for one call, and waits by push until it has settled, for as long as a shell tool lets it. */
import { randomUUID } from "node:crypto"
import { Clock, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { ownConnection } from "../../api.ts"
import { Json, remark } from "../../output.ts"
import { called, heard, isSettled } from "./calling.ts"
import { action, failureOf, integration, objectFrom, output, session, sessionOf, show } from "./shared.ts"

export const run = Command.make(
  "run",
  {
    integration,
    action,
    params: Flag.String("params").pipe(
      Flag.withDescription("Its arguments: a JSON object, @FILE, or - for standard input"),
      Flag.withDefault("{}")
    ),
    wait: Flag.Boolean("wait").pipe(
      Flag.withDescription("--no-wait prints the call's id at once; its outcome comes to the session as a prompt"),
      Flag.withDefault(true)
    ),
    timeout: Flag.Int("timeout").pipe(
      Flag.withDescription("Seconds to wait; then it leaves with 7, and the outcome comes to the session as a prompt"),
      Flag.withDefault(100)
    ),
    key: Flag.String("key").pipe(
      Flag.withDescription("A key of your own: the same call under the same key is made once"),
      Flag.withDefault("")
    ),
    output,
    session
  },
  Effect.fn("cli.actions.run")(function* ({ params, wait, timeout, key, output, session, ...named }) {
    const body = { ...named, params: yield* objectFrom(params, "--params") }
    const [connection, sessionId, json] = [yield* ownConnection, yield* sessionOf(session), yield* Json]
    const untilMs = (yield* Clock.currentTimeMillis) + (wait ? timeout * 1_000 : 0)
    const { value, json: answered } = yield* called({
      connection,
      sessionId,
      body,
      key: key === "" ? randomUUID() : key,
      untilMs,
      onWaiting: ({ id, integration, action }) =>
        wait ? remark(`${integration}.${action} (${id}) waits for a person; waiting with it for up to ${timeout} s`) : Effect.void
    })

    if (!isSettled(value) && !wait)
      return yield* show(output, json ? answered : { id: value.id, status: value.status }, () => value.id)
    const failure = failureOf(value, wait)
    if (failure === null) yield* show(output, json ? answered : value.result, () => textOf(value.result))
    else if (json) yield* show(output, answered, () => "")
    if (isSettled(value)) yield* heard(connection, sessionId, value)
    if (failure !== null) return yield* failure
  })
).pipe(
  Command.withShortDescription("Do something at a service"),
  Command.withDescription(
    "Asks for one action and prints its result. A read runs at once; a write may wait for a person, and this waits with it. Exit 0 it is done, 2 the arguments are wrong, 3 it was denied, 4 nobody decided in time, 5 the service did not do it, 6 a limit, 7 not over in time: then the outcome comes to the session as a prompt."
  ),
  Command.withExamples([
    {
      command: `proliferate actions run --integration sentry --action list_issues --params '{"organization_slug":"acme","project_slug":"api"}'`,
      description: "A read"
    },
    {
      command: "proliferate actions run --integration linear --action create_issue --params @issue.json",
      description: "A write, from a file"
    }
  ])
)

const textOf = (result: unknown): string => (typeof result === "string" ? result : JSON.stringify(result, null, 2))
