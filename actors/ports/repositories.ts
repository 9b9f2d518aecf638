/** Port: looking at a git repository before it is registered. Adapter: adapters/git/probe.ts. It only reads, and never prompts. */
import { Context, type Effect, type Redacted, Schema } from "effect"

/**
 * `absent`: nothing is there. `closed`: it is asked for a password that was not given, or was not taken. `unreachable`: no answer.
 * `foreign`: something is there that is no git repository. `empty`: it has no commit. `unusable`: git itself is missing or fails.
 */
export class RepositoryError extends Schema.TaggedError<RepositoryError>()("RepositoryError", {
  reason: Schema.Literals(["absent", "closed", "unreachable", "foreign", "empty", "unusable"]),
  message: Schema.String
}) {}

export class RepositoryProbe extends Context.Service<
  RepositoryProbe,
  {
    /** Answers within 15 s. `defaultBranch` is null where HEAD names none; `commits` are those that its branches lead to. The credential is a token or `user:password`. */
    readonly probe: (
      location: string,
      credential: Redacted.Redacted<string> | null
    ) => Effect.Effect<
      {
        readonly defaultBranch: string | null
        readonly branches: ReadonlySet<string>
        readonly commits: ReadonlyMap<string, string>
      },
      RepositoryError
    >
  }
>()("proliferate/actors/ports/RepositoryProbe") {}
