/** Commands and the hands that run them: O1 to O4 of runtime/outbox.ts. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { type Fact, NotYet } from "../../runtime/actor.ts"
import {
  commandClaimMs,
  commandMs,
  commandRenewMs,
  commandRetryMaxMs,
  commandsInFlightMax,
  commandTriesMax,
  outboxPollMs
} from "../../runtime/limits.ts"
import { Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

const lamp = lampAddress("lamp_1")
const warmed: Fact = { type: "warmed" }
const cold: Fact = { type: "cold" }

type Heat = (key: string) => Effect.Effect<Fact | NotYet | void>

const heated = (heat: Heat, ids: ReadonlyArray<string> = [lamp.id]) => {
  const place = new Place()
  const runs: Array<{ readonly key: string; readonly atMs: number }> = []
  const watched: Heat = (key) =>
    Effect.suspend(() => {
      runs.push({ key, atMs: place.timeline.nowMs })
      return heat(key)
    })
  const host = place.host(lampActor({ heat: watched }))
  for (const id of ids) {
    host.ask(lampAddress(id), "create")
    host.ask(lampAddress(id), "switchOn")
  }
  const pauses = () => runs.slice(1).map(({ atMs }, index) => atMs - runs[index]!.atMs)
  return { place, host, runs, watched, pauses, left: () => [...place.journal.commands.values()] }
}

describe("a command", () => {
  it("runs at once after its commit, under its key, and its fact ends it (O1, O4)", () => {
    const { place, runs, left } = heated(() => Effect.succeed(warmed))
    place.advance(10)
    assert.deepStrictEqual(
      runs.map(({ key }) => key),
      ["lamp:lamp_1:2:0"]
    )
    assert.deepInclude(place.rows(lamp).at(-1), { messageId: "fact:lamp:lamp_1:2:0", cause: "lamp:lamp_1:2:0", event: warmed })
    assert.deepStrictEqual(left(), [])
  })

  it("is not run before its commit (I9)", () => {
    const place = new Place()
    let heats = 0
    const host = place.host(lampActor({ heat: () => Effect.sync(() => void heats++) }))
    host.ask(lamp, "create")
    place.disturb = (operation) => (operation === "commit" ? Effect.delay(Effect.succeed(null), 5_000) : Effect.succeed(null))
    host.fork(host.asking(lamp, { type: "switchOn" }))
    place.advance(4_999)
    assert.strictEqual(heats, 0)
    place.advance(100)
    assert.strictEqual(heats, 1)
  })

  it("with nothing to tell is just ended", () => {
    const { place, left } = heated(() => Effect.void)
    place.advance(10)
    assert.deepStrictEqual(left(), [])
    assert.strictEqual(place.status(lamp), "warming")
  })

  it("of a process that died is run again by the next, under the same key", () => {
    const { place, host, runs, watched } = heated(() => Effect.never)
    place.advance(10)
    host.kill()
    place.host(lampActor({ heat: watched }))
    place.advance(commandClaimMs + outboxPollMs)
    assert.deepStrictEqual(
      runs.map(({ key }) => key),
      ["lamp:lamp_1:2:0", "lamp:lamp_1:2:0"]
    )
  })

  it("that nobody was woken for is found within a second", () => {
    const place = new Place()
    place.host(lampActor({ heat: () => Effect.succeed(warmed) }))
    const dying = place.host(lampActor())
    dying.ask(lamp, "create")
    place.disturb = (operation) =>
      Effect.sync(() => {
        if (operation === "commit") dying.kill()
        return null
      })
    dying.fork(dying.asking(lamp, { type: "switchOn" }))
    place.advance(outboxPollMs + 10)
    assert.strictEqual(place.status(lamp), "lit")
  })
})

describe("a hand that crashes", () => {
  it("is tried again 0.5 s later, then twice as late each time; at the fifth the actor is told and the command buried (O3)", () => {
    const { place, pauses, left } = heated(() => Effect.die(new Error("the filament broke")))
    place.advance(9_000)
    assert.deepStrictEqual(
      pauses().map((ms) => Math.round(ms / 500)),
      [1, 2, 4, 8]
    )
    assert.strictEqual(place.status(lamp), "off")
    assert.strictEqual(place.rows(lamp).at(-1)?.messageId, "buried:lamp:lamp_1:2:0")
    assert.deepInclude(left()[0], { dead: true, error: "Error: the filament broke" })
  })

  it("for a while only is no trouble", () => {
    let heats = 0
    const { place, left } = heated(() => (++heats < commandTriesMax ? Effect.die("once more") : Effect.succeed(warmed)))
    place.advance(9_000)
    assert.strictEqual(place.status(lamp), "lit")
    assert.deepStrictEqual(left(), [])
  })

  it("throws before it is an effect at all, and is a crash like any other", () => {
    const { place, runs } = heated(() => {
      throw new Error("no effect")
    })
    place.advance(9_000)
    assert.lengthOf(runs, commandTriesMax)
    assert.strictEqual(place.status(lamp), "off")
  })

  it("leaves a reason that can be stored", () => {
    const { place, left } = heated(() => Effect.die(new Error("cut \ud83d\u0000")))
    place.advance(9_000)
    assert.strictEqual(left()[0]?.error, "Error: cut \ufffd\ufffd")
  })

  it("by never ending is ended, and was a crash", () => {
    const { place, host } = heated(() => Effect.never)
    place.advance(commandMs + 100)
    assert.match(host.of("command.crashed")[0]!.reason, /more than 10 min/)
  })

  it("holds up no other", () => {
    const ids = Array.from({ length: 100 }, (_, index) => `lamp_${index}`)
    const { place } = heated((key) => (key.startsWith("lamp:lamp_7:") ? Effect.die("broken") : Effect.succeed(warmed)), ids)
    place.advance(100)
    assert.lengthOf(
      ids.filter((id) => place.status(lampAddress(id)) === "lit"),
      99
    )
  })
})

describe("a hand that cannot tell yet", () => {
  it("is asked again as long as it takes, at least every 30 s, and never buried", () => {
    let isDark = true
    const { place, pauses, left } = heated(() => Effect.succeed(isDark ? new NotYet("no light") : cold))
    place.advance(600_000)
    assert.deepStrictEqual(
      pauses()
        .slice(0, 6)
        .map((ms) => Math.round(ms / 500)),
      [1, 2, 4, 8, 16, 32]
    )
    // The poll finds it up to a second late.
    assert.isAtMost(Math.max(...pauses()), commandRetryMaxMs + outboxPollMs)
    isDark = false
    place.advance(commandRetryMaxMs + outboxPollMs)
    assert.deepStrictEqual(left(), [])
  })

  it("and then crashes is not buried for the times it could not tell", () => {
    let heats = 0
    const { place, left } = heated(() => {
      heats += 1
      return heats <= 10 ? Effect.succeed(new NotYet("no light")) : heats === 11 ? Effect.die("once") : Effect.void
    })
    place.advance(600_000)
    assert.deepStrictEqual(left(), [])
  })

  it("takes no place from others while it waits: a provider that is away stops nobody", () => {
    const ids = Array.from({ length: 2 * commandsInFlightMax }, (_, index) => `lamp_${index}`)
    const { place, host } = heated((key) => Effect.succeed(key.endsWith(":2:0") ? new NotYet("away") : warmed), ids)
    place.advance(5_000)
    host.ask(lampAddress("lamp_0"), "switchOff")
    host.ask(lampAddress("lamp_0"), "switchOn")
    place.advance(10)
    assert.strictEqual(place.status(lampAddress("lamp_0")), "lit")
  })
})

describe("a claim", () => {
  it("is renewed while its run lives (O2)", () => {
    const { place, runs } = heated(() => Effect.delay(Effect.succeed(cold), 6 * commandClaimMs))
    const other = place.host(lampActor({ heat: () => Effect.succeed(warmed) }))
    place.advance(7 * commandClaimMs)
    assert.lengthOf(runs, 1)
    assert.isEmpty(other.of("command.started"))
  })

  it("that is lost interrupts its run, and the other's fact counts (O2)", () => {
    let interrupted = 0
    const { place, host, left } = heated(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)))
    place.advance(10)
    host.lane.pause()
    const other = place.host(lampActor({ heat: () => Effect.succeed(warmed) }))
    place.advance(commandClaimMs + outboxPollMs)
    assert.strictEqual(place.status(lamp), "lit")
    host.lane.unpause()
    place.advance(commandClaimMs)
    assert.strictEqual(interrupted, 1)
    assert.lengthOf(other.of("command.done"), 1)
    assert.deepStrictEqual(left(), [])
  })

  it("that ran out before its run began starts nothing: another has the command (O2)", () => {
    const { place, host, runs, watched } = heated(() => Effect.succeed(warmed))
    let isAsleep = false
    place.disturb = (operation) =>
      Effect.sync(() => {
        if (operation === "claim" && place.journal.commands.size > 0 && !isAsleep) {
          isAsleep = true
          host.lane.pause()
        }
        return null
      })
    place.advance(outboxPollMs)
    assert.isTrue(isAsleep)
    assert.isEmpty(runs)
    place.host(lampActor({ heat: watched }))
    place.advance(commandClaimMs + outboxPollMs)
    assert.lengthOf(runs, 1)
    host.lane.unpause()
    place.advance(commandClaimMs)
    assert.lengthOf(runs, 1)
  })

  it("survives an outage that is shorter than it", () => {
    const { place, runs } = heated(() => Effect.delay(Effect.succeed(warmed), 2 * commandClaimMs))
    place.advance(1_000)
    place.disturb = () => Effect.succeed("unavailable")
    place.advance(commandClaimMs / 2)
    place.disturb = () => Effect.succeed(null)
    place.advance(2 * commandClaimMs)
    assert.lengthOf(runs, 1)
  })
})

describe("a fact", () => {
  it("that its actor cannot take now is established and told again (O1)", () => {
    const { place, runs } = heated(() => Effect.delay(Effect.succeed(warmed), 100))
    place.disturb = (operation) => Effect.succeed(operation === "commit" ? "unavailable" : null)
    place.advance(5_000)
    place.disturb = () => Effect.succeed(null)
    place.advance(5_000)
    assert.isAbove(runs.length, 1)
    assert.lengthOf(
      place.events(lamp).filter((type) => type === "warmed"),
      1
    )
  })

  it("that two runs establish alike is accepted once; unlike, both are told, one of them late (O1)", () => {
    const runTwice = (facts: ReadonlyArray<Fact>) => {
      let heats = 0
      const { place, host, watched, left } = heated(() => Effect.delay(Effect.succeed(facts[heats++]!), 5_000))
      place.advance(10)
      // Its claims are not renewed while the journal refuses that alone, so that another takes the command too.
      place.disturb = (operation) => Effect.succeed(operation === "renew" ? "unavailable" : null)
      host.lane.pause()
      place.host(lampActor({ heat: watched }))
      place.advance(commandClaimMs + outboxPollMs)
      host.lane.unpause()
      place.advance(20_000)
      assert.deepStrictEqual(left(), [])
      return place
        .rows(lamp)
        .slice(2)
        .map(({ messageId, event }) => [messageId.split(":")[0], (event as Fact).type])
    }
    assert.deepStrictEqual(runTwice([warmed, warmed]), [["fact", "warmed"]])
    assert.deepStrictEqual(runTwice([warmed, cold]), [
      ["fact", "warmed"],
      ["late", "cold"]
    ])
  })

  it("of a run that has ended is told, however long that takes and whoever has the claim by then (O1)", () => {
    const facts = [cold, warmed]
    let looks = 0
    const { place, host, watched } = heated(() => Effect.delay(Effect.succeed(facts.pop()!), 5_000))
    place.advance(10)
    place.disturb = (operation) => Effect.succeed(operation === "renew" ? "unavailable" : null)
    host.lane.pause()
    place.host(lampActor({ heat: watched }))
    place.advance(commandClaimMs + outboxPollMs + 6_000)
    // Slower than a claim is renewed, and then no answer at all.
    place.disturb = (operation) =>
      operation === "history"
        ? Effect.delay(Effect.succeed(++looks < 3 ? "unavailable" : null), 2 * commandRenewMs)
        : Effect.succeed(null)
    host.lane.unpause()
    place.advance(60_000)
    assert.isAtLeast(looks, 3)
    assert.deepStrictEqual(
      place
        .rows(lamp)
        .slice(2)
        .map(({ messageId, event }) => [messageId.split(":")[0], (event as Fact).type]),
      [
        ["fact", "cold"],
        ["late", "warmed"]
      ]
    )
  })
})

it("runs no more than 64 at once", () => {
  let now = 0
  let most = 0
  const heat = () =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        most = Math.max(most, ++now)
      }),
      () => Effect.delay(Effect.succeed(warmed), 200),
      () => Effect.sync(() => void now--)
    )
  const ids = Array.from({ length: 300 }, (_, index) => `lamp_${index}`)
  const { place } = heated(heat, ids)
  place.until(() => ids.every((id) => place.status(lampAddress(id)) === "lit"), "all are lit")
  assert.isAtMost(most, commandsInFlightMax)
})

it("buries a command that this program has no hand for", () => {
  const { place, host, left } = heated(() => Effect.never)
  host.kill()
  place.host({ ...lampActor(), commands: {} })
  place.advance(commandClaimMs + outboxPollMs)
  assert.match(left()[0]?.error ?? "", /no hand for heat/)
})
