/**
 * The raw arguments of a call: sealed before its actor is made, opened by the hand that needs them, destroyed when it has settled.
 * They are those that were approved, by hash, or they are not used.
 */

import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { unending } from "../runtime/unending.ts"
import { canonical, hashOfValue } from "./canonical.ts"
import { Calls } from "./ports/calls.ts"
import type { DirectoryError } from "./ports/directory.ts"
import { Seals } from "./ports/seals.ts"

export type Arguments = Readonly<Record<string, unknown>>

/** They are gone, or not those that were approved. Nothing is executed. */
export class ArgumentsLost extends Schema.TaggedError<ArgumentsLost>()("ArgumentsLost", { message: Schema.String }) {}

/** A server that died between sealing and making the call left them behind; a call is made within seconds. */
const orphanMs = 60 * 60_000
const sweepEveryMs = 10 * 60_000

interface CallOf {
  readonly org: string
  readonly approvalId: string
  readonly argumentsHash: string
}

export class SealedArguments extends Context.Service<
  SealedArguments,
  {
    readonly put: (org: string, approvalId: string, params: Arguments) => Effect.Effect<void, DirectoryError>
    readonly open: (call: CallOf) => Effect.Effect<Arguments, ArgumentsLost | DirectoryError>
    readonly wipe: (org: string, approvalId: string) => Effect.Effect<void, DirectoryError>
  }
>()("proliferate/actors/SealedArguments") {
  static readonly layer: Layer.Layer<SealedArguments, never, Calls | Seals> = Layer.effect(
    SealedArguments,
    Effect.gen(function* () {
      const calls = yield* Calls
      const seals = yield* Seals
      const sweep = calls.sweep(orphanMs).pipe(
        Effect.catchTag("DirectoryError", () => Effect.void),
        Effect.delay(sweepEveryMs)
      )
      yield* Effect.forkScoped(unending("sweeping sealed arguments", sweep))
      return SealedArguments.of({
        put: (org, id, params) =>
          calls.seal(org, id, seals.seal({ purpose: "arguments", org, id }, Redacted.make(canonical(params)))),
        open: Effect.fn("SealedArguments.open")(function* ({ org, approvalId: id, argumentsHash }) {
          const sealed = yield* calls.sealed(org, id)
          if (sealed === null)
            return yield* new ArgumentsLost({ message: "its arguments are not kept any more; ask for it again" })
          const text = yield* seals
            .open({ purpose: "arguments", org, id }, sealed)
            .pipe(
              Effect.mapError(
                () => new ArgumentsLost({ message: "its arguments cannot be unsealed with this server's key; ask for it again" })
              )
            )
          const params = JSON.parse(Redacted.value(text)) as Arguments
          if (hashOfValue(params) !== argumentsHash)
            return yield* new ArgumentsLost({ message: "its arguments are not those that were approved; nothing was executed" })
          return params
        }),
        wipe: (org, id) => calls.wipe(org, id)
      })
    })
  )
}
