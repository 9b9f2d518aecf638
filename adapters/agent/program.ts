/**
 * An agent as the table of agents (agents.ts) describes it: what is installed, which models it can speak to, how it is started.
 * A command and its environment may name `{node}`, `{proliferate}`, `{agents}` (where installed agents are inside a sandbox) and
 * `{model}`, which the daemon fills in when it starts the agent, and again when the session's model is switched.
 */
import type { Dialect, Model } from "../../actors/ports/models.ts"
import { relayPort } from "../../actors/ports/proxy.ts"

/** Where the relay speaks chat completions and responses; Anthropic's clients put `/v1` behind theirs by themselves. */
export const modelUrl = `http://127.0.0.1:${relayPort}/model/v1`
export const anthropicUrl = `http://127.0.0.1:${relayPort}/model`

export interface Wish {
  readonly permissions: "allow" | "ask"
  /** What the relay takes as this session's key. */
  readonly token: string
  /** Those that the session may choose. */
  readonly models: ReadonlyArray<Model>
}

export interface AgentProgram {
  readonly title: string
  /** Exactly pinned npm packages; the first gives the version. None: there is nothing to install. */
  readonly packages: ReadonlyArray<string>
  /** A file of the installed packages without which it cannot run, and the command's own. */
  readonly entry: string | null
  /** What it can speak to a model, the best first; none: it takes no model from us. */
  readonly dialects: ReadonlyArray<Dialect>
  /** `directory`: its own below `{agents}`. */
  readonly start: (
    directory: string,
    wish: Wish
  ) => {
    readonly command: ReadonlyArray<string>
    readonly env: Readonly<Record<string, string>>
    /** What it calls a model in the options that it offers over ACP. */
    readonly modelOption?: string
    /** The session mode to choose over ACP, where the agent's own default is not what we want. */
    readonly mode?: string
  }
}

/** Of `name@1.2.3` or `@scope/name@1.2.3`: what comes after the last @. */
export const versionOf = ({ packages }: Pick<AgentProgram, "packages">): string | null =>
  packages[0] === undefined ? null : packages[0].slice(packages[0].lastIndexOf("@") + 1)
