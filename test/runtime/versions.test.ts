/** A machine that changes while its actors live: U1 to U4 of runtime/versions.ts. */
import { Effect, Schema } from "effect"
import { assert, describe, it } from "vitest"
import { type AnyMachineSnapshot, assign, setup } from "xstate"
import { command } from "../../machines/command.ts"
import type { ActorDefinition, Fact } from "../../runtime/actor.ts"
import { outboxPollMs } from "../../runtime/limits.ts"
import { Router } from "../../runtime/router.ts"
import { begin, persist, restore, step } from "../../runtime/step.ts"
import { upgrade } from "../../runtime/versions.ts"
import { type Hosting, Place } from "../support/hosting.ts"
import { lampActor, lampAddress, lampMachine } from "../support/lamp.ts"

const lamp = lampAddress("lamp_1")
const hourMs = 3_600_000

/** `lit` is called `shining`, shines for half as long, and counts what it has shone. */
const shining = setup({
  types: { context: {} as { readonly heats: number; readonly shone: number }, events: {} as { readonly type: string } },
  actions: {
    heat: command<{ readonly watts: number }>(),
    polish: command<{ readonly cloth: string }>(),
    shine: assign({ shone: ({ context }) => context.shone + 1 })
  },
  delays: { burnout: ({ context }) => hourMs / (1 + context.shone), warmUp: 60_000 }
}).createMachine({
  id: "lamp",
  initial: "off",
  context: { heats: 0, shone: 0 },
  on: { say: { actions: "shine" } },
  states: {
    off: { on: { switchOn: { target: "warming", actions: { type: "polish", params: { cloth: "silk" } } } } },
    warming: {
      entry: { type: "heat", params: { watts: 40 } },
      after: { warmUp: "off" },
      on: { warmed: "shining", switchOff: "off" }
    },
    shining: { entry: "shine", after: { burnout: "off" }, on: { switchOff: "off" } }
  }
})

const upgrades: ActorDefinition["upgrades"] = {
  1: ({ value, context }) => ({ value: value === "lit" ? "shining" : value, context: { heats: context.heats, shone: 1 } })
}

const shiningActor = (
  changes: Partial<ActorDefinition> & { readonly heat?: () => Effect.Effect<Fact | void> } = {}
): ActorDefinition => ({
  ...lampActor(),
  machine: shining,
  version: 2,
  upgrades,
  event: Schema.Struct({ type: Schema.String }),
  requests: new Set(["create", "switchOn", "switchOff", "say"]),
  commands: { heat: () => changes.heat?.() ?? Effect.succeed({ type: "warmed" }), polish: () => Effect.void },
  standing: (snapshot) => (snapshot.matches("shining") ? [{ id: "glow", name: "glow", params: {} }] : []),
  project: (snapshot) => ({
    title: "",
    status: String(snapshot.value),
    owner: null,
    configurationId: null,
    archived: false
  }),
  ...changes
})

const timersOf = (place: Place) =>
  new Map(
    [...place.journal.actors.get("lamp/lamp_1")!.timers].map(([id, { dueMs }]) => [id, dueMs - place.timeline.nowMs] as const)
  )

const lit = () => {
  const place = new Place()
  const older = place.host(lampActor())
  older.ask(lamp, "create")
  older.ask(lamp, "switchOn")
  place.until(() => place.status(lamp) === "lit", "it is lit")
  return { place, older }
}

const tooOld = (host: Hosting, type: string) => host.refusal(host.asking(lamp, { type }))

