/** Where actors live in one process: hosted when asked, kept while something stands beside them, gone when nothing does. */
import { Effect, Fiber } from "effect"
import { assert, describe, it } from "vitest"
import { NotYet, type Voice } from "../../runtime/actor.ts"
import { drainMs, passivateAfterMs, passivateEveryMs, restartsMax } from "../../runtime/limits.ts"
import { Router } from "../../runtime/router.ts"
import { Place } from "../support/hosting.ts"
import { type LampWorld, lampActor, lampAddress } from "../support/lamp.ts"

const lamp = lampAddress("lamp_1")
const look = (address = lamp) => Router.use((router) => router.look(address))

/** Lamps whose glow is counted as it stands and falls. */
const glowing = (world: LampWorld = {}) => {
  const place = new Place()
  const glows = { now: 0, ever: 0 }
  const glow = (voice: Voice) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        glows.now += 1
        glows.ever += 1
      }),
      () => world.glow?.(voice) ?? Effect.never,
      () => Effect.sync(() => void glows.now--)
    )
  const actor = lampActor({ ...world, glow })
  const lit = (id = lamp.id) => {
    const host = place.host(actor)
    host.ask(lampAddress(id), "create")
    host.ask(lampAddress(id), "switchOn")
    place.until(() => place.status(lampAddress(id)) === "lit", "it is lit")
    place.advance(1)
    return host
  }
  return { place, glows, actor, lit }
}

describe("viewing an actor", () => {
  it("shows what is stored and wakes nobody", () => {
    const { place, lit, actor } = glowing()
    lit().kill()
    const host = place.host({ ...actor, standing: () => [] })
    place.advance(10)
    const activated = host.of("actor.activated").length
    const view = host.run(look())
    assert.deepInclude(view, { rev: 3, status: "lit", value: "lit", quarantine: null, machineVersion: 1 })
    assert.deepStrictEqual(view?.accepts, ["switchOff", "plug", "unplug", "say", "shatter"])
    assert.isNull(host.run(look(lampAddress("lamp_2"))))
    assert.isNull(host.run(look({ ...lamp, org: "org_2" })))
    assert.lengthOf(host.of("actor.activated"), activated)
  })
})

describe("standing work", () => {
  it("stands while the state wants it, and falls with it", () => {
    const { place, glows, lit } = glowing()
    const host = lit()
    assert.strictEqual(glows.now, 1)
    host.ask(lamp, { type: "say", text: "still lit" })
    assert.deepStrictEqual(glows, { now: 1, ever: 1 })
    host.ask(lamp, "switchOff")
    place.advance(10)
    assert.strictEqual(glows.now, 0)
  })

  it("stands again after a restart of the process, for it was stored as resident", () => {
    const { place, glows, lit, actor } = glowing()
    lit().kill()
    place.host(actor)
    place.advance(10)
    assert.strictEqual(glows.ever, 2)
  })

  it("stands again after a restart though the journal was away at first", () => {
    const { place, glows, lit, actor } = glowing()
    lit().kill()
    place.disturb = () => Effect.succeed("unavailable")
    place.host(actor)
    place.advance(30_000)
    assert.strictEqual(glows.ever, 1)
    place.disturb = () => Effect.succeed(null)
    place.advance(2_000)
    assert.strictEqual(glows.ever, 2)
  })

  it("that crashes is started again; at the sixth crash its actor is told, once", () => {
    const { place, glows, lit } = glowing({ glow: () => Effect.die(new Error("burnt through")) })
    lit()
    place.advance(60_000)
    assert.strictEqual(glows.ever, 1 + restartsMax)
    assert.strictEqual(place.status(lamp), "off")
    assert.deepStrictEqual(place.events(lamp).slice(-1), ["glowLost"])
  })

  it("falls and stands again with a crash of its actor", () => {
    const { place, glows, lit } = glowing()
    const host = lit()
    host.refusal(host.asking(lamp, { type: "shatter" }))
    place.advance(1_000)
    assert.deepStrictEqual(glows, { now: 1, ever: 2 })
  })

  it("falls when its actor is set aside, and stands again when it is released", () => {
    const { place, glows, lit } = glowing()
    const host = lit()
    for (let crash = 0; crash <= restartsMax; crash++) host.refusal(host.asking(lamp, { type: "shatter" }))
    place.until(() => host.of("actor.quarantined").length > 0, "it is set aside")
    place.advance(1_000)
    assert.strictEqual(glows.now, 0)
    host.run(Router.use((router) => router.release(lamp)))
    place.advance(1_000)
    assert.strictEqual(glows.now, 1)
  })

  it("stands again also when another process released its actor, or the answer to the release was lost", () => {
    for (const isLost of [false, true]) {
      const { place, glows, lit } = glowing()
      const host = lit()
      for (let crash = 0; crash <= restartsMax; crash++) host.refusal(host.asking(lamp, { type: "shatter" }))
      place.until(() => host.of("actor.quarantined").length > 0, "it is set aside")
      if (isLost) place.disturb = (operation) => Effect.succeed(operation === "release" ? "answerLost" : null)
      const operator = isLost ? host : place.host(lampActor())
      operator.exit(Router.use((router) => router.release(lamp)))
      if (operator !== host) operator.kill()
      assert.isFalse(host.ask(lamp, { type: "say", text: "hello" }).duplicate)
      assert.strictEqual(glows.now, 1)
    }
  })

  it("is heard: its facts are committed, its events stored, through an outage", () => {
    const { place, lit } = glowing({
      glow: (voice) =>
        Effect.gen(function* () {
          yield* voice.publish([
            { source: "glow", sourceSeq: 1, kind: "light", agent: null, parent: null, rev: null, at: 0, body: {} }
          ])
          yield* voice.tell("glow:1", { type: "glowLost" })
          yield* Effect.never
        })
    })
    place.disturbFeed = () => Effect.succeed("unavailable")
    lit()
    place.disturb = () => Effect.succeed("unavailable")
    place.advance(30_000)
    place.disturbFeed = () => Effect.succeed(null)
    place.advance(30_000)
    assert.strictEqual(place.status(lamp), "lit")
    place.disturb = () => Effect.succeed(null)
    place.advance(10_000)
    assert.strictEqual(place.status(lamp), "off")
    assert.include(
      place.feed(lamp).map(({ kind }) => kind),
      "light"
    )
  })
})

