/** Durable deadlines: fired once, in time, whoever was down. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { memoryJournal } from "../../adapters/memory/journal.ts"
import { Journal } from "../../runtime/journal.ts"
import { passivateAfterMs, passivateEveryMs, timerAheadMs, timersReadMax } from "../../runtime/limits.ts"
import { runTimers } from "../../runtime/timers.ts"
import { Wakeup } from "../../runtime/wakeup.ts"
import { Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

const lamp = lampAddress("lamp_1")
const warmUpMs = 60_000
const burnoutMs = 3_600_000

const warming = (place = new Place(), ids = [lamp.id]) => {
  const cold = lampActor({ heat: () => Effect.never })
  const host = place.host(cold)
  for (const id of ids) {
    host.ask(lampAddress(id), "create")
    host.ask(lampAddress(id), "switchOn")
  }
  return { place, host, again: () => place.host(cold) }
}

describe("a deadline", () => {
  it("is an event when it falls due, not before, and but a few milliseconds late", () => {
    const { place, host } = warming()
    place.advance(warmUpMs - 100)
    assert.strictEqual(place.status(lamp), "warming")
    place.advance(110)
    assert.strictEqual(place.status(lamp), "off")
    assert.isAtMost(host.of("timer.fired")[0]!.lateMs, 1)
    assert.strictEqual(place.rows(lamp).at(-1)?.messageId, "timer:xstate.after.warmUp.lamp.warming:2")
  })

  it("shorter than the next look is not missed", () => {
    const { place, host } = warming()
    place.advance(timerAheadMs / 2)
    host.ask(lamp, "switchOff")
    host.ask(lamp, "switchOn")
    place.advance(warmUpMs + 10)
    assert.strictEqual(place.status(lamp), "off")
    assert.isAtMost(host.of("timer.fired")[0]!.lateMs, 1)
  })

  it("that fell due while nobody ran is fired at the next start, late but once", () => {
    const { place, host, again } = warming()
    host.kill()
    place.advance(10 * warmUpMs)
    assert.strictEqual(place.status(lamp), "warming")
    const next = again()
    place.advance(timerAheadMs)
    assert.strictEqual(place.status(lamp), "off")
    assert.closeTo(next.of("timer.fired")[0]!.lateMs, 9 * warmUpMs, 100)
    place.advance(10 * timerAheadMs)
    assert.lengthOf(next.of("timer.fired"), 1)
  })

  it("wakes an actor that has left memory", () => {
    const place = new Place()
    const host = place.host(lampActor({ glow: () => Effect.void }))
    host.ask(lamp, "create")
    host.ask(lamp, "switchOn")
    place.advance(passivateAfterMs + 2 * passivateEveryMs)
    assert.lengthOf(host.of("home.passivated"), 1)
    assert.strictEqual(place.status(lamp), "lit")
    place.advance(burnoutMs)
    assert.strictEqual(place.status(lamp), "off")
  })

  it("that was cancelled never fires", () => {
    const { place, host } = warming()
    host.ask(lamp, "switchOff")
    place.advance(2 * warmUpMs)
    assert.deepStrictEqual(place.events(lamp), ["create", "switchOn", "switchOff"])
  })

  it("that was armed anew fires at its new time alone", () => {
    const { place, host } = warming()
    place.advance(warmUpMs / 2)
    host.ask(lamp, "switchOff")
    host.ask(lamp, "switchOn")
    place.advance(warmUpMs - 100)
    assert.strictEqual(place.status(lamp), "warming")
    place.advance(200)
    assert.strictEqual(place.status(lamp), "off")
    assert.lengthOf(host.of("timer.fired"), 1)
  })

  it("that two processes see due at once is one event", () => {
    const { place, again } = warming()
    again()
    place.advance(warmUpMs + timerAheadMs)
    assert.lengthOf(
      place.events(lamp).filter((type) => type.startsWith("xstate.after")),
      1
    )
  })

  it("is fired again when its actor could not take it", () => {
    const { place } = warming()
    place.advance(warmUpMs - 10)
    place.disturb = (operation) => Effect.succeed(operation === "commit" ? "unavailable" : null)
    place.advance(10_000)
    assert.strictEqual(place.status(lamp), "warming")
    place.disturb = () => Effect.succeed(null)
    place.advance(2 * timerAheadMs)
    assert.strictEqual(place.status(lamp), "off")
  })

  it("is read again when the journal did not answer", () => {
    const { place } = warming()
    place.advance(warmUpMs - 10)
    place.disturb = () => Effect.succeed("unavailable")
    place.advance(5_000)
    place.disturb = () => Effect.succeed(null)
    place.advance(2 * timerAheadMs)
    assert.strictEqual(place.status(lamp), "off")
  })
})

it("fires more deadlines than one look shows, though they fall due together", () => {
  const ids = Array.from({ length: timersReadMax + 100 }, (_, index) => `lamp_${index}`)
  const { place } = warming(new Place(), ids)
  place.advance(warmUpMs + 1_000)
  assert.lengthOf(
    ids.filter((id) => place.status(lampAddress(id)) === "off"),
    ids.length
  )
})

describe("a crowd that cannot be fired, of another process or of actors that do not answer,", () => {
  const laterMs = 5_000
  for (const [whose, isOurs] of [
    ["another's", false],
    ["its own", true]
  ] as const)
    it(`makes no later deadline late: ${whose}`, () => {
      const place = new Place()
      const { host } = warming(
        place,
        Array.from({ length: 2 * timersReadMax }, (_, n) => `lamp_other_${n}`)
      )
      place.advance(laterMs)
      warming(place).host.kill()
      const dueAtMs = place.timeline.nowMs + warmUpMs
      host.kill()
      const fired: Array<{ readonly id: string; readonly atMs: number }> = []
      const firing = runTimers({
        versions: {},
        wakeup: new Wakeup(),
        isOurs: ({ address }) => isOurs || address.id === lamp.id,
        deliver: ({ id }) => {
          fired.push({ id, atMs: place.timeline.nowMs })
          return Effect.never
        }
      })
      place.timeline.lane("timers").fork(Effect.provideService(firing, Journal, memoryJournal(place.journal)))
      place.advance(warmUpMs + laterMs)
      assert.strictEqual(fired.length, isOurs ? 2 * timersReadMax + 1 : 1)
      assert.isAtMost(fired.find(({ id }) => id === lamp.id)!.atMs - dueAtMs, 100)
    })
})

it("does not fire those of an actor that is set aside, and looks no more often for them", () => {
  const { place, host } = warming()
  for (let crash = 0; crash < 6; crash++) host.refusal(host.asking(lamp, { type: "shatter" }))
  const looks = place.callsOf("dueTimers")
  place.advance(10 * warmUpMs)
  assert.isEmpty(host.of("timer.fired"))
  assert.isAtMost(place.callsOf("dueTimers") - looks, (10 * warmUpMs) / timerAheadMs + 1)
})
