/** A wall clock that is set, by a person or a network, changes when things happened, and never how long they last. */
import { Cause, Effect, Exit } from "effect"
import { assert, describe, it } from "vitest"
import { CoordinationError, type CoordinationServer } from "../../runtime/coordination.ts"
import { commandMs, coordinationRestMs, restartPauseMaxMs, restartsMax, restartWindowMs } from "../../runtime/limits.ts"
import { localCoordination } from "../../runtime/local-coordination.ts"
import { Router } from "../../runtime/router.ts"
import { sharedCoordination } from "../../runtime/shared-coordination.ts"
import { heated, warmed } from "../support/heated.ts"
import { Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"
import { Timeline } from "../support/timeline.ts"

const halfAnHourMs = 30 * 60_000

const aside = () => {
  const timeline = new Timeline("a clock that is set")
  const lane = timeline.lane("process")
  const run = <A>(effect: Effect.Effect<A>): A => {
    const fiber = lane.fork(effect)
    timeline.run(timeline.nowMs + 10_000, () => fiber.pollUnsafe() !== undefined)
    const exit = fiber.pollUnsafe()!
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    return exit.value
  }
  return { timeline, lane, run }
}

describe("a clock that is set back by half an hour", () => {
  it("keeps nobody waiting for what they may ask again in a second", () => {
    const { timeline, lane, run } = aside()
    const coordination = localCoordination()
    const take = coordination.take("ada", { burst: 2, perSecond: 1 })
    assert.deepEqual([run(take), run(take)], [0, 0])
    lane.skewMs = -halfAnHourMs
    assert.isAtMost(run(take), 1_000)
    timeline.run(timeline.nowMs + 1_000)
    assert.strictEqual(run(take), 0)
  })

  it("leaves nobody in a room for longer than they said", () => {
    const { timeline, lane, run } = aside()
    const coordination = localCoordination()
    run(coordination.enter("room", { who: "ada", says: "here" }, 5_000))
    lane.skewMs = -halfAnHourMs
    assert.lengthOf(run(coordination.present("room")), 1)
    timeline.run(timeline.nowMs + 5_000)
    assert.isEmpty(run(coordination.present("room")))
  })

  it("lets a server of coordination that was away be asked again when it has rested", () => {
    const { timeline, lane, run } = aside()
    let isAway = true
    let asked = 0
    const fails = Effect.suspend(() => {
      asked += 1
      return isAway ? Effect.fail(new CoordinationError({ message: "away" })) : Effect.succeed([])
    })
    const shared = sharedCoordination("a server", { present: () => fails } as unknown as CoordinationServer)
    run(shared.present("room"))
    lane.skewMs = -halfAnHourMs
    isAway = false
    timeline.run(timeline.nowMs + coordinationRestMs)
    run(shared.present("room"))
    assert.strictEqual(asked, 2)
  })

  it("counts no crash of long ago against a child", () => {
    const place = new Place()
    const lamp = lampAddress("lamp_1")
    let crashes = restartsMax
    const host = place.host(lampActor({ glow: () => (crashes-- > 0 ? Effect.die(new Error("a broken wire")) : Effect.never) }))
    host.ask(lamp, "create")
    host.ask(lamp, "switchOn")
    place.advance(restartsMax * restartPauseMaxMs)
    host.lane.skewMs = -halfAnHourMs
    place.advance(restartWindowMs)
    const { homes } = host.run(Router.use((router) => router.tree(lamp.org, null)))
    assert.deepInclude(homes[0]!.actors[0]!.standing[0], { state: "running", crashes: 0, crash: null })
  })
})

describe("a clock that is set forward by half an hour", () => {
  it("ends no hand that has only just begun", () => {
    const { place, host, runs } = heated(() => Effect.delay(Effect.succeed(warmed), commandMs / 2))
    place.advance(10)
    host.lane.skewMs = halfAnHourMs
    // Its journal has the same clock here, and would find that the claim has run out.
    place.disturb = (operation) => Effect.succeed(operation === "claim" ? "unavailable" : null)
    place.advance(commandMs / 2 + 1_000)
    assert.lengthOf(runs, 1)
    assert.isEmpty(host.of("command.crashed"))
    assert.strictEqual(place.status(lampAddress("lamp_1")), "off")
  })
})