describe("a home with nothing to do", () => {
  const passing = passivateAfterMs + 2 * passivateEveryMs

  it("leaves memory after five minutes, and the next message brings it back", () => {
    const { place, actor } = glowing()
    const host = place.host(actor)
    host.ask(lamp, "create")
    place.advance(passing)
    assert.lengthOf(host.of("home.passivated"), 1)
    const loads = place.callsOf("load")
    assert.deepStrictEqual(host.ask(lamp, { type: "say", text: "awake" }), { rev: 2, duplicate: false })
    assert.strictEqual(place.callsOf("load"), loads + 1)
  })

  it("stays while something stands beside it, or while it is asked", () => {
    const { place, lit, actor } = glowing()
    lit()
    const host = place.host(actor)
    const other = lampAddress("lamp_2")
    host.ask(other, "create")
    for (let minutes = 0; minutes < 15; minutes++) {
      host.ask(other, { type: "say", text: `${minutes}` })
      place.advance(60_000)
    }
    assert.isEmpty(host.of("home.passivated"))
  })

  it("leaves memory also when it was set aside", () => {
    const { place, actor } = glowing()
    const host = place.host(actor)
    host.ask(lamp, "create")
    for (let crash = 0; crash <= restartsMax; crash++) host.refusal(host.asking(lamp, { type: "shatter" }))
    place.advance(passing)
    assert.lengthOf(host.of("home.passivated"), 1)
    assert.strictEqual(host.refusal(host.asking(lamp, { type: "switchOn" }))._tag, "Quarantined")
  })

  it("loses no message that comes while it leaves", () => {
    const { place, actor } = glowing()
    const host = place.host(actor)
    const ids = Array.from({ length: 200 }, (_, index) => `lamp_${index}`)
    for (const id of ids) host.ask(lampAddress(id), "create")
    const asked: Array<Fiber.Fiber<unknown, unknown>> = []
    for (let ms = 0; ms < passing; ms += 1_000) {
      place.advance(1_000)
      const id = ids[Math.floor(ms / 1_000) % ids.length]!
      asked.push(host.fork(host.asking(lampAddress(id), { type: "say", text: "hello" })))
    }
    place.advance(1_000)
    assert.isTrue(asked.every((fiber) => fiber.pollUnsafe()?._tag === "Success"))
  })
})

