/** One question to a daemon, over its socket: is it there, and does it speak our protocol? */
import { request } from "node:http"
import { Effect, Schema } from "effect"
import { Health } from "../../../actors/ports/daemon.ts"
import type { SandboxError } from "../../../actors/ports/sandboxes.ts"
import { failed } from "./failure.ts"
import * as limits from "./limits.ts"

const answerCharactersMax = 65_536
const decode = Schema.decodeEffect(Schema.fromJsonString(Health))

const ask = (socketPath: string): Effect.Effect<string, SandboxError> =>
  Effect.callback((resume) => {
    const failWith = (why: string) =>
      resume(Effect.fail(failed("unreachable", `The daemon of the sandbox does not answer: ${why}`)))
    const asked = request({ socketPath, path: "/v1/health", timeout: limits.healthTryMs, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (part: string) => {
        text += part
        if (text.length > answerCharactersMax) asked.destroy(new Error("its answer does not end"))
      })
      response.on("end", () =>
        response.statusCode === 200 ? resume(Effect.succeed(text)) : failWith(`status ${response.statusCode}`)
      )
      response.on("error", (error) => failWith(error.message))
    })
    asked.on("timeout", () => asked.destroy(new Error("silence")))
    asked.on("error", (error) => failWith(error.message))
    asked.end()
    return Effect.sync(() => asked.destroy())
  })

export const askHealth = (socketPath: string): Effect.Effect<typeof Health.Type, SandboxError> =>
  ask(socketPath).pipe(
    Effect.flatMap((text) =>
      decode(text).pipe(
        Effect.mapError((error) => failed("unreachable", `The daemon of the sandbox answers nonsense: ${error.message}`))
      )
    ),
    Effect.timeoutOrElse({
      duration: limits.healthTryMs,
      orElse: () =>
        Effect.fail(failed("unreachable", `The daemon of the sandbox said nothing for ${limits.healthTryMs / 1_000} s.`))
    })
  )
