/** Claude Code, through its ACP adapter, which brings Claude's own program along. It speaks Anthropic's messages alone. */
import { type AgentProgram, anthropicUrl } from "./program.ts"

export const claude: AgentProgram = {
  title: "Claude Code",
  packages: ["@agentclientprotocol/claude-agent-acp@0.101.0"],
  entry: "node_modules/@agentclientprotocol/claude-agent-acp/dist/index.js",
  dialects: ["messages"],
  start: (directory, { permissions, token }) => ({
    command: ["{node}", `${directory}/${claude.entry}`],
    env: {
      ANTHROPIC_BASE_URL: anthropicUrl,
      ANTHROPIC_API_KEY: token,
      ANTHROPIC_MODEL: "{model}",
      // Its names for models of its own would ask the relay for what this session may not use.
      ANTHROPIC_SMALL_FAST_MODEL: "{model}",
      ANTHROPIC_DEFAULT_HAIKU_MODEL: "{model}",
      ANTHROPIC_DEFAULT_SONNET_MODEL: "{model}",
      ANTHROPIC_DEFAULT_OPUS_MODEL: "{model}",
      CLAUDE_CODE_SUBAGENT_MODEL: "{model}",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      DISABLE_TELEMETRY: "1",
      DISABLE_ERROR_REPORTING: "1",
      IS_SANDBOX: "1",
      // Beside ACP it says a line for each step of its start: into a file, which ends with the sandbox.
      CLAUDE_AGENT_LOGS: "/tmp/claude-agent"
    },
    // In its default mode it asks a model of its own whether each step is safe; here our sandbox, or a person, sees to that.
    mode: permissions === "allow" ? "bypassPermissions" : "default"
  })
}
