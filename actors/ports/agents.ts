/** Port: the agents that sessions may run, by name. Adapter: adapters/agent. */
import { Context, type Effect, Schema } from "effect"

/** There is no agent of that name; the message lists those there are. */
export class UnknownAgent extends Schema.TaggedError<UnknownAgent>()("UnknownAgent", { message: Schema.String }) {}

export class Agents extends Context.Service<
  Agents,
  {
    /** How to start it inside a sandbox: an ACP command line with `{node}` and `{proliferate}`, and its environment. */
    readonly find: (
      name: string
    ) => Effect.Effect<
      { readonly command: ReadonlyArray<string>; readonly env: Readonly<Record<string, string>>; readonly title: string },
      UnknownAgent
    >
    readonly names: ReadonlyArray<string>
  }
>()("proliferate/actors/ports/Agents") {}
