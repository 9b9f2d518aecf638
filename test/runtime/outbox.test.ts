/** Commands and the hands that run them: O1 to O4 of runtime/outbox.ts. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { NotYet } from "../../runtime/actor.ts"
import {
  commandClaimMs,
  commandMs,
  commandRenewMs,
  commandRetryMaxMs,
  commandsInFlightMax,
  commandTriesMax,
  outboxPollMs
} from "../../runtime/limits.ts"
import { cold, heated, lamp, warmed } from "../support/heated.ts"
import { Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

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
    place.advance(commandMs + commandRenewMs + 100)
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

it("runs no more than 64 at once of an organisation that is alone", () => {
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
  assert.strictEqual(most, commandsInFlightMax / 2)
})

it("buries a command that this program has no hand for", () => {
  const { place, host, left } = heated(() => Effect.never)
  host.kill()
  place.host({ ...lampActor(), commands: {} })
  place.advance(commandClaimMs + outboxPollMs)
  assert.match(left()[0]?.error ?? "", /no hand for heat/)
})
