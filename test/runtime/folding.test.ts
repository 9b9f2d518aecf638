/** Messages that wait for one actor are taken in one commit, and nobody who asks can tell. */
import { Effect, Fiber } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { nameOf } from "../../runtime/address.ts"
import type { Transition } from "../../runtime/journal.ts"
import { drainMs, foldedMax } from "../../runtime/limits.ts"
import type { Message } from "../../runtime/router.ts"
import { Router } from "../../runtime/router.ts"
import { type Hosting, Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

const lamp = lampAddress("lamp_1")
const cold = { heat: () => Effect.never }

const withLamp = () => {
  const place = new Place()
  const host = place.host(lampActor(cold))
  host.ask(lamp, "create", "create")
  // It is in memory from here on.
  host.ask(lamp, { type: "say", text: "" }, "first")
  return { place, host }
}

type Event = Message["event"] & Record<string, unknown>

const say = (text: string): Event => ({ type: "say", text })

/** Asks all of them at once. */
const burst = (host: Hosting, events: ReadonlyArray<Event | [event: Event, id: string]>) => {
  const asked = events.map((given, index) => {
    const [event, id] = Array.isArray(given) ? given : [given, `burst ${index}`]
    return host.fork(Effect.result(host.asking(lamp, event, id)))
  })
  return asked.map((fiber) => host.run(Fiber.join(fiber)))
}

const revs = (answers: ReturnType<typeof burst>) =>
  answers.map((answer) => (answer._tag === "Success" ? answer.success.rev : answer.failure._tag))

const commitsOf = (place: Place, work: () => void) => {
  const before = place.callsOf("commit")
  work()
  return place.callsOf("commit") - before
}

describe("what waits for one actor", () => {
  it("is taken in one commit, each message with a revision and a journal row of its own", () => {
    const { place, host } = withLamp()
    const commits = commitsOf(place, () => {
      const texts = Array.from({ length: foldedMax + 1 }, (_, n) => `${n}`)
      assert.deepStrictEqual(
        revs(burst(host, texts.map(say))),
        texts.map((_, n) => n + 3)
      )
    })
    // The first leaves at once, alone: nothing waited behind it then.
    assert.strictEqual(commits, 2)
    assert.deepStrictEqual(
      place.rows(lamp).map(({ rev }) => rev),
      Array.from({ length: foldedMax + 3 }, (_, n) => n + 1)
    )
    place.advance(1_000)
    const said = place.feed(lamp).filter(({ kind }) => kind === "said")
    assert.deepStrictEqual(
      said.slice(1).map(({ rev, body }) => [rev, body["text"]]),
      Array.from({ length: foldedMax + 1 }, (_, n) => [n + 3, `${n}`])
    )
  })

  it("is taken in as many commits as its number needs", () => {
    const { place, host } = withLamp()
    const commits = commitsOf(place, () =>
      burst(
        host,
        Array.from({ length: 3 * foldedMax }, (_, n) => say(`${n}`))
      )
    )
    assert.strictEqual(commits, 4)
  })

  it("is refused alone where the state it meets does not take it", () => {
    const { place, host } = withLamp()
    const answers = burst(host, [say("a"), { type: "switchOff" }, say("b"), { type: "switchOn" }, { type: "switchOn" }, say("c")])
    assert.deepStrictEqual(revs(answers), [3, "Refused", 4, 5, "Refused", 6])
    assert.strictEqual(place.status(lamp), "warming")
  })

  it("crashes alone, and all others are taken", () => {
    const { place, host } = withLamp()
    assert.deepStrictEqual(revs(burst(host, [say("a"), say("b"), { type: "shatter" }, say("c"), say("d")])), [
      3,
      4,
      "Crashed",
      5,
      6
    ])
    assert.deepStrictEqual(place.events(lamp).slice(2), ["say", "say", "say", "say"])
  })

  it("is answered as the first was where it is a repeat, of one of them or of an old one", () => {
    const { place, host } = withLamp()
    const answers = burst(host, [
      [say("a"), "a"],
      [say("b"), "b"],
      [say("a"), "a"],
      [say(""), "first"],
      [say("c"), "c"]
    ])
    assert.deepStrictEqual(
      answers.map((answer) => answer._tag === "Success" && answer.success),
      [
        { rev: 3, duplicate: false },
        { rev: 4, duplicate: false },
        { rev: 3, duplicate: true },
        { rev: 2, duplicate: true },
        { rev: 5, duplicate: false }
      ]
    )
    assert.strictEqual(place.rows(lamp).length, 5)
  })

  it("may hold one that cannot be stored as it is", () => {
    const { place, host } = withLamp()
    assert.deepStrictEqual(revs(burst(host, [say("a"), say("half \ud83d"), say("c")])), [3, 4, 5])
    assert.deepStrictEqual(place.rows(lamp)[3]?.event, say("half \ufffd"))
  })

  it("may claim what another holds: it alone is told so", () => {
    const { place, host } = withLamp()
    const other = lampAddress("lamp_2")
    host.ask(other, "create")
    host.ask(other, { type: "plug", socket: "wall" })
    const plug = (socket: string) => ({ type: "plug", socket })
    assert.deepStrictEqual(
      revs(burst(host, [plug("free"), plug("wall"), { type: "unplug", socket: "free" }, say("d")])),
      [3, 4, 5, 6]
    )
    assert.strictEqual(place.journal.claims.get("org_1/socket/wall"), nameOf(other))
    assert.isUndefined(place.journal.claims.get("org_1/socket/free"))
    const { context } = JSON.parse(place.journal.actors.get(nameOf(lamp))!.stored.snapshot)
    assert.strictEqual(context.trouble, "the socket is taken")
  })

  it("is decided one by one from what is stored when another owner wrote meanwhile", () => {
    const { place, host } = withLamp()
    const other = place.host(lampActor(cold))
    place.disturb = (operation, batch) =>
      Effect.delay(Effect.succeed(null), operation === "commit" && batch.some(({ earlier }) => earlier.length > 0) ? 1_000 : 0)
    const events = [say("a"), say("b"), { type: "switchOn" }, { type: "switchOff" }, say("c")]
    const asked = events.map((event) => host.fork(Effect.result(host.asking(lamp, event))))
    place.advance(500)
    assert.strictEqual(other.ask(lamp, "switchOn").rev, 4)
    assert.deepStrictEqual(revs(asked.map((fiber) => host.run(Fiber.join(fiber)))), [3, 5, "Refused", 6, 7])
    assert.deepInclude(host.of("actor.unfolded")[0], { messages: 4, verdict: "Fenced" })
  })

  it("is not taken before those that came first when it is meant for a revision", () => {
    const { host } = withLamp()
    const meant = (id: string, ifRev: number) =>
      host.fork(Effect.result(Router.use((router) => router.ask(lamp, { id, event: say(id), by: null, ifRev }))))
    const asked = [meant("now", 2), meant("next", 3), host.fork(Effect.result(host.asking(lamp, say("b")))), meant("late", 3)]
    assert.deepStrictEqual(revs(asked.map((fiber) => host.run(Fiber.join(fiber)))), [3, 4, 5, "Moved"])
  })

  it("is told to try again, all of it, when the journal does not answer, and was taken once if it was", () => {
    const { place, host } = withLamp()
    place.disturb = (operation) => Effect.succeed(operation === "commit" ? "answerLost" : null)
    const texts = ["a", "b", "c"]
    assert.deepStrictEqual(revs(burst(host, texts.map(say))), ["Unavailable", "Unavailable", "Unavailable"])
    place.disturb = () => Effect.succeed(null)
    assert.deepStrictEqual(revs(burst(host, texts.map(say))), [3, 4, 5])
    assert.strictEqual(place.rows(lamp).length, 5)
  })

  it("is told to ask again when the actor leaves memory while it was not taken together", () => {
    const { place, host } = withLamp()
    const refused = (batch: ReadonlyArray<Transition>) => batch.some(({ earlier }) => earlier.length > 0)
    place.disturb = (operation, batch) =>
      operation === "commit" && refused(batch) ? Effect.delay(Effect.succeed("refused"), 2 * drainMs) : Effect.succeed(null)
    const asked = ["a", "b", "c"].map((text) => host.fork(Effect.result(host.asking(lamp, say(text)))))
    place.advance(50)
    host.stop()
    const answers = asked.map((fiber) => fiber.pollUnsafe())
    assert.isTrue(
      answers.every((answer) => answer !== undefined),
      "G5: nobody waits for ever"
    )
    assert.deepStrictEqual(revs(answers.map((exit) => Effect.runSync(exit!))), [3, 4, "Unavailable"])
    assert.strictEqual(place.rows(lamp).length, 4)
  })
})

describe("a burst", () => {
  const event: fc.Arbitrary<Event> = fc.oneof(
    fc.constantFrom<Event>(
      { type: "switchOn" },
      { type: "switchOff" },
      { type: "warmed" },
      { type: "cold" },
      { type: "glowLost" }
    ),
    fc.record({ type: fc.constant("say"), text: fc.constantFrom("x", "y", "\ud800") }),
    fc.record({ type: fc.constantFrom("plug", "unplug"), socket: fc.constantFrom("wall", "desk") })
  )
  const asked = fc.array(fc.tuple(event, fc.integer({ min: 0, max: 30 })), { minLength: 2, maxLength: 24 })

  const stored = (place: Place) => {
    const { stored: row, journal, timers } = place.journal.actors.get(nameOf(lamp))!
    return {
      rev: row.rev,
      snapshot: row.snapshot,
      journal: journal.map((text) => ({ ...JSON.parse(text), atMs: 0 })),
      timers: [...timers].map(([id, { rev, event: fires }]) => [id, rev, fires]).sort(),
      commands: [...place.journal.commands.values()].map(({ key, name, params }) => [key, name, params]),
      claims: [...place.journal.claims].sort(),
      feed: place.feed(lamp).map((told) => ({ ...told, at: 0 }))
    }
  }

  const world = (): readonly [Place, Hosting] => {
    const { place, host } = withLamp()
    const other = lampAddress("lamp_2")
    host.ask(other, "create", "create other")
    host.ask(other, { type: "plug", socket: "wall" }, "plug other")
    return [place, host]
  }

  it("leaves the same rows, timers, commands, claims and answers as its messages one by one", () => {
    fc.assert(
      fc.property(asked, (messages) => {
        const given = messages.map(([message, id]): [Event, string] => [message, `m${id}`])
        const [together, first] = world()
        const [apart, second] = world()
        const answers = burst(first, given)
        const oneByOne = given.map(([message, id]) => second.run(Effect.result(second.asking(lamp, message, id))))
        assert.deepStrictEqual(
          answers.map((answer) => (answer._tag === "Success" ? answer.success : answer.failure._tag)),
          oneByOne.map((answer) => (answer._tag === "Success" ? answer.success : answer.failure._tag))
        )
        for (const place of [together, apart]) place.advance(1_000)
        assert.deepStrictEqual(stored(together), stored(apart))
      }),
      { numRuns: 30 }
    )
  })
})
