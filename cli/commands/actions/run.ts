/** `proliferate actions run`: asks for one call, and waits by push until it has settled, for as long as a shell tool lets it. */
import { randomUUID } from "node:crypto"
import { Clock, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { call as ask, type Connection, ownConnection } from "../../api.ts"
import type { Failed } from "../../failure.ts"
import { Json, remark } from "../../output.ts"
import { action, Call, failureOf, integration, objectFrom, output, pathOf, session, sessionOf, show } from "./shared.ts"

/** What one request waits; the gateway answers within 25 s. */
const waitMs = 20_000
const retryMs = 500
const settled = new Set(["completed", "failed", "denied", "expired", "revoked"])

/** A server that is starting again is waited for, as long as there is time: what was asked stands under its key. */
const patiently = <A>(request: Effect.Effect<A, Failed>, untilMs: number): Effect.Effect<A, Failed> =>
  Effect.catch(request, (failed) =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
      failed.exit === "unavailable" && nowMs + retryMs < untilMs
        ? Effect.delay(
            Effect.suspend(() => patiently(request, untilMs)),
            retryMs
          )
        : Effect.fail(failed)
    )
  )

/** The outcome is printed: nobody needs to be told it by a prompt. */
const heard = (connection: Connection, path: string) =>
  ask(connection, "POST", `${path}/heard`, Schema.Unknown, { body: {} }).pipe(Effect.timeout(2_000), Effect.ignore)

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
    const leftMs = Effect.map(Clock.currentTimeMillis, (nowMs) => Math.max(0, Math.min(waitMs, untilMs - nowMs)))

    const headers = { "idempotency-key": key === "" ? randomUUID() : key }
    const path = pathOf(sessionId, "/calls")
    // The first answer comes soon, so that whoever looks is told that it waits.
    const first = Math.min(1_000, yield* leftMs)
    let { value, json: answered } = yield* patiently(
      ask(connection, "POST", path, Call, { body: { ...body, waitMs: first }, headers }),
      untilMs
    )
    const own = `${path}/${value.id}`
    if (!settled.has(value.status) && wait)
      yield* remark(
        `${value.integration}.${value.action} (${value.id}) waits for a person; waiting with it for up to ${timeout} s`
      )
    while (!settled.has(value.status)) {
      const ms = yield* leftMs
      if (ms === 0) break
      const next = yield* patiently(ask(connection, "GET", `${own}?wait=${ms}`, Call), untilMs)
      value = next.value
      answered = next.json
    }

    if (!settled.has(value.status) && !wait)
      return yield* show(output, json ? answered : { id: value.id, status: value.status }, () => value.id)
    const failure = failureOf(value, wait)
    if (failure === null) yield* show(output, json ? answered : value.result, () => textOf(value.result))
    else if (json) yield* show(output, answered, () => "")
    if (settled.has(value.status)) yield* heard(connection, own)
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
