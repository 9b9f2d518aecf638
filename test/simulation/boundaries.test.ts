/** One session's whole life, lived once undisturbed and then once for each commit in it, with the node killed at that very edge. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { must } from "./laws.ts"
import type { Edge } from "./node.ts"
import { createEvent, Person } from "./people.ts"
import { atRest, isAllAtRest } from "./rest.ts"
import { asDrawn, Simulation, sessionAddress } from "./simulation.ts"
import { Weather } from "./weather.ts"

const lifeMs = 4 * 3_600_000
const ses1 = sessionAddress("ses_1")

/** From its creation to its end; dies at the `at`-th time that a node comes to this edge. Returns how often one did. */
const live = (edge: Edge, at: number): number => {
  const simulation = new Simulation("a life", asDrawn, Weather.calm)
  let times = 0
  simulation.isEndedAt = (here) => here === edge && ++times === at
  const person = new Person(simulation, ses1)
  const status = () => simulation.journal.actors.get("session/ses_1")?.stored.status
  const until = (condition: () => boolean) => Effect.repeat(Effect.sleep(500), { until: condition })
  const ask = (event: { readonly type: string } & Record<string, unknown>, id: string) => person.ask({ id, event, by: "usr_1" })
  const prompt = (promptId: string) => ask({ type: "prompt", promptId, text: promptId, by: "usr_1" }, `prompt:${promptId}`)
  const ended = () => simulation.laws.acknowledged.size > 0 && status() === "running" && isQuiet()
  const isQuiet = () => {
    const { context } = JSON.parse(simulation.journal.actors.get("session/ses_1")!.stored.snapshot)
    return context.turn === null && context.queue.length === 0
  }

  const life = Effect.gen(function* () {
    yield* ask(createEvent(), "create")
    yield* prompt("p1")
    yield* prompt("p2")
    yield* until(ended)
    yield* ask({ type: "pause", why: "manual" }, "pause")
    yield* until(() => status() === "paused")
    yield* prompt("p3")
    yield* until(ended)
    yield* ask({ type: "stop" }, "stop")
    yield* until(() => status() === "stopped")
  })
  const restarts = Effect.forever(
    Effect.delay(
      Effect.sync(() => simulation.nodesUp.length === 0 && simulation.startNode()),
      1_000
    )
  )
  simulation.startNode()
  simulation.world.lane.fork(restarts)
  simulation.run(life, lifeMs)
  for (let minutes = 0; minutes < 30 && !isAllAtRest(simulation); minutes++) simulation.pass(60_000)
  atRest(simulation)
  must(simulation.world.alive.length === 0, "a stopped session has a sandbox")
  must(at > times || simulation.counts.crashes === 1, "nobody was killed")
  return times
}

describe("a node that is killed at any commit", () => {
  for (const edge of ["before-commit", "after-commit"] as const)
    it(`loses and repeats nothing: ${edge}`, { timeout: 60_000 }, () => {
      const commits = live(edge, Number.POSITIVE_INFINITY)
      assert.isAbove(commits, 15)
      for (let at = 1; at <= commits; at++) live(edge, at)
    })
})
