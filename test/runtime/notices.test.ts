/** From the journal to the feed: what was committed is told once and in order, whatever dies between the two. */
import { Effect, Fiber } from "effect"
import { assert, describe, it } from "vitest"
import { Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

const lamp = lampAddress("lamp_1")

const withLamp = () => {
  const place = new Place()
  const host = place.host(lampActor({ heat: () => Effect.never }))
  host.ask(lamp, "create", "create")
  return { place, host }
}

describe("what a crash kept from the feed", () => {
  const spoken = () => {
    const { place, host } = withLamp()
    place.disturbFeed = () => Effect.succeed("unavailable")
    host.ask(lamp, { type: "say", text: "one" })
    host.ask(lamp, { type: "say", text: "two" })
    host.kill()
    place.disturbFeed = () => Effect.succeed(null)
    const said = () => place.feed(lamp).flatMap(({ kind, body }) => (kind === "said" ? [body["text"]] : []))
    return { place, said }
  }

  it("is told before anything new", () => {
    const { place, said } = spoken()
    place.host(lampActor()).ask(lamp, { type: "say", text: "three" })
    place.advance(1_000)
    assert.deepStrictEqual(said(), ["one", "two", "three"])
  })

  it("is nothing where the feed has it all, and then the journal is not read for it", () => {
    const { place, host } = withLamp()
    host.ask(lamp, { type: "say", text: "one" })
    place.advance(1_000)
    host.kill()
    place.calls.clear()
    const next = place.host(lampActor())
    next.ask(lamp, { type: "say", text: "two" })
    place.advance(1_000)
    assert.strictEqual(place.callsOf("history"), 0)
    assert.deepStrictEqual(
      place.feed(lamp).flatMap(({ kind, body }) => (kind === "said" ? [body["text"]] : [])),
      ["one", "two"]
    )
  })

  it("is told at the next start, though nobody asks and nothing stands beside it", () => {
    const { place, said } = spoken()
    place.advance(3_600_000)
    place.host(lampActor())
    place.advance(1_000)
    assert.deepStrictEqual(said(), ["one", "two"])
  })

  it("is told also when the crash came between two words of one commit", () => {
    const cold = lampActor({ heat: () => Effect.never })
    const { place, host } = withLamp()
    place.advance(100)
    // A refusal makes the feed store them one at a time.
    const befalls = ["refused", null] as const
    let appends = 0
    place.disturbFeed = (operation) =>
      Effect.sync(() => (operation === "append" ? (appends < 2 ? befalls[appends++]! : "unavailable") : null))
    host.ask(lamp, "switchOn")
    place.advance(2_000)
    const kinds = () => place.feed(lamp).map(({ rev, kind }) => `${rev} ${kind}`)
    assert.deepStrictEqual(kinds(), ["1 state", "2 click"])
    host.kill()
    place.disturbFeed = () => Effect.succeed(null)
    place.host(cold)
    place.advance(1_000)
    assert.deepStrictEqual(kinds(), ["1 state", "2 click", "2 state"])
  })

  it("is told as soon as a commit whose answer was lost is known to stand", () => {
    const { place, host } = withLamp()
    let isLost = true
    place.disturb = (operation) => Effect.sync(() => (operation === "commit" && isLost ? "answerLost" : null))
    const asked = host.fork(host.asking(lamp, { type: "say", text: "one" }))
    place.advance(100)
    isLost = false
    assert.deepStrictEqual(host.run(Fiber.join(asked)), { rev: 2, duplicate: true })
    place.advance(100)
    assert.deepInclude(place.feed(lamp).at(-1), { kind: "said" })
  })
})
