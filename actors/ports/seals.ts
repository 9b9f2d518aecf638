/**
 * Port: sealing what must not be read in a table. What is sealed for one purpose, organisation and id opens for no other. Adapter:
 * adapters/secrets/seals.ts, under a key in the data directory.
 */
import { Context, type Effect, type Redacted, Schema } from "effect"

export interface SealedFor {
  readonly purpose: "arguments" | "connection" | "browser"
  readonly org: string
  readonly id: string
}

/** `unreadable`: it was sealed under another key, or for something else, or is damaged. */
export class SealError extends Schema.TaggedError<SealError>()("SealError", {
  reason: Schema.Literals(["unreadable"]),
  message: Schema.String
}) {}

export class Seals extends Context.Service<
  Seals,
  {
    readonly seal: (whom: SealedFor, text: Redacted.Redacted<string>) => Uint8Array
    readonly open: (whom: SealedFor, sealed: Uint8Array) => Effect.Effect<Redacted.Redacted<string>, SealError>
  }
>()("proliferate/actors/ports/Seals") {}
