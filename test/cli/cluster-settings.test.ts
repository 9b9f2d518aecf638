/** What a server that shall be one of several is refused for, before anything is begun. */
import { ConfigProvider, Effect } from "effect"
import { assert, it } from "vitest"
import { nodeOf } from "../../cli/cluster.ts"
import { settings } from "../../cli/settings.ts"

const whole = {
  CLUSTER: "on",
  DATABASE_URL: "postgres://postgres@127.0.0.1:5432/x",
  PROLIFERATE_SHARED: "/tmp/shared",
  PROLIFERATE_NODE_ADDRESS: "127.0.0.1:8791"
}
const nodeWith = (env: Record<string, string | undefined>) =>
  settings.pipe(
    Effect.flatMap(nodeOf),
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown(
        Object.fromEntries(Object.entries({ ...whole, ...env }).filter(([, value]) => value !== undefined))
      )
    )
  )

it("stands alone unless it is told otherwise", async () => {
  assert.isNull(await Effect.runPromise(nodeWith({ CLUSTER: undefined })))
  assert.isNull(await Effect.runPromise(nodeWith({ CLUSTER: "off", DATABASE_URL: undefined })))
})

it("is called by its address, and listens there, unless it is told otherwise", async () => {
  const place = { host: "127.0.0.1", port: 8791 }
  assert.deepStrictEqual(await Effect.runPromise(nodeWith({})), { name: "127.0.0.1:8791", address: place, listen: place })
  const other = await Effect.runPromise(nodeWith({ PROLIFERATE_NODE_NAME: "one", PROLIFERATE_NODE_LISTEN: "[::1]:9000" }))
  assert.deepStrictEqual(other, { name: "one", address: place, listen: { host: "::1", port: 9_000 } })
})

it.each([
  ["without a database of all", { DATABASE_URL: undefined }, /set DATABASE_URL to that of a PostgreSQL/],
  ["without a directory of all", { PROLIFERATE_SHARED: undefined }, /set PROLIFERATE_SHARED/],
  ["with a coordination of its own", { PROLIFERATE_COORDINATION: "process" }, /is for one server alone/],
  ["at no port", { PROLIFERATE_NODE_ADDRESS: "127.0.0.1" }, /PROLIFERATE_NODE_ADDRESS must be a host and a port/],
  ["at any port", { PROLIFERATE_NODE_ADDRESS: "127.0.0.1:0" }, /PROLIFERATE_NODE_ADDRESS must be/],
  ["at a URL", { PROLIFERATE_NODE_LISTEN: "http://127.0.0.1:80" }, /PROLIFERATE_NODE_LISTEN must be/],
  ["by another word", { CLUSTER: "yes" }, /CLUSTER|"on"/]
])("is refused %s, and told what to do", async (_, env, says) => {
  const error = await Effect.runPromise(Effect.flip(nodeWith(env)))
  assert.match(String((error as { message?: string }).message), says)
})
