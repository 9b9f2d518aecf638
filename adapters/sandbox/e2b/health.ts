/** One question to the daemon of a sandbox, at its address: is it there, and does it speak our protocol? */
import { Effect, Schema } from "effect"
import { Health } from "../../../actors/ports/daemon.ts"
import type { SandboxError } from "../../../actors/ports/sandboxes.ts"
import type { Address } from "../uplink/uplinks.ts"
import { failed } from "./failure.ts"
import * as limits from "./limits.ts"

const decode = Schema.decodeEffect(Schema.fromJsonString(Health))
const silent = (why: string) => failed("unreachable", `The daemon of the sandbox does not answer: ${why}`)

export const askHealth = ({ url, headers }: Address): Effect.Effect<typeof Health.Type, SandboxError> =>
  Effect.tryPromise({
    try: async (signal) => {
      const answer = await fetch(new URL("/v1/health", url), { headers, signal, redirect: "error" })
      const text = (await answer.text()).slice(0, limits.answerCharactersMax)
      if (!answer.ok) throw new Error(`status ${answer.status}`)
      return text
    },
    catch: (cause) => silent((cause as Error).message)
  }).pipe(
    Effect.flatMap((text) => Effect.mapError(decode(text), (error) => silent(error.message))),
    Effect.timeoutOrElse({
      duration: limits.healthTryMs,
      orElse: () => Effect.fail(silent(`nothing for ${limits.healthTryMs / 1_000} s`))
    })
  )
