/** What operators see of a process: homes, actors, what stands beside them, crashes, and what was given up. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { restartPauseMs, restartsMax, restartWindowMs } from "../../runtime/limits.ts"
import { Router } from "../../runtime/router.ts"
import { type ActorSight, type HomeSight, treeActorsMax, treeHomesMax, treeOf } from "../../runtime/tree.ts"
import { type Hosting, Place } from "../support/hosting.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

const lamp = lampAddress("lamp_1")
const treeOn = (host: Hosting, org = lamp.org, home: string | null = null) =>
  host.run(Router.use((router) => router.tree(org, home)))
const only = (host: Hosting): ActorSight => treeOn(host).homes[0]!.actors[0]!

const lit = (place: Place, glow: () => Effect.Effect<void>) => {
  const host = place.host(lampActor({ glow }))
  host.ask(lamp, "create")
  host.ask(lamp, "switchOn")
  place.until(() => place.status(lamp) === "lit", "it is lit")
  place.advance(1)
  return host
}

describe("the tree of a process", () => {
  it("shows an actor, and what stands beside it, by home and by organisation", () => {
    const host = lit(new Place(), () => Effect.never)
    const well = { state: "running", crashes: 0, crash: null } as const
    assert.deepEqual(treeOn(host), {
      homesTotal: 1,
      homes: [
        {
          home: "lamp_1",
          strategy: "rest_for_one",
          actorsTotal: 1,
          actors: [
            {
              kind: "lamp",
              id: "lamp_1",
              restart: "permanent",
              ...well,
              waiting: 0,
              handling: null,
              standing: [{ id: "glow", restart: "transient", ...well }],
              givenUp: []
            }
          ]
        }
      ]
    })
    assert.lengthOf(treeOn(host, lamp.org, "lamp_1").homes, 1)
    assert.deepEqual(treeOn(host, lamp.org, "lamp_2"), { homesTotal: 0, homes: [] })
    assert.deepEqual(treeOn(host, "org_2"), { homesTotal: 0, homes: [] })
  })

  it("counts crashes within the window, shows the pause between two lives, and forgets them with it", () => {
    const place = new Place()
    let crashing = true
    const host = lit(place, () => (crashing ? Effect.die(new Error("a broken wire")) : Effect.never))
    const [glow] = only(host).standing
    assert.deepInclude(glow, { state: "pausing", crashes: 1 })
    assert.strictEqual(glow!.crash?.reason, "Error: a broken wire")
    crashing = false
    place.advance(restartPauseMs)
    assert.deepInclude(only(host).standing[0], { state: "running", crashes: 1 })
    place.advance(restartWindowMs)
    assert.deepInclude(only(host).standing[0], { state: "running", crashes: 0, crash: null })
  })

  it("shows an actor that crashed, and the event that it decides on", () => {
    const place = new Place()
    const host = place.host(lampActor())
    host.ask(lamp, "create")
    assert.strictEqual(host.refusal(host.asking(lamp, { type: "shatter" }))._tag, "Crashed")
    assert.deepInclude(only(host), { state: "pausing", crashes: 1, handling: "shatter" })
    place.advance(restartPauseMs)
    assert.deepInclude(only(host), { state: "running", crashes: 1, handling: null })
  })

  it("shows what was given up for as long as its actor would want it", () => {
    const place = new Place()
    let crashes = 0
    const host = lit(place, () => Effect.die(new Error(`wire ${++crashes}`)))
    // Its actor cannot be told yet.
    place.disturb = (operation) => Effect.succeed(operation === "commit" ? "unavailable" : null)
    place.until(() => crashes > restartsMax, "its glow crashed too often")
    place.advance(1)
    const { standing, givenUp } = only(host)
    assert.isEmpty(standing)
    assert.strictEqual(givenUp[0]?.id, "glow")
    assert.include(givenUp[0]?.reason, `wire ${crashes}`)
    // Told of the crash, the lamp goes off: nothing is wanted any more.
    place.disturb = () => Effect.succeed(null)
    place.until(() => place.status(lamp) === "off", "its glow is given up")
    assert.strictEqual(crashes, restartsMax + 1)
    place.advance(1)
    assert.deepInclude(only(host), { standing: [], givenUp: [] })
  })
})

const actor = (id: string, sight: Partial<ActorSight> = {}): ActorSight => ({
  kind: "lamp",
  id,
  state: "running",
  restart: "permanent",
  crashes: 0,
  crash: null,
  waiting: 0,
  handling: null,
  standing: [],
  givenUp: [],
  ...sight
})
const home = (name: string, ...actors: ReadonlyArray<ActorSight>): HomeSight => ({
  home: name,
  strategy: "rest_for_one",
  actorsTotal: actors.length,
  actors
})

describe("what is shown of a tree", () => {
  it("is bounded, with those in trouble first, then those with most waiting", () => {
    const many = Array.from({ length: 2 * treeHomesMax }, (_, n) => home(`home_${n}`, actor(`lamp_${n}`)))
    const crash = { reason: "a broken wire", atMs: 1 }
    const broken = home("zz_1", actor("well"), actor("broken", { givenUp: [{ id: "glow", ...crash }] }))
    const flickering = home(
      "zz_2",
      actor("flickering", { standing: [{ id: "glow", restart: "transient", state: "pausing", crashes: 1, crash }] })
    )
    const busy = home("zz_3", actor("busy", { waiting: 7 }))
    const crowded = home(
      "zz_0",
      ...Array.from({ length: 2 * treeActorsMax }, (_, n) => actor(`lamp_${n}`)),
      actor("sick", { crashes: 1 })
    )
    const tree = treeOf([...many, busy, flickering, broken, crowded])
    assert.strictEqual(tree.homesTotal, many.length + 4)
    assert.lengthOf(tree.homes, treeHomesMax)
    assert.deepEqual(
      tree.homes.slice(0, 4).map(({ home }) => home),
      ["zz_0", "zz_1", "zz_2", "zz_3"]
    )
    assert.deepInclude(tree.homes[0], { actorsTotal: 2 * treeActorsMax + 1 })
    assert.lengthOf(tree.homes[0]!.actors, treeActorsMax)
    assert.strictEqual(tree.homes[0]!.actors[0]!.id, "sick")
    assert.strictEqual(tree.homes[1]!.actors[0]!.id, "broken")
  })
})
