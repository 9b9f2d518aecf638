/**
 * The commands, as the root lists them. Of most calls one is asked for, and only that one is loaded: the others would cost a start as
 * much again. Where all of the tree is needed, such as for a shell's completion, all are.
 */
import { Effect } from "effect"
import { Command } from "effect/cli"

type Any = Command.Command<any, any, any, any, any>
interface Listed {
  /** What the root's help says of it, and its own where it says no more; null: it is not for people, and not listed. */
  readonly short: string | null
  readonly load: () => Promise<Any>
}

const listed: Readonly<Record<string, Listed>> = {
  serve: { short: "Run the server", load: async () => (await import("./commands/serve.ts")).serve },
  doctor: {
    short: "Say what this machine has and lacks for a server",
    load: async () => (await import("./commands/doctor.ts")).doctor
  },
  whoami: {
    short: "Who the server takes you for, and your role",
    load: async () => (await import("./commands/whoami.ts")).whoami
  },
  sessions: {
    short: "Agents at work: create, watch, steer, pause, stop",
    load: async () => (await import("./commands/sessions.ts")).sessions
  },
  actions: {
    short: "Act on services: what may be done, how, and doing it",
    load: async () => (await import("./commands/actions.ts")).actions
  },
  inbox: { short: "Calls of agents that wait for a person", load: async () => (await import("./commands/inbox.ts")).inbox },
  approvals: { short: "Decide what agents asked for", load: async () => (await import("./commands/approvals.ts")).approvals },
  grants: {
    short: "Permissions that are lent to agents for a while",
    load: async () => (await import("./commands/grants.ts")).grants
  },
  policy: { short: "The rules by which agents may act", load: async () => (await import("./commands/policy.ts")).policy },
  connections: {
    short: "Services that agents may act on",
    load: async () => (await import("./commands/connections.ts")).connections
  },
  connectors: {
    short: "MCP servers whose tools are actions",
    load: async () => (await import("./commands/connectors.ts")).connectors
  },
  slack: { short: "Decide calls from Slack", load: async () => (await import("./commands/slack.ts")).slack },
  repos: { short: "Git repositories that sessions work on", load: async () => (await import("./commands/repos.ts")).repos },
  configurations: {
    short: "What sessions are instances of: repositories and an agent",
    load: async () => (await import("./commands/configurations.ts")).configurations
  },
  agents: {
    short: "Agents on the server's host: list, install, check",
    load: async () => (await import("./commands/agents.ts")).agents
  },
  organisations: {
    short: "Teams that share nothing with each other",
    load: async () => (await import("./commands/organisations.ts")).organisations
  },
  users: { short: "People of your organisation and their roles", load: async () => (await import("./commands/users.ts")).users },
  tokens: {
    short: "What programs and people prove themselves with",
    load: async () => (await import("./commands/tokens.ts")).tokens
  },
  actor: { short: "For operators: the actors behind sessions", load: async () => (await import("./commands/actor.ts")).actor },
  machines: {
    short: "The state machines that sessions run on: list, draw",
    load: async () => (await import("./commands/machines.ts")).machines
  },
  ops: {
    short: "For operators: what has come apart, and putting it right",
    load: async () => (await import("./commands/ops.ts")).ops
  },
  completion: {
    short: "Print what your shell needs to complete this command",
    load: async () => (await import("./commands/completion.ts")).completion
  },
  daemon: { short: null, load: async () => (await import("./commands/daemon.ts")).daemon },
  agent: { short: null, load: async () => (await import("./commands/agent.ts")).agent },
  mcp: { short: null, load: async () => (await import("./commands/mcp.ts")).mcp }
}

const said = (command: Any, { short }: Listed): Any => {
  if (short === null) return Command.unlisted(command)
  const described = command.description === undefined ? Command.withDescription(command, short) : command
  return Command.withShortDescription(described, short)
}

/** For these arguments: whole where they need it; of the others the name, and nothing behind it. */
export const commandsFor = (args: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Any>> => {
  const asked = args.find((arg) => !arg.startsWith("-"))
  const needsAll = args.some((arg) => arg.startsWith("--completions"))
  return Effect.promise(() =>
    Promise.all(
      Object.entries(listed).map(async ([name, one]) =>
        said(needsAll || name === asked ? await one.load() : Command.make(name), one)
      )
    )
  )
}