describe("an actor that an older version stored", () => {
  it("is upgraded in a commit of its own before anything else happens to it (U1)", () => {
    const { place, older } = lit()
    older.kill()
    const before = place.rows(lamp).length
    const newer = place.host(shiningActor())
    newer.ask(lamp, "say")
    const rows = place.rows(lamp).slice(before)
    assert.deepStrictEqual(
      rows.map(({ machineVersion, messageId, event, taken }) => ({ machineVersion, messageId, event, taken: taken[0] })),
      [
        {
          machineVersion: 2,
          messageId: "upgrade:2",
          event: { type: "upgraded", from: 1, to: 2 },
          taken: "version 1 -upgraded-> version 2"
        },
        { machineVersion: 2, messageId: rows[1]!.messageId, event: { type: "say" }, taken: "lamp -say-> itself" }
      ]
    )
    assert.isTrue(place.rows(lamp).every(({ machineVersion }, index) => machineVersion === (index < before ? 1 : 2)))
    assert.strictEqual(place.status(lamp), "shining")
  })

  it("is upgraded at the start of its host if work stands beside it, which stands again", () => {
    const { place, older } = lit()
    older.kill()
    let glows = 0
    place.host(
      shiningActor({
        activities: {
          glow: () =>
            Effect.andThen(
              Effect.sync(() => glows++),
              Effect.never
            )
        }
      })
    )
    place.until(() => place.status(lamp) === "shining", "it is upgraded")
    place.advance(100)
    assert.strictEqual(glows, 1)
  })

  it("gives up the deadlines that the machine no longer knows and begins those that it waits for (U2)", () => {
    const { place, older } = lit()
    place.advance(hourMs / 4)
    older.kill()
    place.host(shiningActor())
    place.until(() => place.status(lamp) === "shining", "it is upgraded")
    const [[id, leftMs], ...others] = [...timersOf(place)] as [[string, number], ...Array<unknown>]
    assert.isEmpty(others)
    assert.strictEqual(id, "xstate.after.burnout.lamp.shining")
    // By the new machine's own measure, which depends on what it remembers.
    assert.approximately(leftMs, hourMs / 2, 10)
    place.advance(hourMs / 2 + 1_000)
    assert.strictEqual(place.status(lamp), "off")
  })

  it("keeps the time of the deadlines that both know (U2)", () => {
    const place = new Place()
    const older = place.host(lampActor({ heat: () => Effect.never }))
    older.ask(lamp, "create")
    older.ask(lamp, "switchOn")
    place.advance(40_000)
    older.kill()
    const newer = place.host(shiningActor({ heat: () => Effect.never }))
    newer.ask(lamp, "say")
    assert.deepStrictEqual([...timersOf(place).keys()], ["xstate.after.warmUp.lamp.warming"])
    place.advance(21_000)
    assert.strictEqual(place.status(lamp), "off")
  })

  it("is upgraded once, whenever its host dies", () => {
    for (const dies of ["before", "after"] as const) {
      const { place, older } = lit()
      older.kill()
      const before = place.rows(lamp).length
      const first = place.host(shiningActor())
      let isDead = false
      place.disturb = (operation) =>
        Effect.sync(() => {
          if (operation !== "commit" || isDead) return null
          isDead = true
          first.kill()
          return dies === "after" ? "answerLost" : "questionLost"
        })
      place.until(() => isDead || place.status(lamp) === "shining", "it is being upgraded")
      place.disturb = () => Effect.succeed(null)
      const second = place.host(shiningActor())
      second.ask(lamp, "say")
      const upgraded = place.rows(lamp).filter(({ messageId }) => messageId === "upgrade:2")
      assert.lengthOf(upgraded, 1, dies)
      assert.lengthOf(place.rows(lamp), before + 2, dies)
    }
  })

  it("is parked with its reason where there is no way, or the way fails, and what is stored stays (U3)", () => {
    const cases: ReadonlyArray<[ActorDefinition["upgrades"], RegExp]> = [
      [{}, /no way from version 1 of its machine to version 2/],
      [{ 1: () => assert.fail("the context is strange") }, /the context is strange/],
      [{ 1: ({ context }) => ({ value: "glimmering", context }) }, /glimmering/]
    ]
    for (const [broken, why] of cases) {
      const { place, older } = lit()
      older.kill()
      const before = place.rows(lamp).length
      const newer = place.host(shiningActor({ upgrades: broken }))
      const refusal = tooOld(newer, "say")
      assert.strictEqual(refusal._tag, "Quarantined")
      assert.match((refusal as { readonly reason: string }).reason, why)
      assert.lengthOf(place.rows(lamp), before)
      newer.kill()
      // A program that knows the way takes it once somebody has released the actor.
      const mended = place.host(shiningActor())
      mended.run(Router.use((router) => router.release(lamp)))
      mended.ask(lamp, "say")
      assert.strictEqual(place.status(lamp), "shining")
    }
  })
})

