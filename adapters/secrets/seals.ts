/** Seals of the records of actions, under a key of their own in `directory` (sealing.ts). Losing it loses the connections: connect again. */
import { join } from "node:path"
import { Effect, Layer, Redacted, Schema } from "effect"
import { SealError, type SealedFor, Seals } from "../../actors/ports/seals.ts"
import { keyIn, seal, unseal } from "./sealing.ts"

/** The key cannot be had: no server starts without it. */
export class SealKeyError extends Schema.TaggedError<SealKeyError>()("SealKeyError", { message: Schema.String }) {}

const boundTo = ({ purpose, org, id }: SealedFor) => `${purpose}\n${org}\n${id}`

/** `directory` is made if it is not there. */
export const layer = (directory: string): Layer.Layer<Seals, SealKeyError> =>
  Layer.effect(
    Seals,
    Effect.gen(function* () {
      const key = yield* Effect.tryPromise({
        try: () => keyIn(directory),
        catch: (cause) => new SealKeyError({ message: `${join(directory, "key")} cannot be used: ${(cause as Error).message}` })
      })
      if (key === null) {
        const message = `${join(directory, "key")} is not a key: put the right one back, or remove it and connect every service again`
        return yield* new SealKeyError({ message })
      }
      return Seals.of({
        seal: (whom, text) => seal(key, boundTo(whom), Redacted.value(text)),
        open: (whom, sealed) =>
          Effect.try({
            try: () => Redacted.make(unseal(key, boundTo(whom), sealed)),
            catch: () =>
              new SealError({
                reason: "unreadable",
                message: `the ${whom.purpose} of ${whom.id} cannot be unsealed with this key`
              })
          })
      })
    })
  )
