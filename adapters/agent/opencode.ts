/**
 * OpenCode. Its program comes from the package of its platform, without the Node wrapper around it and the second build that the
 * wrapper's package brings along. What would ask the network at its start is switched off: in a sandbox nothing answers.
 */
import { readFileSync } from "node:fs"
import { type AgentProgram, modelUrl } from "./program.ts"

const version = "1.18.33"

/** Which build runs here: without AVX2, and with musl instead of glibc, it is another one. */
const platform = (): string => {
  const { arch } = process
  const isOld = arch === "x64" && !/\bavx2\b/.test(read("/proc/cpuinfo"))
  const header = (process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } }).header
  return `linux-${arch}${isOld ? "-baseline" : ""}${header?.glibcVersionRuntime === undefined ? "-musl" : ""}`
}
const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

const modalities = { input: ["text", "image"], output: ["text"] }

const program = `opencode-${platform()}`

export const opencode: AgentProgram = {
  title: "OpenCode",
  packages: [`${program}@${version}`],
  entry: `node_modules/${program}/bin/opencode`,
  dialects: ["chat", "messages"],
  start: (directory, { permissions, token, models }) => ({
    command: [`${directory}/${opencode.entry}`, "acp"],
    env: {
      OPENCODE_CONFIG_CONTENT: JSON.stringify({
        autoupdate: false,
        share: "disabled",
        enabled_providers: ["proliferate"],
        model: "proliferate/{model}",
        small_model: "proliferate/{model}",
        // Sessions have titles of their own; this one would cost a call to the model for each.
        agent: { title: { disable: true } },
        ...(permissions === "ask" && { permission: { bash: "ask", edit: "ask" } }),
        provider: {
          proliferate: {
            name: "proliferate",
            npm: "@ai-sdk/openai-compatible",
            options: { baseURL: modelUrl, apiKey: "{env:PROLIFERATE_MODEL_TOKEN}" },
            models: Object.fromEntries(
              models.map(({ id, dialects }) => [
                id,
                // Without these words it leaves pictures out of what it sends.
                {
                  name: id,
                  attachment: true,
                  modalities,
                  ...(!dialects.includes("chat") && { provider: { npm: "@ai-sdk/anthropic" } })
                }
              ])
            )
          }
        }
      }),
      PROLIFERATE_MODEL_TOKEN: token,
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
      OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
      // A repository with plugins would make its start wait for the registry for a minute.
      npm_config_offline: "true",
      // It serves HTTP on the loopback beside ACP, to whoever knows this.
      OPENCODE_SERVER_PASSWORD: token
    },
    modelOption: "proliferate/{model}"
  })
}
