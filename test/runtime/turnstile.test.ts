/** Questions in turns: a few at a time, and no organisation behind all of another's. */
import { Effect } from "effect"
import { assert, it } from "vitest"
import { Turnstile } from "../../runtime/turnstile.ts"
import { Timeline } from "../support/timeline.ts"

it("lets a few in at once, another's among the first beside a flood, and all in the end, those that fail and those interrupted too", () => {
  const timeline = new Timeline("turnstile")
  const lane = timeline.lane("process")
  const turnstile = new Turnstile(3, () => timeline.nowMs)
  let [inside, most] = [0, 0]
  const asked: Array<string> = []
  const question = (org: string, n: number) =>
    turnstile.pass(
      org,
      Effect.gen(function* () {
        asked.push(org)
        most = Math.max(most, ++inside)
        yield* Effect.sleep(10)
        inside -= 1
        if (n % 3 === 0) return yield* Effect.fail("no answer")
      })
    )
  for (let n = 0; n < 60; n++) lane.fork(Effect.ignore(question("flood", n)))
  const hung = lane.fork(turnstile.pass("hung", Effect.never))
  timeline.run(timeline.nowMs + 5)
  lane.fork(Effect.ignore(question("other", 1)))
  timeline.run(timeline.nowMs + 40)
  assert.include(asked.slice(0, 12), "other")
  hung.interruptUnsafe()
  timeline.run(timeline.nowMs + 1_000)
  assert.lengthOf(asked, 61)
  assert.strictEqual(inside, 0)
  assert.strictEqual(most, 3)
})
