/** Port: the credentials of repositories, sealed at rest. Adapter: adapters/secrets/file.ts. None ever enters the records. */
import { Context, type Effect, type Redacted, Schema } from "effect"

/** `unavailable`: it cannot be read or written now. `unreadable`: what is stored was changed, or sealed under another key. */
export class CredentialError extends Schema.TaggedError<CredentialError>()("CredentialError", {
  reason: Schema.Literals(["unavailable", "unreadable"]),
  message: Schema.String
}) {}

export class Credentials extends Context.Service<
  Credentials,
  {
    /** Replaces what was there; durable when it returns. */
    readonly put: (org: string, repositoryId: string, secret: Redacted.Redacted<string>) => Effect.Effect<void, CredentialError>
    readonly get: (org: string, repositoryId: string) => Effect.Effect<Redacted.Redacted<string> | null, CredentialError>
    /** Removing what is not there succeeds. */
    readonly remove: (org: string, repositoryId: string) => Effect.Effect<void, CredentialError>
  }
>()("proliferate/actors/ports/Credentials") {}
