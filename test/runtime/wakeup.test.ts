import { Effect, Fiber } from "effect"
import { assert, it } from "vitest"
import { Wakeup } from "../../runtime/wakeup.ts"
import { Timeline } from "../support/timeline.ts"

const sleeper = () => {
  const timeline = new Timeline("wakeup")
  const lane = timeline.lane("sleeper")
  const wakeup = new Wakeup()
  const pass = (ms: number) => timeline.run(timeline.nowMs + ms)
  const sleep = () => lane.fork(wakeup.within(1_000))
  return { lane, wakeup, pass, sleep, isAwake: (fiber: Fiber.Fiber<void>) => fiber.pollUnsafe() !== undefined }
}

it("wakes who sleeps", () => {
  const { wakeup, sleep, pass, isAwake } = sleeper()
  const asleep = sleep()
  pass(10)
  assert.isFalse(isAwake(asleep))
  wakeup.wake()
  pass(0)
  assert.isTrue(isAwake(asleep))
})

it("lets nobody sleep longer than the limit", () => {
  const { sleep, pass, isAwake } = sleeper()
  const asleep = sleep()
  pass(999)
  assert.isFalse(isAwake(asleep))
  pass(1)
  assert.isTrue(isAwake(asleep))
})

it("keeps a wake-up for who was busy, once however often it came", () => {
  const { wakeup, sleep, pass, isAwake } = sleeper()
  wakeup.wake()
  wakeup.wake()
  const first = sleep()
  pass(0)
  assert.isTrue(isAwake(first))
  const second = sleep()
  pass(0)
  assert.isFalse(isAwake(second))
})

it("keeps a wake-up that comes while who was woken has not run yet", () => {
  const { wakeup, pass, lane } = sleeper()
  const turns: Array<string> = []
  const loop = Effect.gen(function* () {
    while (turns.length < 3) {
      yield* wakeup.within(10_000)
      turns.push("woken")
      // Work that others make more of meanwhile.
      yield* Effect.sleep(10)
    }
  })
  lane.fork(loop)
  pass(0)
  wakeup.wake()
  wakeup.wake()
  pass(5)
  wakeup.wake()
  pass(20)
  assert.deepStrictEqual(turns, ["woken", "woken"])
})

it("forgets who was interrupted in its sleep", () => {
  const { wakeup, sleep, pass, lane, isAwake } = sleeper()
  const asleep = sleep()
  pass(0)
  lane.fork(Fiber.interrupt(asleep))
  pass(0)
  wakeup.wake()
  const next = sleep()
  pass(0)
  assert.isTrue(isAwake(next))
})
