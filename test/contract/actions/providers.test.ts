/** All that an organisation's agents may act on: what is built in, and its own connectors, each with its trouble. */
import assert from "node:assert/strict"
import { it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type Connector, Connectors, Providers } from "../../../actors/ports/actions.ts"
import * as ActionProviders from "../../../adapters/actions/providers.ts"
import { connectorAt, notes } from "../../support/services/connectors.ts"
import { mcpServer } from "../../support/services/mcp.ts"
import { service } from "../../support/services/service.ts"

const nowhere = { url: "https://service.test", apiUrl: "https://service.test", client: null }

const providersOf = (connectorHosts: ReadonlyArray<string>, records: Readonly<Record<string, ReadonlyArray<Connector>>>) =>
  ActionProviders.layer({ github: nowhere, linear: nowhere, sentry: nowhere, slack: nowhere, connectorHosts }).pipe(
    Layer.provide(Layer.succeed(Connectors, Connectors.of({ enabled: (org) => Effect.succeed(records[org] ?? []) })))
  )

it.effect("a connector is its organisation's alone, and takes no name that is built in", () =>
  Effect.gen(function* () {
    const { url, host } = yield* mcpServer(notes())
    const closed = yield* service(() => ({ status: 401, body: { error: "invalid_token" } }))
    const records = {
      acme: [
        connectorAt(url),
        connectorAt(url, { id: "con_2", slug: "github" }),
        connectorAt(closed.url, { id: "con_3", slug: "closed", name: "Closed" })
      ]
    }
    const layer = providersOf([host, new URL(closed.url).host], records)
    yield* Effect.gen(function* () {
      const providers = yield* Providers
      const all = yield* providers.of("acme")
      assert.deepEqual(all.map(({ integration }) => integration).sort(), [
        "closed",
        "github",
        "linear",
        "sentry",
        "slack",
        "tools"
      ])
      const github = all.find(({ integration }) => integration === "github")!
      assert.ok(github.actions.some(({ name }) => name === "merge_pull_request"))
      assert.match(all.find(({ integration }) => integration === "closed")!.trouble ?? "", /Closed does not take the credential/)
      assert.ok(((yield* providers.find("acme", "tools"))?.actions.length ?? 0) > 0)
      assert.equal((yield* providers.find("acme", "github"))?.displayName, "GitHub")
      assert.equal(yield* providers.find("other", "tools"), null)
      assert.equal((yield* providers.of("other")).length, 4)
    }).pipe(Effect.provide(layer))
  }).pipe(Effect.scoped)
)