describe("an actor that a newer version stored", () => {
  it("is left to the hosts that know it: not written, its commands not run, its deadlines not fired (U4)", () => {
    const place = new Place()
    const newer = place.host(shiningActor({ heat: () => Effect.never }))
    newer.ask(lamp, "create")
    newer.ask(lamp, "switchOn")
    newer.kill()
    const before = place.rows(lamp).length
    let heats = 0
    const older = place.host(
      lampActor({
        heat: () =>
          Effect.as(
            Effect.sync(() => heats++),
            undefined
          )
      })
    )
    place.advance(90_000)
    const refusal = tooOld(older, "switchOff")
    assert.deepInclude(refusal, { _tag: "Unavailable", reason: "version" })
    assert.match((refusal as { readonly message: string }).message, /version 2 .* knows version 1/)
    assert.strictEqual(heats, 0)
    assert.lengthOf(place.rows(lamp), before)
    assert.lengthOf([...place.journal.commands.values()], 2)
    place.host(shiningActor({ heat: () => Effect.void }))
    place.advance(30_000 + outboxPollMs)
    assert.isEmpty([...place.journal.commands.values()])
    assert.include(place.events(lamp), "xstate.after.warmUp.lamp.warming")
  })

  it("loses nothing in a rolling deploy: hosts of both versions take messages, and each is kept once", () => {
    const place = new Place()
    const older = place.host(lampActor())
    const ids = Array.from({ length: 12 }, (_, index) => lampAddress(`lamp_${index}`))
    for (const address of ids) older.ask(address, "create")
    const newer = place.host(shiningActor())
    const acknowledged: Array<string> = []
    let turnedAway = 0
    for (let round = 0; round < 6; round++)
      for (const [index, address] of ids.entries()) {
        const message = { id: `say:${round}:${index}`, event: { type: "say", text: "hello" }, by: null }
        // The balancer does not know which host an actor needs, and asks the other when it is told to try again.
        const hosts = round < 2 ? [older, newer] : (round + index) % 2 === 0 ? [older, newer] : [newer, older]
        const taken = hosts.some((host) => {
          const exit = host.exit(Router.use((router) => router.ask(address, message)))
          if (exit._tag === "Failure") turnedAway += 1
          return exit._tag === "Success"
        })
        assert.isTrue(taken)
        acknowledged.push(message.id)
      }
    assert.isAbove(turnedAway, 0)
    older.kill()
    for (const address of ids) newer.ask(address, "switchOn")
    const kept = ids.flatMap((address) => place.rows(address).map(({ messageId }) => messageId))
    for (const id of acknowledged)
      assert.lengthOf(
        kept.filter((messageId) => messageId === id),
        1,
        id
      )
    for (const address of ids) {
      const versions = place.rows(address).map(({ machineVersion }) => machineVersion)
      assert.deepStrictEqual(versions, versions.toSorted(), "a version never goes back")
      assert.strictEqual(versions.at(-1), 2)
    }
  })
})

it("has a way for every state that the older machine could reach, and what it leads to waits as it should", () => {
  const reached = new Map<string, AnyMachineSnapshot>()
  const look = (snapshot: AnyMachineSnapshot) => {
    const key = JSON.stringify({ value: snapshot.value, heats: Math.min(snapshot.context.heats, 2) })
    if (reached.has(key)) return
    reached.set(key, snapshot)
    for (const type of lampMachine.events)
      if (type !== "shatter" && type !== "*") look(step(lampMachine, snapshot, { type, text: "", socket: "s" }).snapshot)
  }
  look(begin(lampMachine, { type: "create" }).snapshot)
  assert.isAtLeast(reached.size, 5)
  for (const snapshot of reached.values()) {
    const stored = { machineVersion: 1, snapshot: persist(snapshot), timers: new Map() } as never
    const { snapshot: upgraded, timers } = upgrade(shiningActor(), stored)
    const waits = restore(shining, persist(upgraded))._nodes.flatMap(({ after }) => after.map(({ eventType }) => eventType))
    assert.deepStrictEqual([...timers.keys()], waits)
    for (const type of shining.events) step(shining, upgraded, { type })
  }
})
