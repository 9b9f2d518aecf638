/** The suite of routers on both of them: one process, and two nodes that hold about half of the homes each. */
import { Effect, Exit, Layer, ManagedRuntime, Scope } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import { memoryFeed } from "../../adapters/memory/feed.ts"
import { memoryJournal } from "../../adapters/memory/journal.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import { Committer } from "../../runtime/committer.ts"
import { FeedStore } from "../../runtime/feed.ts"
import { Journal } from "../../runtime/journal.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { Nodes } from "../../runtime/nodes.ts"
import { Router } from "../../runtime/router.ts"
import { type ClusterNode, startNode } from "../support/cluster-nodes.ts"
import { lampAddress } from "../support/lamp.ts"
import { migratedDatabase } from "../support/postgres.ts"
import { exerciseRouter, routerActors } from "./router.ts"

const scope = Effect.runSync(Scope.make())
let nodes: ReadonlyArray<ClusterNode> = []
let databaseUrl: string

const alone = ManagedRuntime.make(
  localRouter(routerActors).pipe(
    Layer.provideMerge(Layer.mergeAll(Committer.layer, localFeeds)),
    Layer.provide(LocalCoordination.layer),
    Layer.provide(
      Layer.mergeAll(
        Layer.sync(Journal, () => memoryJournal(emptyJournal())),
        Layer.sync(FeedStore, () => memoryFeed(new Map()))
      )
    )
  )
)

beforeAll(async () => {
  databaseUrl = await Effect.runPromise(Scope.provide(scope)(migratedDatabase))
  nodes = await Promise.all(["one", "two"].map((name) => startNode({ databaseUrl, name, definitions: routerActors })))
})

afterAll(async () => {
  await alone.dispose()
  await Promise.all(nodes.map((node) => node.stop()))
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

exerciseRouter("of one process", () => ({ exits: [(effect) => alone.runPromiseExit(effect)] }))
exerciseRouter("of two nodes", () => ({ exits: nodes.map((node) => (effect) => node.runExit(effect)) }))

it("homes move to those who are left, and an answer that was given stands", async () => {
  const [one, two] = nodes as [ClusterNode, ClusterNode]
  const ask = (node: ClusterNode, n: number, type: string, id: string) =>
    node.run(
      Router.use((router) => router.ask(lampAddress(`lamp_moving_${n}`), { id, event: { type, text: id }, by: null } as never))
    )
  const all = Array.from({ length: 12 }, (_, n) => n)
  await Promise.all(all.map((n) => ask(one, n, "create", "made")))
  const held = () => one.run(Effect.forEach(all, (n) => Router.use((router) => router.holder(lampAddress(`lamp_moving_${n}`)))))
  assert.sameMembers([...new Set(await held())], ["one", "two"])
  const asking = all.map(async (n) => {
    for (let said = 0; said < 20; said++) await ask(one, n, "say", `${said}`)
  })
  await two.stop()
  await Promise.all(asking)
  assert.deepStrictEqual([...new Set(await held())], ["one"])
  for (const n of all) {
    const view = await one.run(Router.use((router) => router.look(lampAddress(`lamp_moving_${n}`))))
    assert.strictEqual(view?.rev, 21)
    assert.strictEqual(view?.context["said"], "19")
  }
  const seen = await one.run(Nodes.use((known) => known.all))
  assert.deepStrictEqual(
    seen.filter(({ goneForMs }) => goneForMs === null).map(({ name, shards }) => [name, shards]),
    [["one", 300]]
  )
})
