/** OpenAI's Codex, through its ACP adapter. It speaks responses alone, and keeps its state in ~/.codex, where a restore finds it. */
import { type AgentProgram, modelUrl } from "./program.ts"

const config = {
  model: "{model}",
  model_provider: "proliferate",
  model_providers: {
    proliferate: { name: "proliferate", base_url: modelUrl, wire_api: "responses", env_key: "PROLIFERATE_MODEL_TOKEN" }
  },
  check_for_update_on_startup: false,
  analytics: { enabled: false }
}

export const codex: AgentProgram = {
  title: "Codex",
  packages: ["@agentclientprotocol/codex-acp@2.6.0", "@openai/codex@0.166.0"],
  entry: "node_modules/@agentclientprotocol/codex-acp/dist/index.js",
  dialects: ["responses"],
  start: (directory, { permissions, token }) => ({
    command: ["{node}", `${directory}/${codex.entry}`],
    env: {
      CODEX_CONFIG: JSON.stringify(config),
      MODEL_PROVIDER: "proliferate",
      PROLIFERATE_MODEL_TOKEN: token,
      NO_BROWSER: "1"
    },
    // Its mode decides what it may do, whatever its configuration says, and it encloses commands in a sandbox of its own, which
    // ours does not let it make: where it need not ask, it is told that it may do everything.
    mode: permissions === "allow" ? "agent-full-access" : "read-only"
  })
}
