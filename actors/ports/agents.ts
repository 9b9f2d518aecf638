/**
 * Port: the agents that sessions may run, by name: which there are, whether each can run here, how it is started, and how it is
 * put on this host. Adapter: adapters/agent.
 */
import { Context, type Effect, Schema } from "effect"

/**
 * `unknown`: there is no agent of that name. `not-installed`, `no-model`: it cannot run here yet. `model`: it cannot use that
 * model. `failed`: it could not be installed. The message says what to do.
 */
export class AgentError extends Schema.TaggedError<AgentError>()("AgentError", {
  reason: Schema.Literals(["unknown", "not-installed", "no-model", "model", "failed"]),
  message: Schema.String
}) {}

/** What a configuration that names no agent means; whether this host has it is asked when a session is made. */
export const agentDefault = "opencode"

/** How to start an agent inside a sandbox, in the words of the daemon's StartAgent. Holds the session's token: never to be told. */
export interface AgentStart {
  readonly command: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  /** Of the environment, what nobody may be told. */
  readonly secrets: ReadonlyArray<string>
  readonly model: string | null
  readonly modelOption: string
  readonly mode: string | null
}

/** An agent as people see it. */
export interface AgentSummary {
  readonly name: string
  readonly title: string
  /** Null: it comes with this program, or with the host. */
  readonly version: string | null
  readonly state: "ready" | "not-installed" | "no-model"
  /** What is missing, and what to do; null when it is ready. */
  readonly message: string | null
  /** Those that its sessions may choose, the usual one first. */
  readonly models: ReadonlyArray<string>
}

export class Agents extends Context.Service<
  Agents,
  {
    /** Every agent, as it stands now. */
    readonly all: Effect.Effect<ReadonlyArray<AgentSummary>>
    readonly find: (name: string) => Effect.Effect<AgentSummary, AgentError>
    /** The model that a session of this agent has: the one wished for, the usual one, or null where it takes none from us. */
    readonly choose: (name: string, model: string | null) => Effect.Effect<string | null, AgentError>
    readonly start: (wish: {
      readonly name: string
      readonly permissions: "allow" | "ask"
      readonly model: string | null
      readonly org: string
      readonly sessionId: string
    }) => Effect.Effect<AgentStart, AgentError>
    /** Puts it on this host. What is there already is left as it is; two at once are one. `tell` hears how far it is. */
    readonly install: (name: string, tell: (progress: string) => void) => Effect.Effect<void, AgentError>
  }
>()("proliferate/actors/ports/Agents") {}
