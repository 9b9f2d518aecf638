/** The short way from a commit to a hand (runtime/handover.ts): no claim in between, and nothing lost or run twice by it. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { commandClaimMs, commandsInFlightMax, outboxPollMs } from "../../runtime/limits.ts"
import { heated, lamp, warmed } from "../support/heated.ts"
import { Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

describe("a command whose commit found a hand free", () => {
  it("is begun without a claim of its own", () => {
    const place = new Place()
    const host = place.host(lampActor())
    host.ask(lamp, "create")
    place.advance(100)
    place.calls.clear()
    host.ask(lamp, "switchOn")
    place.advance(10)
    assert.strictEqual(place.status(lamp), "lit")
    assert.strictEqual(place.callsOf("claim"), 0)
  })

  it("is another's once the claim has run out of a process that died in between, and is run there once", () => {
    const { place, host, runs } = heated(() => Effect.never)
    place.advance(10)
    assert.lengthOf(runs, 1)
    host.kill()
    const next = place.host(lampActor({ heat: () => Effect.succeed(warmed) }))
    place.advance(commandClaimMs - 1_000)
    assert.isEmpty(next.of("command.started"))
    place.advance(1_000 + 2 * outboxPollMs)
    assert.strictEqual(place.status(lamp), "lit")
    assert.lengthOf(next.of("command.done"), 1)
  })

  it("is renewed as any other: it stays with the process that runs it", () => {
    const { place, runs } = heated(() => Effect.delay(Effect.succeed(warmed), 3 * commandClaimMs))
    const other = place.host(lampActor({ heat: () => Effect.succeed(warmed) }))
    place.advance(4 * commandClaimMs)
    assert.lengthOf(runs, 1)
    assert.isEmpty(other.of("command.started"))
    assert.strictEqual(place.status(lamp), "lit")
  })
})

it("takes no more than an organisation's share of the hands, and what is over is anyone's", () => {
  const ids = Array.from({ length: commandsInFlightMax }, (_, n) => `lamp_${n}`)
  const { place, runs } = heated(() => Effect.never, ids)
  place.advance(outboxPollMs)
  assert.lengthOf(runs, commandsInFlightMax / 2)
  const other = place.host(lampActor({ heat: () => Effect.succeed(warmed) }))
  place.advance(outboxPollMs)
  assert.lengthOf(other.of("command.done"), commandsInFlightMax / 2)
})

it("gives back what it kept free when nothing was written", () => {
  const place = new Place()
  const host = place.host(lampActor({ heat: () => Effect.succeed(warmed) }))
  const addresses = Array.from({ length: 40 }, (_, n) => lampAddress(`lamp_${n}`))
  for (const address of addresses) host.ask(address, "create")
  // Each of them is refused by the journal with its hands reserved.
  place.disturb = (operation) => Effect.succeed(operation === "commit" ? "unavailable" : null)
  for (let n = 0; n < 4; n++) {
    for (const address of addresses) host.fork(Effect.ignore(host.asking(address, { type: "switchOn" })))
    place.advance(10_000)
  }
  place.disturb = () => Effect.succeed(null)
  place.advance(1_000)
  place.calls.clear()
  for (const address of addresses) if (place.status(address) === "off") host.ask(address, "switchOn")
  place.advance(10)
  assert.isTrue(addresses.every((address) => place.status(address) === "lit"))
  assert.strictEqual(place.callsOf("claim"), 0)
})
