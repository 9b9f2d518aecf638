/** One actor in memory: the promises of runtime/live-actor.ts, seen by those who ask it. */
import { Effect, Fiber } from "effect"
import { assert, describe, it } from "vitest"
import { nameOf } from "../../runtime/address.ts"
import { commitRetryMs, commitTriesMax, mailboxMessagesMax, restartsMax } from "../../runtime/limits.ts"
import { Router } from "../../runtime/router.ts"
import { Place } from "../support/hosting.ts"
import { type LampWorld, lampActor, lampAddress } from "../support/lamp.ts"

const lamp = lampAddress("lamp_1")

const withLamp = (world: LampWorld = {}) => {
  const place = new Place()
  const host = place.host(lampActor(world))
  host.ask(lamp, "create", "create")
  return { place, host }
}

describe("an answer", () => {
  it("comes after its commit and not before (M1)", () => {
    const { place, host } = withLamp()
    place.disturb = (operation) => (operation === "commit" ? Effect.delay(Effect.succeed(null), 1_000) : Effect.succeed(null))
    const asked = host.fork(host.asking(lamp, { type: "say", text: "hello" }))
    place.advance(999)
    assert.isUndefined(asked.pollUnsafe())
    assert.strictEqual(place.rows(lamp).length, 1)
    place.advance(2)
    assert.deepStrictEqual(host.run(Fiber.join(asked)), { rev: 2, duplicate: false })
    assert.strictEqual(place.rows(lamp)[1]?.rev, 2)
  })

  it("to a repeat is that of the first, also from another process (M1)", () => {
    const { place, host } = withLamp()
    host.ask(lamp, { type: "say", text: "once" }, "m1")
    host.ask(lamp, { type: "say", text: "then" }, "m2")
    assert.deepStrictEqual(host.ask(lamp, { type: "say", text: "once" }, "m1"), { rev: 2, duplicate: true })
    host.kill()
    assert.deepStrictEqual(place.host(lampActor()).ask(lamp, { type: "say", text: "once" }, "m1"), { rev: 2, duplicate: true })
    assert.deepStrictEqual(place.events(lamp), ["create", "say", "say"])
  })

  it("to a request that was accepted and would be refused now is that it was accepted", () => {
    const { host } = withLamp()
    host.ask(lamp, "switchOn", "m1")
    assert.deepStrictEqual(host.ask(lamp, "switchOn", "m1"), { rev: 2, duplicate: true })
  })
})

describe("a refused request", () => {
  it("is told the state and what it takes, and leaves no trace (M3)", () => {
    const { place, host } = withLamp()
    const refused = host.refusal(host.asking(lamp, { type: "switchOff" }))
    assert.strictEqual(refused._tag, "Refused")
    assert.deepInclude(refused, { state: '"off"', accepts: ["switchOn", "plug", "unplug", "say", "shatter"] })
    assert.deepStrictEqual(place.events(lamp), ["create"])
    assert.strictEqual(host.run(Router.use((router) => router.look(lamp)))?.rev, 1)
  })

  it("may be asked again under its id once the state takes it", () => {
    const { host } = withLamp()
    host.refusal(host.asking(lamp, { type: "switchOff" }, "m1"))
    host.ask(lamp, "switchOn")
    assert.deepStrictEqual(host.ask(lamp, "switchOff", "m1"), { rev: 3, duplicate: false })
  })

  it("is refused by what the journal holds, not by what this process remembers (M4)", () => {
    const { place, host: old } = withLamp()
    const other = place.host(lampActor())
    other.ask(lamp, "switchOn")
    assert.deepStrictEqual(old.ask(lamp, "switchOff"), { rev: 3, duplicate: false })
    assert.strictEqual(other.refusal(other.asking(lamp, { type: "switchOff" }))._tag, "Refused")
  })
})

describe("an actor that is not there", () => {
  it("is absent, and is found once another process has made it", () => {
    const place = new Place()
    const host = place.host(lampActor())
    assert.strictEqual(host.refusal(host.asking(lamp, { type: "switchOn" }))._tag, "Absent")
    place.host(lampActor()).ask(lamp, "create")
    assert.strictEqual(host.ask(lamp, "switchOn").rev, 2)
  })

  it("is made once, however many make it at once", () => {
    const place = new Place()
    const hosts = [place.host(lampActor()), place.host(lampActor())]
    const made = hosts.map((host, index) => host.fork(Effect.result(host.asking(lamp, { type: "create" }, `create ${index}`))))
    const answers = made.map((fiber, index) => hosts[index]!.run(Fiber.join(fiber)))
    assert.deepStrictEqual(answers.map(({ _tag }) => _tag).sort(), ["Failure", "Success"])
    assert.deepStrictEqual(place.events(lamp), ["create"])
  })
})

