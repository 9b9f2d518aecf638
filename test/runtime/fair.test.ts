/** One organisation's backlog, its hands that hang or crash, its deadlines: what they cost the others in commands and timers. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import type { Fact } from "../../runtime/actor.ts"
import {
  commandTriesMax,
  outboxPollMs,
  restartEveryMs,
  restartsAtOnceMax,
  restartsMax,
  timersReadMax,
  turnsMin,
  vainMs
} from "../../runtime/limits.ts"
import { warmed } from "../support/heated.ts"
import { Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

const flood = Array.from({ length: 1_200 }, (_, n) => lampAddress(`flood_${n}`))
const other = lampAddress("other_1", "other_1", "org_2")

/** A process in which the flood's lamps were switched on; `heat` is what their hands do. */
const flooded = (heat: () => Effect.Effect<Fact>, count = flood.length) => {
  const place = new Place()
  const host = place.host(lampActor({ heat: (key) => (key.includes("flood") ? heat() : Effect.succeed(warmed)) }))
  host.ask(other, "create")
  const lamps = flood.slice(0, count)
  for (const lamp of lamps) host.ask(lamp, "create")
  for (const lamp of lamps) host.ask(lamp, "switchOn")
  return { place, host, lamps }
}
const heatingTakesMs = ({ place, host }: ReturnType<typeof flooded>): number => {
  const beganAtMs = place.timeline.nowMs
  host.ask(other, "switchOn")
  place.until(() => place.status(other) === "lit", "the other is lit")
  return place.timeline.nowMs - beganAtMs
}

describe("another organisation's command", () => {
  it("is run at once beside a backlog of hundreds", () => {
    const world = flooded(() => Effect.delay(Effect.succeed(warmed), 60_000), 600)
    assert.isAtMost(heatingTakesMs(world), 20)
    assert.isAbove(world.lamps.filter((lamp) => world.place.status(lamp) === "warming").length, 500)
  })

  it("is run at once beside hands that all hang", () => {
    const world = flooded(() => Effect.never, 150)
    world.place.advance(outboxPollMs)
    assert.isAtMost(heatingTakesMs(world), 20)
  })

  it("is run at once beside hands that crash, are tried again, and crash", () => {
    let crashes = 0
    const world = flooded(() => Effect.suspend(() => Effect.die(new Error(`crash ${++crashes}`))), 150)
    for (let n = 0; n < 8; n++) {
      assert.isAtMost(heatingTakesMs(world), 50)
      world.host.ask(other, "switchOff")
      world.place.advance(500)
    }
    world.place.until(() => world.place.status(flood[0]!) === "off", "the last of them is given up")
    assert.isAtLeast(crashes, 150 * commandTriesMax - 150)
  })
})

describe("a broken organisation", () => {
  it("has few restarts at once and 50 a second, of all its children together, and each is given up all the same", () => {
    const place = new Place()
    const count = 400
    const host = place.host(lampActor({ glow: () => Effect.die(new Error("no glow")) }))
    const lamps = flood.slice(0, count)
    for (const lamp of lamps) host.ask(lamp, "create")
    for (const lamp of lamps) host.ask(lamp, "switchOn")
    const restarts = () => host.of("child.restarted").length
    for (let second = 1; second <= 10; second++) {
      const before = restarts()
      place.advance(1_000)
      assert.isAtMost(restarts() - before, (second === 1 ? restartsAtOnceMax : 0) + 1_000 / restartEveryMs + 1)
    }
    place.advance((count * restartsMax - restarts() + 1) * restartEveryMs)
    place.until(() => lamps.every((lamp) => place.status(lamp) === "off"), "each has heard that its glow is gone")
    assert.strictEqual(restarts(), count * restartsMax)
  })

  it("is asked in vain again and again, and looks into the journal no oftener than it has turns for", () => {
    const place = new Place()
    const host = place.host(lampActor({ heat: () => Effect.never }))
    const lamps = flood.slice(0, 40)
    for (const lamp of [...lamps, other]) host.ask(lamp, "create")
    for (const lamp of lamps) host.ask(lamp, "switchOn")
    // Each asks again as soon as it is refused; the other says something every few milliseconds.
    const asking = (lamp: typeof other) => Effect.ignore(host.asking(lamp, { type: "switchOn" }))
    for (const lamp of lamps) host.fork(Effect.forever(asking(lamp)))
    host.fork(
      Effect.forever(
        Effect.delay(
          Effect.suspend(() => host.asking(other, { type: "say", text: "hello" } as never)),
          5
        )
      )
    )
    place.advance(500)
    const before = place.callsOf("seen")
    place.advance(1_000)
    assert.isAtMost(place.callsOf("seen") - before, (turnsMin * 1_000) / vainMs)
    assert.isAbove(place.callsOf("seen") - before, 100)
  })
})

describe("another organisation's deadline", () => {
  it("passes in time beside more overdue ones than one look shows", () => {
    const { place, host } = flooded(() => Effect.never, timersReadMax + 50)
    place.advance(10_000)
    host.ask(other, "switchOn")
    host.kill()
    place.advance(55_000)
    // Theirs take their time to leave the table.
    place.disturb = (operation) => Effect.delay(Effect.succeed(null), operation === "commit" ? 20_000 : 0)
    const hands = lampActor({ heat: () => Effect.never })
    const next = place.host(hands)
    place.advance(5_900)
    const fired = next.of("timer.fired").find(({ address }) => address.id === other.id)
    assert.isAtMost(fired!.lateMs, 100)
  })
})
