/** Every command that a guide shows: a shell takes it apart, the real grammar reads it, the action's own schema takes what arrives. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { NodeServices } from "@effect/platform-node"
import { it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Command } from "effect/cli"
import { vi } from "vitest"
import type { Provider } from "../../actors/ports/actions.ts"
import { decode } from "../../actors/services/decode.ts"
import { guideOf } from "../../actors/services/guide.ts"
import { githubProvider } from "../../adapters/actions/github/github.ts"
import { linearProvider } from "../../adapters/actions/linear/linear.ts"
import { makeConnectors } from "../../adapters/actions/mcp/connector.ts"
import { sentryProvider } from "../../adapters/actions/sentry/sentry.ts"
import { slackProvider } from "../../adapters/actions/slack/slack.ts"
import { actions } from "../../cli/commands/actions.ts"
import { Json } from "../../cli/output.ts"
import { connectorAt } from "../support/services/connectors.ts"
import { everything, mcpServer } from "../support/services/mcp.ts"
import { service } from "../support/services/service.ts"

const nowhere = { url: "https://service.test", apiUrl: "https://service.test", client: null }
const builtIn = [githubProvider(nowhere), slackProvider(nowhere), linearProvider(nowhere), sentryProvider(nowhere)]
const proliferate = Command.runWith(
  Command.make("proliferate").pipe(Command.withSubcommands([actions]), Command.withGlobalFlags([Json])),
  { version: "0.0.0" }
)

const guideFor = (provider: Provider): string =>
  guideOf(
    {
      integration: provider.integration,
      displayName: provider.displayName,
      usable: true,
      trouble: null,
      actions: provider.actions.map((action) => ({
        ...action,
        params: action.inputSchema,
        verdict: "run" as const,
        because: "",
        depends: false,
        granted: []
      }))
    },
    provider.guide
  )

/** What a shell makes of a command line. */
const wordsOf = (line: string): ReadonlyArray<string> =>
  execFileSync("sh", ["-c", `proliferate() { printf '%s\\0' "$@"; }\n${line}`], { encoding: "utf8" })
    .split("\0")
    .slice(0, -1)

it.live("can be typed as it stands", () =>
  Effect.gen(function* () {
    const { url: mcpUrl, host } = yield* mcpServer(everything)
    const { of } = yield* makeConnectors(new Set([host]))
    const connector = yield* of(connectorAt(mcpUrl, { credential: Redacted.make({ kind: "token", token: "token" }) }))
    const { url, asked } = yield* service(({ body }) => {
      const { integration, action, params } = JSON.parse(body || "{}")
      const nothing = { decidedBy: null, by: null, grantId: null, reason: null, message: null, expiresAtMs: null }
      const times = { createdAtMs: 0, updatedAtMs: 0 }
      const call = {
        id: "apr_1",
        sessionId: "ses_1",
        status: "completed",
        integration,
        action,
        risk: "read",
        params,
        path: [],
        result: {}
      }
      return { body: { ...call, ...nothing, ...times } }
    })
    vi.stubEnv("PROLIFERATE_URL", url)
    vi.stubEnv("PROLIFERATE_TOKEN", "plf_token")
    vi.stubEnv("PROLIFERATE_SESSION", "ses_1")

    for (const provider of [...builtIn, connector]) {
      const guide = guideFor(provider)
      const lines = [...guide.matchAll(/```sh\n([\s\S]*?)\n```/g)].map(([, line]) => line!)
      assert.equal(lines.length, provider.actions.length, provider.integration)
      for (const [at, action] of provider.actions.entries()) {
        asked.splice(0)
        yield* proliferate(wordsOf(lines[at]!))
        const { integration, action: named, params } = JSON.parse(asked.find(({ method }) => method === "POST")!.body)
        assert.deepEqual([integration, named], [provider.integration, action.name])
        assert.deepEqual(yield* decode(action.params)(params), action.example)
      }
      for (const tip of provider.guide.tips)
        for (const [name] of tip.matchAll(/\b[a-z]+_[a-z_]+\b/g))
          assert.ok(
            isKnown(provider, name),
            `${provider.integration}'s tips name ${name}, which is neither an action nor a field`
          )
    }
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.ensuring(Effect.sync(() => vi.unstubAllEnvs())))
)

/** Words of the services themselves. */
const theirs = ["not_in_channel"]
const isKnown = ({ actions }: Provider, name: string): boolean =>
  theirs.includes(name) ||
  actions.some((action) => action.name === name || Object.keys((action.inputSchema["properties"] ?? {}) as object).includes(name))
