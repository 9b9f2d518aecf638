/** Who runs a command, and whose fact counts: O1 and O2 of runtime/outbox.ts. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import type { Fact } from "../../runtime/actor.ts"
import { commandClaimMs, commandRenewMs, commandsInFlightMax, outboxPollMs } from "../../runtime/limits.ts"
import { cold, heated, lamp, warmed } from "../support/heated.ts"
import { Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

describe("a claim", () => {
  it("is renewed while its run lives (O2)", () => {
    const { place, runs } = heated(() => Effect.delay(Effect.succeed(cold), 6 * commandClaimMs))
    const other = place.host(lampActor({ heat: () => Effect.succeed(warmed) }))
    place.advance(7 * commandClaimMs)
    assert.lengthOf(runs, 1)
    assert.isEmpty(other.of("command.started"))
  })

  it("that is lost interrupts its run, and the other's fact counts (O2)", () => {
    let interrupted = 0
    const { place, host, left } = heated(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)))
    place.advance(10)
    host.lane.pause()
    const other = place.host(lampActor({ heat: () => Effect.succeed(warmed) }))
    place.advance(commandClaimMs + outboxPollMs)
    assert.strictEqual(place.status(lamp), "lit")
    host.lane.unpause()
    place.advance(commandClaimMs)
    assert.strictEqual(interrupted, 1)
    assert.lengthOf(other.of("command.done"), 1)
    assert.deepStrictEqual(left(), [])
  })

  it("that ran out before its run began starts nothing: another has the command (O2)", () => {
    const { place, host: dead, runs, watched } = heated(() => Effect.never)
    dead.kill()
    place.reclaim()
    runs.length = 0
    const host = place.host(lampActor({ heat: watched }))
    let isAsleep = false
    place.disturb = (operation) =>
      Effect.sync(() => {
        if (operation === "claim" && place.journal.commands.size > 0 && !isAsleep) {
          isAsleep = true
          host.lane.pause()
        }
        return null
      })
    place.advance(outboxPollMs)
    assert.isTrue(isAsleep)
    assert.isEmpty(runs)
    place.host(lampActor({ heat: watched }))
    place.advance(commandClaimMs + outboxPollMs)
    assert.lengthOf(runs, 1)
    host.lane.unpause()
    place.advance(commandClaimMs)
    assert.lengthOf(runs, 1)
  })

  it("survives an outage that is shorter than it", () => {
    const { place, runs } = heated(() => Effect.delay(Effect.succeed(warmed), 2 * commandClaimMs))
    place.advance(1_000)
    place.disturb = () => Effect.succeed("unavailable")
    place.advance(commandClaimMs / 2)
    place.disturb = () => Effect.succeed(null)
    place.advance(2 * commandClaimMs)
    assert.lengthOf(runs, 1)
  })
})

describe("what is claimed ahead", () => {
  const lamps = (count: number) => Array.from({ length: count }, (_, index) => `lamp_${index}`)

  it("is as much as was quick: a thousand short commands take few claims and fewer completions", () => {
    const ids = lamps(1_000)
    const place = new Place()
    const asking = place.host(lampActor({ heat: () => Effect.never }))
    for (const id of ids) asking.ask(lampAddress(id), "create")
    place.disturb = (operation) => Effect.succeed(operation === "claim" ? "unavailable" : null)
    for (const id of ids) asking.ask(lampAddress(id), "switchOn")
    asking.kill()
    place.reclaim()
    place.disturb = () => Effect.succeed(null)
    place.calls.clear()
    place.host(lampActor({ heat: () => Effect.void }))
    place.until(() => place.journal.commands.size === 0, "all are done")
    assert.isAtMost(place.callsOf("claim"), 12)
    assert.isAtMost(place.callsOf("complete"), 12)
  })

  it("and not begun is another's when its claim has run out, and is begun by nobody twice", () => {
    const ids = lamps(300)
    let heats = 0
    // Quick until a hundred are warm, then none ends.
    const heat = () => Effect.suspend(() => (++heats <= 100 ? Effect.succeed(warmed) : Effect.never))
    const { place, host, runs } = heated(heat, ids)
    place.advance(100)
    const others: Array<string> = []
    place.host(
      lampActor({
        heat: (key) =>
          Effect.sync(() => {
            others.push(key)
            return warmed
          })
      })
    )
    place.advance(commandClaimMs + 2 * outboxPollMs)
    const lit = ids.filter((id) => place.status(lampAddress(id)) === "lit")
    assert.lengthOf(lit, 300 - commandsInFlightMax / 2)
    host.kill()
    place.advance(commandClaimMs + 2 * outboxPollMs)
    const begun = new Set(runs.map(({ key }) => key))
    assert.strictEqual(begun.size, runs.length)
    assert.lengthOf(
      others.filter((key) => begun.has(key)),
      commandsInFlightMax / 2
    )
  })
})

describe("a fact", () => {
  it("that its actor cannot take now is established and told again (O1)", () => {
    const { place, runs } = heated(() => Effect.delay(Effect.succeed(warmed), 100))
    place.disturb = (operation) => Effect.succeed(operation === "commit" ? "unavailable" : null)
    place.advance(5_000)
    place.disturb = () => Effect.succeed(null)
    place.advance(5_000)
    assert.isAbove(runs.length, 1)
    assert.lengthOf(
      place.events(lamp).filter((type) => type === "warmed"),
      1
    )
  })

  it("that two runs establish alike is accepted once; unlike, both are told, one of them late (O1)", () => {
    const runTwice = (facts: ReadonlyArray<Fact>) => {
      let heats = 0
      const { place, host, watched, left } = heated(() => Effect.delay(Effect.succeed(facts[heats++]!), 5_000))
      place.advance(10)
      // Its claims are not renewed while the journal refuses that alone, so that another takes the command too.
      place.disturb = (operation) => Effect.succeed(operation === "renew" ? "unavailable" : null)
      host.lane.pause()
      place.host(lampActor({ heat: watched }))
      place.advance(commandClaimMs + outboxPollMs)
      host.lane.unpause()
      place.advance(20_000)
      assert.deepStrictEqual(left(), [])
      return place
        .rows(lamp)
        .slice(2)
        .map(({ messageId, event }) => [messageId.split(":")[0], (event as Fact).type])
    }
    assert.deepStrictEqual(runTwice([warmed, warmed]), [["fact", "warmed"]])
    assert.deepStrictEqual(runTwice([warmed, cold]), [
      ["fact", "warmed"],
      ["late", "cold"]
    ])
  })

  it("of a run that has ended is told, however long that takes and whoever has the claim by then (O1)", () => {
    const facts = [cold, warmed]
    let looks = 0
    const { place, host, watched } = heated(() => Effect.delay(Effect.succeed(facts.pop()!), 5_000))
    place.advance(10)
    place.disturb = (operation) => Effect.succeed(operation === "renew" ? "unavailable" : null)
    host.lane.pause()
    place.host(lampActor({ heat: watched }))
    place.advance(commandClaimMs + outboxPollMs + 6_000)
    // Slower than a claim is renewed, and then no answer at all.
    place.disturb = (operation) =>
      operation === "history"
        ? Effect.delay(Effect.succeed(++looks < 3 ? "unavailable" : null), 2 * commandRenewMs)
        : Effect.succeed(null)
    host.lane.unpause()
    place.advance(60_000)
    assert.isAtLeast(looks, 3)
    assert.deepStrictEqual(
      place
        .rows(lamp)
        .slice(2)
        .map(({ messageId, event }) => [messageId.split(":")[0], (event as Fact).type]),
      [
        ["fact", "cold"],
        ["late", "warmed"]
      ]
    )
  })
})