describe("another owner", () => {
  it("fences the first, which reads what is stored and goes on (M4)", () => {
    const { place, host: first } = withLamp()
    const second = place.host(lampActor())
    second.ask(lamp, { type: "say", text: "mine" })
    assert.deepStrictEqual(first.ask(lamp, { type: "say", text: "mine now" }), { rev: 3, duplicate: false })
    assert.strictEqual(first.of("actor.fenced").length, 1)
    assert.deepStrictEqual(second.ask(lamp, { type: "say", text: "and mine" }), { rev: 4, duplicate: false })
    assert.deepStrictEqual(place.journal.actors.get("lamp/lamp_1")?.stored.epoch, 4)
  })

  it("that arms a timer is believed, though this process knows of none", () => {
    const cold = { heat: () => Effect.never }
    const { place, host: old } = withLamp(cold)
    const other = place.host(lampActor(cold))
    other.ask(lamp, "switchOn")
    other.kill()
    place.advance(61_000)
    assert.strictEqual(place.status(lamp), "off")
    assert.deepInclude(old.of("timer.fired")[0], { timerId: "xstate.after.warmUp.lamp.warming" })
  })
})

describe("a message that makes it crash", () => {
  it("is answered so and not written; the next one is taken after the restart", () => {
    const { place, host } = withLamp()
    assert.strictEqual(host.refusal(host.asking(lamp, { type: "shatter" }))._tag, "Crashed")
    assert.deepStrictEqual(host.ask(lamp, { type: "say", text: "still here" }), { rev: 2, duplicate: false })
    assert.deepStrictEqual(place.events(lamp), ["create", "say"])
    assert.strictEqual(host.of("child.restarted").length, 1)
  })

  it("sets the actor aside at the sixth crash in a row, with the event that did it, until it is released", () => {
    const { place, host } = withLamp()
    for (let crash = 0; crash <= restartsMax; crash++) host.refusal(host.asking(lamp, { type: "shatter" }))
    place.until(() => host.of("actor.quarantined").length === 1, "it is quarantined")
    const said = host.asking(lamp, { type: "say", text: "hello" })
    assert.deepInclude(host.refusal(said), { _tag: "Quarantined" })
    const view = host.run(Router.use((router) => router.look(lamp)))
    assert.deepStrictEqual(view?.quarantine?.event, { type: "shatter" })
    assert.match(view?.quarantine?.reason ?? "", /it shattered/)

    host.kill()
    const next = place.host(lampActor())
    assert.strictEqual(next.refusal(next.asking(lamp, { type: "switchOn" }))._tag, "Quarantined")
    assert.isTrue(next.run(Router.use((router) => router.release(lamp))))
    assert.isFalse(next.run(Router.use((router) => router.release(lamp))))
    assert.strictEqual(next.ask(lamp, { type: "say", text: "back" }).rev, 2)
  })

  it("is said to be set aside by those who find it recorded, and to be out of reach while that cannot be", () => {
    const { place, host } = withLamp()
    let [isDown, tookMs] = [false, 1_000]
    place.disturb = (operation) =>
      operation === "quarantine" ? Effect.delay(Effect.succeed(isDown ? "unavailable" : null), tookMs) : Effect.succeed(null)
    const crashes = () => {
      for (let crash = 0; crash <= restartsMax; crash++) host.refusal(host.asking(lamp, { type: "shatter" }))
    }
    const recorded = () => place.journal.actors.get(nameOf(lamp))?.quarantine ?? null
    crashes()
    const asked = host.fork(Effect.flip(host.asking(lamp, { type: "say", text: "hello" })))
    place.advance(900)
    assert.isNull(recorded())
    assert.isUndefined(asked.pollUnsafe())
    assert.strictEqual(host.run(Fiber.join(asked))._tag, "Quarantined")
    assert.isNotNull(recorded())
    host.run(Router.use((router) => router.release(lamp)))

    isDown = true
    crashes()
    const refused = host.asking(lamp, { type: "say", text: "hello" })
    assert.deepInclude(host.refusal(refused), { _tag: "Unavailable", reason: "journal" })
    assert.deepInclude(host.refusal(refused), { _tag: "Unavailable", reason: "journal" })
    assert.isNull(recorded())
    isDown = false
    tookMs = 0
    place.until(() => recorded() !== null, "it is recorded")
    assert.strictEqual(host.refusal(refused)._tag, "Quarantined")
  })

  it("harms no other actor of the home", () => {
    const { host } = withLamp()
    const neighbour = lampAddress("lamp_2", lamp.home)
    host.ask(neighbour, "create")
    for (let crash = 0; crash <= restartsMax; crash++) {
      host.refusal(host.asking(lamp, { type: "shatter" }))
      assert.isFalse(host.ask(neighbour, { type: "say", text: `${crash}` }).duplicate)
    }
  })
})