describe("an actor that is released", () => {
  it("meets no earlier self of its home in a batch, and who waits is told to ask again", () => {
    const { place, actor } = glowing()
    const host = place.host(actor)
    const neighbour = lampAddress("lamp_2", lamp.home)
    for (const address of [lamp, neighbour]) host.ask(address, "create")
    for (let crash = 0; crash <= restartsMax; crash++) host.refusal(host.asking(lamp, { type: "shatter" }))
    place.until(() => host.of("actor.quarantined").length > 0, "it is set aside")
    place.disturb = (operation) => (operation === "commit" ? Effect.delay(Effect.succeed(null), 1_000) : Effect.succeed(null))
    const said = ["one", "two"].map((text) => host.fork(Effect.result(host.asking(neighbour, { type: "say", text }))))
    place.advance(10)
    assert.isTrue(host.run(Router.use((router) => router.release(lamp))))
    const [one, two] = said.map((fiber) => host.run(Fiber.join(fiber)))
    assert.deepInclude(one, { _tag: "Success" })
    assert.deepInclude(two, { _tag: "Failure" })
    assert.strictEqual((two as any).failure._tag, "Unavailable")
    assert.strictEqual(host.ask(neighbour, { type: "say", text: "two" }).rev, 3)
    assert.isEmpty(host.of("batch.halved"))
  })
})

describe("a process that drains", () => {
  it("commits what is in flight, refuses what is new, and ends what stands", () => {
    const { place, glows, lit } = glowing()
    const host = lit()
    place.disturb = (operation) => (operation === "commit" ? Effect.delay(Effect.succeed(null), 1_000) : Effect.succeed(null))
    const said = host.fork(host.asking(lamp, { type: "say", text: "last words" }))
    place.advance(10)
    const drained = host.fork(Router.use((router) => router.drain))
    place.advance(10)
    assert.deepInclude(host.refusal(host.asking(lamp, { type: "switchOff" })), { _tag: "Unavailable", reason: "draining" })
    place.advance(2_000)
    assert.strictEqual(said.pollUnsafe()?._tag, "Success")
    assert.isDefined(drained.pollUnsafe())
    assert.strictEqual(glows.now, 0)
  })

  it("waits no longer than it says, and answers whoever still waits", () => {
    const { place, actor } = glowing()
    const host = place.host(actor)
    host.ask(lamp, "create")
    place.disturb = (operation) => (operation === "commit" ? Effect.delay(Effect.succeed(null), 20_000) : Effect.succeed(null))
    const waiting = [1, 2, 3].map((text) => host.fork(Effect.result(host.asking(lamp, { type: "say", text }))))
    place.advance(10)
    host.fork(Router.use((router) => router.drain))
    place.advance(drainMs + 10)
    const answers = waiting.slice(1).map((fiber) => host.run(Fiber.join(fiber)))
    for (const answer of answers) assert.deepInclude(answer, { _tag: "Failure" })
  })

  it("leaves its commands to the next, also one that was being run", () => {
    const { place } = glowing()
    const host = place.host(lampActor({ heat: () => Effect.never }))
    host.ask(lamp, "create")
    host.ask(lamp, "switchOn")
    place.advance(10)
    host.stop()
    place.host(lampActor())
    place.advance(20_000)
    assert.strictEqual(place.status(lamp), "lit")
  })
})

it("hosts ten thousand actors at once", () => {
  const place = new Place()
  const host = place.host(lampActor({ heat: () => Effect.succeed(new NotYet("dark")) }))
  const ids = Array.from({ length: 10_000 }, (_, index) => `lamp_${index}`)
  const made = ids.map((id) => host.fork(host.asking(lampAddress(id), { type: "create" })))
  place.advance(1_000)
  assert.isTrue(made.every((fiber) => fiber.pollUnsafe()?._tag === "Success"))
  assert.strictEqual(place.journal.actors.size, ids.length)
  place.advance(passivateAfterMs + 2 * passivateEveryMs)
  assert.lengthOf(host.of("home.passivated"), ids.length)
})

it("knows no kind but those it was given", () => {
  const place = new Place()
  const host = place.host(lampActor())
  const stranger = { ...lamp, kind: "stranger" }
  assert.strictEqual(host.refusal(host.asking(stranger, { type: "create" }))._tag, "Absent")
  assert.isNull(host.run(look(stranger)))
})
