/** What the router and the actors offer to whoever looks after them: hosted or not, woken, fired, and taken at one revision alone. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { Router } from "../../runtime/router.ts"
import { Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

const lamp = lampAddress("lamp_1")
const isAttended = Router.use((router) => router.isAttended(lamp))

const at = (ifRev: number, id = `at ${ifRev}`) =>
  Router.use((router) => router.ask(lamp, { id, event: { type: "say", text: id } as { readonly type: string }, by: null, ifRev }))

describe("a message for one revision", () => {
  it("is taken at that one, answered the same when it comes again, and refused at any other", () => {
    const place = new Place()
    const host = place.host(lampActor())
    host.ask(lamp, "create")
    host.ask(lamp, { type: "say", text: "one" })
    assert.deepEqual(host.run(at(2)), { rev: 3, duplicate: false })
    assert.deepEqual(host.run(at(2)), { rev: 3, duplicate: true })
    for (const ifRev of [1, 2, 4]) {
      const { _tag, ...moved } = host.refusal(at(ifRev, `other ${ifRev}`))
      assert.strictEqual(_tag, "Moved")
      assert.deepInclude(moved, { rev: 3, meantFor: ifRev })
    }
    assert.lengthOf(place.rows(lamp), 3)
  })

  it("is judged by what is stored, whatever a host that was overtaken remembers", () => {
    const place = new Place()
    const first = place.host(lampActor())
    first.ask(lamp, "create")
    const second = place.host(lampActor())
    second.ask(lamp, { type: "say", text: "elsewhere" })
    assert.strictEqual(first.refusal(at(1))._tag, "Moved")
    assert.deepEqual(first.run(at(2)), { rev: 3, duplicate: false })
    second.ask(lamp, { type: "say", text: "elsewhere again" })
    assert.deepEqual(first.run(at(4)), { rev: 5, duplicate: false })
  })
})

describe("an actor that nobody holds", () => {
  it("is woken with what stands beside it, even by a host that remembers it as it was, and nothing is written", () => {
    const place = new Place()
    const glows: Array<string> = []
    const actor = (name: string) =>
      lampActor({
        glow: () =>
          Effect.andThen(
            Effect.sync(() => glows.push(name)),
            Effect.never
          )
      })
    const idle = place.host(actor("idle"))
    const busy = place.host(actor("busy"))
    idle.ask(lamp, "create")
    // The idle one would take the command that warms it.
    idle.lane.pause()
    busy.ask(lamp, "switchOn")
    place.until(() => place.status(lamp) === "lit", "it is lit")
    place.advance(1)
    busy.kill()
    idle.lane.unpause()
    assert.isFalse(idle.run(isAttended))
    const rows = place.rows(lamp).length
    idle.run(Router.use((router) => router.wake(lamp)))
    place.advance(10)
    assert.isTrue(idle.run(isAttended))
    assert.deepEqual(glows, ["busy", "idle"])
    assert.lengthOf(place.rows(lamp), rows)
  })
})

describe("a deadline that passed unnoticed", () => {
  it("is fired once, however often, and only as it was armed", () => {
    const place = new Place()
    const host = place.host(lampActor({ heat: () => Effect.never }))
    host.ask(lamp, "create")
    host.ask(lamp, "switchOn")
    const [timerId, { rev, event }] = [...place.journal.actors.get("lamp/lamp_1")!.timers][0]!
    const firing = (rev: number) => Router.use((router) => router.fire({ address: lamp, timerId, rev, event: JSON.parse(event) }))
    assert.deepEqual(host.run(firing(rev - 1)), { rev: 2, duplicate: true })
    assert.deepEqual(host.run(firing(rev)), { rev: 3, duplicate: false })
    assert.isTrue(host.run(firing(rev)).duplicate)
    assert.strictEqual(place.status(lamp), "off")
    assert.isEmpty([...place.journal.actors.get("lamp/lamp_1")!.timers])
  })
})
