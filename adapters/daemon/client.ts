/**
 * Port `Daemons` over HTTP: JSON to the socket or address where the sandbox's daemon listens. Every call has its time, retries
 * included; every answer its schema. A connection that fails is tried three times, since asking twice is asking once, but for `exec`.
 */
import { Effect, Layer, Option, Schedule, Schema, Stream } from "effect"
import {
  AgentReady,
  Diff,
  ExecResult,
  FolderFiles,
  Health,
  Problem,
  Work,
  WorkPiece,
  WorkspaceReady
} from "../../actors/ports/daemon.ts"
import { DaemonError, Daemons } from "../../actors/ports/daemons.ts"
import { type DaemonEndpoint, Sandboxes } from "../../actors/ports/sandboxes.ts"
import { eventBatches } from "./events.ts"
import { answerOf, makeHttp, malformed, unreachable } from "./http.ts"

const answerMs = 10_000
const healthMs = 5_000
const workspaceMs = 110_000
const agentMs = 60_000
const quiesceMs = 30_000
const diffMs = 60_000
const workMs = 60_000
/** The daemon kills a command at its time; this is for the answer to arrive. */
const execExtraMs = 5_000

const retries = { times: 2, schedule: Schedule.exponential(50), while: ({ reason }: DaemonError) => reason === "unreachable" }

interface Call<A> {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly body?: unknown
  readonly answer: Schema.Codec<A, any>
  readonly timeoutMs: number
  readonly once?: boolean
}

const Nothing = Schema.Struct({})

export const layer: Layer.Layer<Daemons, never, Sandboxes> = Layer.effect(
  Daemons,
  Effect.gen(function* () {
    const sandboxes = yield* Sandboxes
    const { exchange, open } = yield* makeHttp

    const endpointOf = (sandboxId: string): Effect.Effect<DaemonEndpoint, DaemonError> =>
      Effect.mapError(sandboxes.endpoint(sandboxId), ({ message }) => unreachable(message))

    const call = Effect.fn("DaemonClient.call")(function* <A>(sandboxId: string, call: Call<A>) {
      const { method, path, body, answer, timeoutMs, once = false } = call
      const attempt = Effect.gen(function* () {
        const endpoint = yield* endpointOf(sandboxId)
        const { status, text } = yield* exchange(endpoint, { method, path, body })
        if (status >= 300) return yield* problem(status, text)
        return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(answer))(text).pipe(
          Effect.mapError((error) => malformed(`${method} ${path} was answered with something else: ${error.message}`))
        )
      })
      return yield* (once ? attempt : Effect.retry(attempt, retries)).pipe(
        Effect.timeoutOrElse({
          duration: timeoutMs,
          orElse: () => Effect.fail(unreachable(`${method} ${path} was not answered within ${timeoutMs / 1000} s`))
        })
      )
    })

    const get = <A>(sandboxId: string, path: string, timeoutMs: number, answer: Schema.Codec<A, any>) =>
      call(sandboxId, { method: "GET", path, answer, timeoutMs })
    const post = <A>(sandboxId: string, path: string, timeoutMs: number, body: unknown, answer: Schema.Codec<A, any>) =>
      call(sandboxId, { method: "POST", path, body, answer, timeoutMs })
    const tell = (sandboxId: string, path: string, body: unknown = {}, timeoutMs = answerMs) =>
      Effect.asVoid(post(sandboxId, path, timeoutMs, body, Nothing))

    const health = (sandboxId: string) => get(sandboxId, "/v1/health", healthMs, Health)

    return {
      health,
      prepare: (sandboxId, workspace) => post(sandboxId, "/v1/workspace", workspaceMs, workspace, WorkspaceReady),
      startAgent: (sandboxId, agent) => post(sandboxId, "/v1/agent", agentMs, agent, AgentReady),
      useModel: (sandboxId, use) => tell(sandboxId, "/v1/model", use, agentMs),
      putFile: (sandboxId, { data, ...file }) =>
        tell(sandboxId, "/v1/files", { ...file, data: Buffer.from(data).toString("base64") }),
      startTurn: (sandboxId, turn) => tell(sandboxId, "/v1/turns", turn),
      cancelTurn: (sandboxId, turnId) => tell(sandboxId, `/v1/turns/${encodeURIComponent(turnId)}/cancel`),
      answer: (sandboxId, questionId, answer) => tell(sandboxId, `/v1/questions/${encodeURIComponent(questionId)}`, answer),
      quiesce: (sandboxId) => tell(sandboxId, "/v1/quiesce", {}, quiesceMs),
      diff: (sandboxId) => get(sandboxId, "/v1/diff", diffMs, Diff),
      gather: (sandboxId, request) => post(sandboxId, "/v1/work", workMs, request, Work),
      piece: (sandboxId, workId, offset) =>
        get(sandboxId, `/v1/work/${encodeURIComponent(workId)}/${offset}`, answerMs, WorkPiece),
      folder: (sandboxId, folder) => post(sandboxId, "/v1/folder", answerMs, folder, FolderFiles),
      folderPiece: (sandboxId, piece) => post(sandboxId, "/v1/folder/piece", answerMs, piece, WorkPiece),
      exec: (sandboxId, exec) =>
        call(sandboxId, {
          method: "POST",
          path: "/v1/exec",
          body: exec,
          answer: ExecResult,
          timeoutMs: exec.timeoutMs + execExtraMs,
          once: true
        }),
      events: (sandboxId, after) =>
        Stream.unwrap(
          Effect.gen(function* () {
            const { daemonId } = yield* health(sandboxId)
            const endpoint = yield* endpointOf(sandboxId)
            const response = yield* open(endpoint, `/v1/events?after=${after(daemonId)}`)
            if (response.statusCode === 200) return eventBatches(response, daemonId)
            const { status, text } = yield* answerOf(response)
            return yield* problem(status, text)
          }).pipe(
            Effect.timeoutOrElse({ duration: answerMs, orElse: () => Effect.fail(unreachable("the event stream did not begin")) })
          )
        ),
      ack: (sandboxId, daemonId, seq) => tell(sandboxId, "/v1/ack", { daemonId, seq })
    }
  })
)

const problem = (status: number, text: string): Effect.Effect<never, DaemonError> => {
  const told = Option.getOrNull(Schema.decodeUnknownOption(Schema.fromJsonString(Problem))(text))
  // What is between us and a sandbox elsewhere says so of a daemon that it cannot reach.
  if (told === null && [502, 503, 504].includes(status))
    return Effect.fail(unreachable(`the way to the daemon is broken: status ${status}`))
  if (told === null) return Effect.fail(malformed(`status ${status} came without a reason`))
  const { reason, message, final = false } = told
  return Effect.fail(new DaemonError({ reason: reason === "stale" ? "stale" : "refused", final, message }))
}