describe("what cannot be stored", () => {
  it("is stored without the characters that no journal takes", () => {
    const { place, host } = withLamp()
    host.ask(lamp, { type: "say", text: `cut \ud83d here\u0000` })
    assert.deepStrictEqual(place.rows(lamp)[1]?.event, { type: "say", text: "cut \ufffd here\ufffd" })
  })

  it("sets its actor aside if the journal takes it in no form, and the record of that is stored", () => {
    const { place, host } = withLamp()
    place.disturb = (operation, batch) =>
      Effect.succeed(operation === "commit" && batch.some(({ messageId }) => messageId === "odd") ? "refused" : null)
    const odd = host.asking(lamp, { type: "say", text: "odd \ud83d" }, "odd")
    for (let crash = 0; crash <= restartsMax; crash++) assert.strictEqual(host.refusal(odd)._tag, "Crashed")
    place.until(() => host.of("actor.quarantined").length === 1, "it is quarantined")
    assert.deepInclude(host.run(Router.use((router) => router.look(lamp)))?.quarantine?.event, { type: "say" })
  })
})

describe("a record", () => {
  it("that another holds rejects the step, which is told so as a fact", () => {
    const { place, host } = withLamp()
    const other = lampAddress("lamp_2")
    host.ask(other, "create")
    host.ask(lamp, { type: "plug", socket: "wall" })
    assert.deepStrictEqual(host.ask(other, { type: "plug", socket: "wall" }), { rev: 2, duplicate: false })
    assert.strictEqual(
      JSON.parse(place.journal.actors.get("lamp/lamp_2")!.stored.snapshot).context.trouble,
      "the socket is taken"
    )
    host.ask(lamp, { type: "unplug", socket: "wall" })
    host.ask(other, { type: "plug", socket: "wall" })
    assert.strictEqual(place.journal.claims.get("org_1/socket/wall"), "lamp/lamp_2")
  })
})

describe("while the journal does not answer", () => {
  it("what is asked is told to try again, and may have been written", () => {
    const { place, host } = withLamp()
    place.disturb = (operation) => Effect.succeed(operation === "commit" ? "answerLost" : null)
    const said = host.asking(lamp, { type: "say", text: "hello" }, "m1")
    const unavailable = host.refusal(said)
    assert.deepInclude(unavailable, { _tag: "Unavailable", reason: "journal" })
    place.disturb = () => Effect.succeed(null)
    assert.deepStrictEqual(host.run(said), { rev: 2, duplicate: true })
  })

  it.each([0, 5])(
    "what was written unknown is told and stands beside it once it answers; it fails after %s ms",
    (failsAfterMs) => {
      const { place, host } = withLamp({ heat: () => Effect.never })
      host.ask(lamp, "switchOn")
      let isDown = true
      const befalls = (operation: string) => (isDown ? (operation === "commit" ? "answerLost" : "unavailable") : null)
      place.disturb = (operation) => Effect.map(Effect.sleep(failsAfterMs), () => befalls(operation))
      host.refusal(host.asking(lamp, { type: "warmed" }))
      place.advance(10_000)
      assert.notDeepInclude(place.feed(lamp).at(-1)!.body, { state: "lit" })
      isDown = false
      place.advance(2 * commitRetryMs)
      assert.deepStrictEqual(place.feed(lamp).at(-1)!.body, { state: "lit" })
    }
  )

  it("a full mailbox refuses at once", () => {
    const { place, host } = withLamp()
    place.disturb = () => Effect.delay(Effect.succeed(null), 60_000)
    const waiting = Array.from({ length: mailboxMessagesMax + 1 }, () => host.fork(host.asking(lamp, { type: "say", text: "" })))
    place.advance(1)
    assert.deepInclude(host.refusal(host.asking(lamp, { type: "say", text: "" })), { _tag: "Unavailable", reason: "busy" })
    assert.isTrue(waiting.every((fiber) => fiber.pollUnsafe() === undefined))
  })

  it("a new process answers that it is unavailable, and takes up what stands as soon as it can", () => {
    let glows = 0
    const world: LampWorld = {
      glow: () =>
        Effect.andThen(
          Effect.sync(() => glows++),
          Effect.never
        )
    }
    const { place, host } = withLamp(world)
    host.ask(lamp, "switchOn")
    place.until(() => place.status(lamp) === "lit", "it shines")
    host.kill()
    place.disturb = (operation) => Effect.succeed(operation === "load" ? "unavailable" : null)
    const next = place.host(lampActor(world))
    place.advance(commitTriesMax * commitRetryMs)
    assert.strictEqual(next.refusal(next.asking(lamp, { type: "switchOff" }))._tag, "Unavailable")
    assert.strictEqual(glows, 1)
    place.disturb = () => Effect.succeed(null)
    place.advance(2 * commitRetryMs)
    assert.strictEqual(glows, 2)
  })
})

it("parks an actor that another version of its machine stored, with its commands and timers", () => {
  let heats = 0
  const heat = () =>
    Effect.as(
      Effect.sync(() => heats++),
      undefined
    )
  const { place, host } = withLamp({ heat: () => Effect.never })
  host.ask(lamp, "switchOn")
  host.kill()
  const newer = place.host(lampActor({ version: 2, heat }))
  place.advance(60_000)
  assert.deepInclude(newer.refusal(newer.asking(lamp, { type: "switchOff" })), { _tag: "Quarantined" })
  assert.isAtMost(heats, 1)
  assert.strictEqual(place.status(lamp), "warming")
})
