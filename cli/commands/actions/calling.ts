/**
 * One call, asked for and waited for by push, for whoever types it and for the tools of an agent. A server that is starting again is
 * waited for, as long as there is time: what was asked stands under its key.
 */
import { Clock, Effect, Schema } from "effect"
import { call as ask, type Connection } from "../../api.ts"
import type { Failed } from "../../failure.ts"
import { Call, pathOf } from "./shared.ts"

/** What one request waits; the gateway answers within 25 s. */
const waitMs = 20_000
/** The first answer comes soon, so that whoever looks is told that it waits. */
const firstMs = 1_000
const retryMs = 500
const settled = new Set(["completed", "failed", "denied", "expired", "revoked"])

export const isSettled = ({ status }: Pick<Call, "status">): boolean => settled.has(status)

export const patiently = <A>(request: Effect.Effect<A, Failed>, untilMs: number): Effect.Effect<A, Failed> =>
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

interface Asked {
  readonly connection: Connection
  readonly sessionId: string
  readonly body: { readonly integration: string; readonly action: string; readonly params: unknown }
  /** The same call under the same key is made once. */
  readonly key: string
  readonly untilMs: number
  /** It has not settled at once. */
  readonly onWaiting: (call: Call) => Effect.Effect<void>
}

const callsOf = (sessionId: string) => pathOf(sessionId, "/calls")

/** Settled, or as it stands when the time is over. `json` is the call as it came. */
export const called = Effect.fnUntraced(function* ({ connection, sessionId, body, key, untilMs, onWaiting }: Asked) {
  const leftMs = Effect.map(Clock.currentTimeMillis, (nowMs) => Math.max(0, Math.min(waitMs, untilMs - nowMs)))
  const headers = { "idempotency-key": key }
  const first = { ...body, waitMs: Math.min(firstMs, yield* leftMs) }
  const path = callsOf(sessionId)
  let reply = yield* patiently(ask(connection, "POST", path, Call, { body: first, headers }), untilMs)
  if (!isSettled(reply.value)) yield* onWaiting(reply.value)
  while (!isSettled(reply.value)) {
    const ms = yield* leftMs
    if (ms === 0) break
    reply = yield* patiently(ask(connection, "GET", `${path}/${reply.value.id}?wait=${ms}`, Call), untilMs)
  }
  return reply
})

/** Whoever asked has the outcome: nobody needs to be told it by a prompt. */
export const heard = (connection: Connection, sessionId: string, { id }: Call) =>
  ask(connection, "POST", `${callsOf(sessionId)}/${id}/heard`, Schema.Unknown, { body: {} }).pipe(
    Effect.timeout(2_000),
    Effect.ignore
  )
