/** What the store of a cluster's nodes promises (runtime/nodes.ts), N1 to N4. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, type Layer } from "effect"
import { nodeLeaseMs, nodeUnwellMs } from "../../runtime/limits.ts"
import { type Node, Nodes } from "../../runtime/nodes.ts"

export class NodesWorld extends Context.Service<
  NodesWorld,
  {
    /** Forgets everything and sets the clock to some time. */
    readonly clear: Effect.Effect<void>
    readonly passTime: (ms: number) => Effect.Effect<void>
  }
>()("proliferate/test/NodesWorld") {}

type Services = Nodes | NodesWorld

const aDayMs = 86_400_000
const [one, two] = ["10.0.0.1:8788", "10.0.0.2:8788"]
const node = (address: string, more: Partial<Node> = {}): Node => ({
  ...{ address, runner: `runner at ${address}`, name: `node at ${address}`, sandboxHost: null },
  ...more
})
const passTime = (ms: number) => NodesWorld.use((world) => world.passTime(ms))
const seen = (address: string) => Nodes.use(({ all }) => Effect.map(all, (nodes) => nodes.find((row) => row.address === address)))
const goneFor = (address: string) => Effect.map(seen(address), (row) => row?.goneForMs)

export const exerciseNodes = (name: string, world: Layer.Layer<Services, unknown>) =>
  layer(world)(`the nodes of a cluster in ${name}`, (it) => {
    const story = (title: string, body: (nodes: Nodes["Service"]) => Effect.Effect<void, unknown, Services>) =>
      it.effect(title, () =>
        Effect.andThen(
          NodesWorld.use(({ clear }) => clear),
          Effect.suspend(() => Nodes.use(body))
        )
      )

    story("N1: a node is there for as long as its lease, which it renews", (nodes) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* nodes.all, [])
        yield* nodes.enter(node(one, { sandboxHost: "host 1" }), true)
        const row = { ...node(one, { sandboxHost: "host 1" }), healthy: true, shards: 0, goneForMs: null }
        assert.deepStrictEqual(yield* nodes.all, [row])
        yield* passTime(nodeLeaseMs - 1)
        assert.isNull(yield* goneFor(one))
        const { heard } = yield* nodes.renew(one, 0)
        yield* passTime(nodeLeaseMs - 1)
        assert.isNull(yield* goneFor(one))
        yield* passTime(501)
        assert.strictEqual(yield* goneFor(one), 500)
        // Nobody took its place meanwhile: it is there again.
        yield* nodes.renew(one, heard)
        assert.isNull(yield* goneFor(one))
      })
    )

    story("N1: who did not hear the answer to its last renewal renews nothing, until it has heard one", (nodes) =>
      Effect.gen(function* () {
        yield* nodes.enter(node(one), true)
        // The answer is lost.
        yield* nodes.renew(one, 0)
        yield* passTime(nodeLeaseMs - 100)
        const { heard } = yield* nodes.renew(one, 0)
        yield* passTime(100)
        assert.strictEqual(yield* goneFor(one), 0)
        yield* nodes.renew(one, heard)
        assert.isNull(yield* goneFor(one))
      })
    )

    story("N1: one that left stays away, whatever was under way, until it enters again", (nodes) =>
      Effect.gen(function* () {
        const number = yield* nodes.enter(node(one), true)
        yield* nodes.acquire(one, ["1"])
        yield* nodes.leave(one)
        assert.strictEqual(yield* goneFor(one), 0)
        assert.deepStrictEqual(yield* nodes.renew(one, 0), { heard: 0, shards: [] })
        assert.deepStrictEqual(yield* nodes.acquire(one, ["2"]), [])
        yield* passTime(700)
        yield* nodes.leave(one)
        assert.strictEqual(yield* goneFor(one), 700)
        assert.strictEqual(yield* nodes.enter(node(one, { name: "renamed" }), false), number)
        assert.deepInclude(yield* seen(one), { name: "renamed", healthy: false, goneForMs: null })
        yield* nodes.renew(one, 0)
        yield* passTime(nodeLeaseMs - 1)
        assert.isNull(yield* goneFor(one))
      })
    )

    story("N1: one that others find unwell has a moment to renew its lease", (nodes) =>
      Effect.gen(function* () {
        yield* nodes.enter(node(one), true)
        yield* nodes.judge(one, false)
        assert.deepInclude(yield* seen(one), { healthy: false, goneForMs: null })
        yield* passTime(nodeUnwellMs - 1)
        // Said again, it gets no more of it.
        yield* nodes.judge(one, false)
        yield* passTime(1)
        assert.strictEqual(yield* goneFor(one), 0)
        yield* nodes.judge(one, true)
        assert.deepInclude(yield* seen(one), { healthy: true, goneForMs: 0 })

        yield* nodes.enter(node(two), true)
        yield* nodes.judge(two, false)
        yield* nodes.renew(two, 0)
        yield* passTime(nodeLeaseMs - 1)
        assert.isNull(yield* goneFor(two))
        // Nobody is made up by what is thought of it.
        yield* nodes.judge("10.0.0.3:8788", false)
        assert.isUndefined(yield* seen("10.0.0.3:8788"))
      })
    )

    story("N2: a shard has one holder, until it is given back", (nodes) =>
      Effect.gen(function* () {
        for (const address of [one, two]) yield* nodes.enter(node(address), true)
        assert.sameMembers([...(yield* nodes.acquire(one, ["1", "2", "3"]))], ["1", "2", "3"])
        assert.sameMembers([...(yield* nodes.acquire(one, ["1", "2", "3"]))], ["1", "2", "3"])
        assert.sameMembers([...(yield* nodes.acquire(two, ["2", "3", "4"]))], ["4"])
        assert.deepStrictEqual(
          (yield* nodes.all).map(({ shards }) => shards),
          [3, 1]
        )
        yield* nodes.release(two, ["2"])
        assert.deepStrictEqual(yield* nodes.acquire(two, ["2"]), [])
        yield* nodes.release(one, ["2"])
        assert.deepStrictEqual(yield* nodes.acquire(two, ["2"]), ["2"])
        assert.sameMembers([...(yield* nodes.renew(one, 0)).shards], ["1", "3"])
        yield* nodes.release(one, "all")
        assert.sameMembers([...(yield* nodes.acquire(two, ["1", "3", "4"]))], ["1", "3", "4"])
        assert.sameMembers([...(yield* nodes.renew(two, 0)).shards], ["1", "2", "3", "4"])
      })
    )

    story("N2: what the lease of its holder does not cover any more is another's, and the holder hears so", (nodes) =>
      Effect.gen(function* () {
        for (const address of [one, two]) yield* nodes.enter(node(address), true)
        yield* nodes.acquire(one, ["1", "2"])
        yield* passTime(nodeLeaseMs - 1)
        const { heard } = yield* nodes.renew(two, 0)
        assert.deepStrictEqual(yield* nodes.acquire(two, ["1"]), [])
        yield* passTime(1)
        // It takes nothing itself, not even its own.
        assert.deepStrictEqual(yield* nodes.acquire(one, ["1", "3"]), [])
        assert.deepStrictEqual(yield* nodes.acquire(two, ["1"]), ["1"])
        assert.deepStrictEqual((yield* nodes.renew(one, 0)).shards, ["2"])
        assert.deepStrictEqual((yield* nodes.renew(two, heard)).shards, ["1"])
        assert.deepStrictEqual(yield* nodes.acquire(one, ["1", "2"]), ["2"])
      })
    )

    story("N2: its holder is named for as long as that one's lease", (nodes) =>
      Effect.gen(function* () {
        for (const address of [one, two]) yield* nodes.enter(node(address), true)
        assert.isNull(yield* nodes.holder("1"))
        yield* nodes.acquire(one, ["1"])
        assert.strictEqual(yield* nodes.holder("1"), `node at ${one}`)
        yield* passTime(nodeLeaseMs)
        assert.isNull(yield* nodes.holder("1"))
        yield* nodes.enter(node(two), true)
        yield* nodes.acquire(two, ["1"])
        assert.strictEqual(yield* nodes.holder("1"), `node at ${two}`)
      })
    )

    story("N2: of nodes that take at once, each shard goes to one", (nodes) =>
      Effect.gen(function* () {
        const addresses = Array.from({ length: 4 }, (_, n) => `10.0.1.${n}:8788`)
        for (const address of addresses) yield* nodes.enter(node(address), true)
        const shards = Array.from({ length: 300 }, (_, n) => `default:${n + 1}`)
        const held = yield* Effect.forEach(addresses, (address) => nodes.acquire(address, shards), { concurrency: "unbounded" })
        assert.sameMembers(held.flat(), shards)
        for (const [n, address] of addresses.entries())
          assert.sameMembers([...(yield* nodes.renew(address, 0)).shards], [...held[n]!])
      })
    )

    story("N2: who is not known holds nothing and renews nothing", (nodes) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* nodes.acquire(one, ["1"]), [])
        assert.deepStrictEqual(yield* nodes.renew(one, 3), { heard: 3, shards: [] })
        yield* nodes.release(one, "all")
        yield* nodes.leave(one)
        assert.deepStrictEqual(yield* nodes.all, [])
      })
    )

    story("N4: a node that was there is remembered with when its lease ran out, one that was not is not known", (nodes) =>
      Effect.gen(function* () {
        const number = yield* nodes.enter(node(one, { sandboxHost: "host 1" }), true)
        yield* passTime(nodeLeaseMs + aDayMs)
        assert.notStrictEqual(yield* nodes.enter(node(two), true), number)
        assert.deepStrictEqual(
          (yield* nodes.all).map(({ address, sandboxHost, goneForMs }) => [address, sandboxHost, goneForMs]),
          [
            [one, "host 1", aDayMs],
            [two, null, null]
          ]
        )
      })
    )
  })
