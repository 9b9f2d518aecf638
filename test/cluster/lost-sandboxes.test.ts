/** What is said of a sandbox whose host is not this one: gone is never a guess (adapters/cluster/sandboxes.ts, H2). */
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Sandboxes } from "../../actors/ports/sandboxes.ts"
import { hostGoneMs } from "../../adapters/cluster/limits.ts"
import { clusterSandboxes, OwnSandboxes } from "../../adapters/cluster/sandboxes.ts"
import { memoryNodes } from "../../adapters/memory/nodes.ts"
import { nodeLeaseMs } from "../../runtime/limits.ts"
import { Nodes } from "../../runtime/nodes.ts"

const elsewhere = () => Effect.die("it is not asked here")
const own = Sandboxes.of({
  provider: "here",
  isolation: "none",
  provision: elsewhere,
  revive: elsewhere,
  status: (sandboxId) => Effect.succeed(sandboxId === "ours_1" ? "running" : "gone"),
  extend: elsewhere,
  endpoint: elsewhere,
  capture: elsewhere,
  destroy: elsewhere,
  discard: elsewhere,
  list: Effect.succeed([])
})
const nodes = memoryNodes()
const sandboxes = clusterSandboxes({
  host: "ours",
  hostOf: (sandboxId) => sandboxId.split("_")[0]!,
  key: new Uint8Array(32)
}).pipe(Layer.provide([Layer.succeed(OwnSandboxes, own), Layer.succeed(Nodes, nodes)]))

it.effect("a host is gone when the leases of all its nodes ran out long enough ago, and back when one of them is", () =>
  Effect.gen(function* () {
    const { status, endpoint, destroy } = yield* Sandboxes
    const saidOf = (sandboxId: string) => Effect.flip(endpoint(sandboxId)).pipe(Effect.map(({ reason }) => reason))
    assert.strictEqual(yield* status("ours_1"), "running")
    assert.strictEqual(yield* saidOf("theirs_1"), "unreachable")

    const theirs = (port: number) => ({ address: `127.0.0.1:${port}`, runner: "", name: "", sandboxHost: "theirs" })
    yield* nodes.enter(theirs(1), true)
    yield* TestClock.adjust(5_000)
    yield* nodes.enter(theirs(2), true)
    yield* TestClock.adjust(nodeLeaseMs + hostGoneMs)
    assert.strictEqual(yield* saidOf("theirs_1"), "unreachable")
    assert.strictEqual((yield* Effect.flip(destroy("theirs_1"))).reason, "unreachable")
    yield* TestClock.adjust(1)
    assert.strictEqual(yield* status("theirs_1"), "gone")
    assert.strictEqual(yield* saidOf("theirs_1"), "not-found")
    yield* destroy("theirs_1")
    // Of another one nothing is known still.
    assert.strictEqual(yield* saidOf("others_1"), "unreachable")

    yield* nodes.enter(theirs(2), true)
    yield* nodes.leave(theirs(2).address)
    assert.strictEqual(yield* saidOf("theirs_1"), "unreachable")
  }).pipe(Effect.provide(sandboxes))
)
