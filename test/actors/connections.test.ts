/** Connections and connectors over their records, while others change them and the database is away. */
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { Connectors, type Provider, Providers } from "../../actors/ports/actions.ts"
import { ConnectionRecords } from "../../actors/ports/connections.ts"
import { DirectoryError } from "../../actors/ports/directory.ts"
import { Seals } from "../../actors/ports/seals.ts"
import type { Pass } from "../../actors/services/access.ts"
import { Connections } from "../../actors/services/connections.ts"
import { ConnectorBook } from "../../actors/services/connector-book.ts"
import { connectors } from "../../actors/services/connectors.ts"
import { CredentialsOf, encodeSecret } from "../../actors/services/credentials.ts"
import { memoryConnections } from "../../adapters/memory/connections.ts"
import * as FileSeals from "../../adapters/secrets/seals.ts"
import { scratch } from "../support/gateway.ts"

const org = "org_1"
const pass = { organisation: org, principal: { kind: "user", organisation: org, user: { id: "usr_1" } }, session: null } as never
const tokenOf = (token: string) => Redacted.make({ kind: "token" as const, token })

/** Slack, which says who it is when it is let. */
const scene = Effect.gen(function* () {
  const records = memoryConnections()
  const gate = { check: Effect.void as Effect.Effect<void>, isAway: false }
  const provider = {
    integration: "slack",
    displayName: "Slack",
    takes: ["token"],
    trouble: null,
    actions: [],
    oauth: null,
    check: () => Effect.as(gate.check, { account: "ada", scopes: [], settings: { team: "T1" } })
  } as unknown as Provider
  const away = new DirectoryError({ reason: "unavailable", message: "the database does not answer" })
  const known = Layer.mergeAll(
    Layer.succeed(
      ConnectionRecords,
      ConnectionRecords.of({
        ...records,
        connectors: (of) => Effect.suspend(() => (gate.isAway ? Effect.fail(away) : records.connectors(of)))
      })
    ),
    Layer.succeed(Providers, Providers.of({ of: () => Effect.succeed([provider]), find: () => Effect.succeed(provider) })),
    FileSeals.layer(yield* scratch)
  )
  const all = Layer.mergeAll(connectors, ConnectorBook.layer, Connections.layer.pipe(Layer.provideMerge(CredentialsOf.layer)))
  const context = yield* Layer.build(all.pipe(Layer.provideMerge(known)))
  const its = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideContext(effect, context as never) as Effect.Effect<A, E>
  const connect = (id: string, token: string) =>
    its(
      Effect.gen(function* () {
        const { seal } = yield* Seals
        yield* records.connect({
          ...{ id, org, integration: "slack", kind: "token", account: null, scopes: [], settings: { team: "T1" } },
          ...{ createdBy: null, checkedAtMs: null, expiresAtMs: null },
          sealed: seal({ purpose: "connection", org, id }, encodeSecret(tokenOf(token)))
        })
      })
    )
  return { records, gate, its, connect }
})

it.live("a credential that was not taken says nothing of the one that is there by then", () =>
  Effect.gen(function* () {
    const { records, its, connect } = yield* scene
    const refused = (token: string) =>
      its(CredentialsOf.use((all) => all.refused(org, "slack", tokenOf(token), "Slack does not take the credential")))
    yield* connect("con_1", "xoxb-first-token")
    yield* connect("con_2", "xoxb-second-token")
    yield* refused("xoxb-first-token")
    assert.strictEqual((yield* records.find(org, "con_2"))?.status, "active")
    yield* refused("xoxb-second-token")
    assert.deepInclude(yield* records.find(org, "con_2"), { status: "needsReauth" })
  }).pipe(Effect.scoped)
)

it.live("what is set while the service is asked who it is stays set", () =>
  Effect.gen(function* () {
    const { records, gate, its, connect } = yield* scene
    yield* connect("con_1", "xoxb-token")
    const [asked, let_] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    gate.check = Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(let_))
    const checking = yield* Effect.forkChild(its(Connections.use((all) => all.check(pass as Pass<"connections.check">, "con_1"))))
    yield* Deferred.await(asked)
    yield* its(Connections.use((all) => all.set(pass as Pass<"connections.add">, "con_1", { approvals: "C0123456" })))
    yield* Deferred.succeed(let_, undefined)
    const checked = yield* Fiber.join(checking)
    assert.deepStrictEqual(checked.settings, { team: "T1", approvals: "C0123456" })
    assert.deepStrictEqual((yield* records.find(org, "con_1"))?.settings, { team: "T1", approvals: "C0123456" })
  }).pipe(Effect.scoped)
)

it.live("a connector's usual risk is taken back, and stays what it is where nothing is said of it", () =>
  Effect.gen(function* () {
    const { its } = yield* scene
    yield* its(
      Effect.gen(function* () {
        const book = yield* ConnectorBook
        const change = Effect.fnUntraced(function* (given: Parameters<typeof book.change>[2]) {
          return (yield* book.change(pass as Pass<"connectors.change">, "docs", given)).riskPolicy
        })
        yield* book.add(pass as Pass<"connectors.change">, {
          slug: "docs",
          url: "https://docs.example/mcp",
          defaultRisk: "danger"
        })
        assert.deepStrictEqual(yield* change({ overrides: { find: "read" } }), {
          defaultRisk: "danger",
          overrides: { find: "read" }
        })
        assert.deepStrictEqual(yield* change({ defaultRisk: null }), { defaultRisk: null, overrides: { find: "read" } })
      })
    )
  }).pipe(Effect.scoped)
)

it.live("connectors that were known are there while the database is away", () =>
  Effect.gen(function* () {
    const { its, gate } = yield* scene
    const slugs = its(Connectors.use(({ enabled }) => Effect.map(enabled(org), (all) => all.map(({ slug }) => slug))))
    yield* its(
      ConnectorBook.use((book) => book.add(pass as Pass<"connectors.change">, { slug: "docs", url: "https://docs.example/mcp" }))
    )
    assert.deepStrictEqual(yield* slugs, ["docs"])
    gate.isAway = true
    assert.deepStrictEqual(yield* slugs, ["docs"])
    const others = its(Connectors.use(({ enabled }) => enabled("org_2")))
    assert.deepStrictEqual(yield* others, [])
    gate.isAway = false
    yield* its(ConnectorBook.use((book) => book.remove(pass as Pass<"connectors.change">, "docs")))
    assert.deepStrictEqual(yield* slugs, [])
    gate.isAway = true
    assert.deepStrictEqual(yield* slugs, [])
  }).pipe(Effect.scoped)
)
