/**
 * One request to an endpoint, by HTTP/1.1 on kept connections. It is tried again only as long as no connection was made. The scope
 * ends it: a client that goes away ends the request at the endpoint as well. Redirects are not followed, since they could take the
 * key anywhere.
 */
import http, { type ClientRequest, type IncomingMessage } from "node:http"
import https from "node:https"
import type { TLSSocket } from "node:tls"
import { Effect, Schedule, Schema, Stream } from "effect"
import { AnswerCut } from "../../actors/ports/proxy.ts"
import { Limits } from "./limits.ts"

/** `unreached`: no connection, so that nothing was sent. `silent`: no answer in time. `broken`: the connection ended without one. */
export class CallError extends Schema.TaggedError<CallError>()("CallError", {
  reason: Schema.Literals(["unreached", "silent", "broken"]),
  message: Schema.String
}) {}

export interface Call {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface CallAnswer {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly body: Stream.Stream<Uint8Array, AnswerCut>
}

const seconds = (ms: number) => `${ms / 1_000} s`

export const makeCalls = Effect.gen(function* () {
  const { connectMs, connectTries, connectPauseMs, firstByteMs, silenceMs, callMs, idleConnectionsMax } = yield* Limits
  const options = { keepAlive: true, maxFreeSockets: idleConnectionsMax }
  const agents = yield* Effect.acquireRelease(
    Effect.sync(() => ({ "http:": new http.Agent(options), "https:": new https.Agent(options) })),
    (agents) =>
      Effect.sync(() => {
        for (const agent of Object.values(agents)) agent.destroy()
      })
  )

  const begin = ({ url, headers, body }: Call): ClientRequest => {
    const all = { method: "POST", headers: { ...headers, "content-length": String(body.length) } }
    return url.protocol === "https:"
      ? https.request(url, { ...all, agent: agents["https:"] })
      : http.request(url, { ...all, agent: agents["http:"] })
  }

  /** The head of the answer. */
  const answered = (call: Call) =>
    Effect.acquireRelease(
      Effect.callback<{ readonly sent: ClientRequest; readonly answer: IncomingMessage }, CallError>((resume) => {
        const sent = begin(call)
        let isConnected = false
        const fail = (reason: CallError["reason"], message: string) => {
          clearTimeout(connecting)
          resume(Effect.fail(new CallError({ reason, message })))
          sent.destroy()
        }
        const connecting = setTimeout(
          () => fail("unreached", `${call.url.host} could not be reached within ${seconds(connectMs)}`),
          connectMs
        )
        const connected = () => {
          isConnected = true
          clearTimeout(connecting)
        }
        sent.on("socket", (socket) => {
          if (sent.reusedSocket) return connected()
          const isSecure = (socket as Partial<TLSSocket>).encrypted === true
          socket.once(isSecure ? "secureConnect" : "connect", connected)
        })
        sent.on("error", ({ message }) =>
          isConnected
            ? fail("broken", `${call.url.host} ended the connection without an answer: ${message}`)
            : fail("unreached", `${call.url.host} could not be reached: ${message}`)
        )
        sent.on("response", (answer) => {
          // Said to whoever reads it; here it only must not be unheard.
          answer.on("error", () => {})
          resume(Effect.succeed({ sent, answer }))
        })
        sent.end(call.body)
        return Effect.sync(() => {
          clearTimeout(connecting)
          sent.destroy()
        })
      }),
      ({ sent }) => Effect.sync(() => sent.destroy()),
      { interruptible: true }
    )

  return Effect.fn("model.call")(function* (call: Call) {
    const { answer } = yield* answered(call).pipe(
      Effect.timeoutOrElse({
        duration: firstByteMs,
        orElse: () =>
          Effect.fail(
            new CallError({
              reason: "silent",
              message: `${call.url.host} did not begin to answer within ${seconds(firstByteMs)}`
            })
          )
      }),
      Effect.retry({
        times: connectTries - 1,
        while: ({ reason }) => reason === "unreached",
        schedule: Schedule.spaced(connectPauseMs)
      })
    )
    yield* Effect.acquireRelease(
      Effect.sync(() => setTimeout(() => answer.destroy(), callMs)),
      (overdue) => Effect.sync(() => clearTimeout(overdue))
    )
    const body: CallAnswer["body"] = Stream.fromAsyncIterable(
      answer as AsyncIterable<Buffer>,
      () => new AnswerCut({ reason: "broken", message: `${call.url.host} broke off in the middle of its answer` })
    ).pipe(
      Stream.timeoutOrElse({
        duration: silenceMs,
        orElse: () =>
          Stream.fail(
            new AnswerCut({ reason: "silent", message: `${call.url.host} said nothing more for ${seconds(silenceMs)}` })
          )
      })
    )
    return { status: answer.statusCode ?? 502, headers: answer.headers, body } satisfies CallAnswer
  })
})
