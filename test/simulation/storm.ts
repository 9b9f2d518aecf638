/** A stormy day of some sessions, and the calm after it, in which everything must come to rest. */
import { Effect } from "effect"
import { Router } from "../../runtime/router.ts"
import { agentOf, deciders } from "./callers.ts"
import { must } from "./laws.ts"
import { drawMisfortunes, misfortunes } from "./misfortune.ts"
import { Person, Watcher } from "./people.ts"
import { atRest, isAllAtRest } from "./rest.ts"
import { type Simulation, sessionAddress } from "./simulation.ts"

const sessionsMax = 4
const stormsMs = [120_000, 600_000, 1_800_000]
/** After the weather cleared: a hung turn takes an hour to be given up, its questions and recoveries some more. */
const restMs = 3 * 3_600_000
const releaseEveryMs = 60_000
/** Named among the troubles of a day, so that a failing one is tried without. */
const acting = "agents act"

/** An operator, who lifts every quarantine. */
const operate = (simulation: Simulation) =>
  Effect.gen(function* () {
    while (true) {
      yield* Effect.sleep(releaseEveryMs)
      for (const { address, quarantine } of simulation.journal.actors.values()) {
        const node = simulation.nodesUp[0]
        if (quarantine !== null && node !== undefined)
          yield* Effect.ignore(node.call(Router.use((router) => router.release(address))))
      }
    }
  })

const hasSeenAll = ({ feeds }: Simulation, { org, home, cursor }: Watcher): boolean =>
  cursor === (feeds.get(`${org}/${home}`)?.head.seq ?? 0)

export const storm = (simulation: Simulation): void => {
  const { timeline, world, counts } = simulation
  world.captureStops = timeline.chance(0.5)
  simulation.network.isThere = timeline.chance(0.7)
  const sessions = Math.min(1 + timeline.below(sessionsMax), simulation.milder.sessionsMax)
  const addresses = Array.from({ length: sessions }, (_, index) => sessionAddress(`ses_${index + 1}`))
  simulation.startNode()
  const watchers = addresses.flatMap((address) => [new Watcher(simulation, address), new Watcher(simulation, address)])
  const drawn = drawMisfortunes(simulation)
  const { only } = simulation.milder
  const agentsAct = timeline.chance(0.7) && (only === null || only.has(acting))
  simulation.misfortunes = agentsAct ? [...drawn, acting] : drawn
  const lives = [
    ...addresses.map((address) => new Person(simulation, address).live),
    ...watchers.map(({ live }) => live),
    misfortunes(simulation, drawn),
    operate(simulation),
    ...(agentsAct ? [...addresses.map((address) => agentOf(simulation, address)), deciders(simulation)] : [])
  ].map((life) => world.lane.fork(life))
  const hasFailed = () => lives.some((fiber) => fiber.pollUnsafe()?._tag === "Failure")

  simulation.pass(timeline.pick(stormsMs), hasFailed)
  simulation.clear()
  const clearedAtMs = timeline.nowMs
  const isDone = () => isAllAtRest(simulation) && watchers.every((watcher) => hasSeenAll(simulation, watcher))
  while (!hasFailed() && timeline.nowMs < clearedAtMs + restMs && !isDone()) {
    if (simulation.nodesUp.length === 0) simulation.startNode()
    simulation.pass(1_000, hasFailed)
  }
  counts.restMs = timeline.nowMs - clearedAtMs
  for (const fiber of lives) {
    const exit = fiber.pollUnsafe()
    if (exit?._tag === "Failure") Effect.runSync(exit)
  }
  atRest(simulation)
  for (const watcher of watchers)
    must(hasSeenAll(simulation, watcher), `G3: a watcher of ${watcher.home} stands at ${watcher.cursor}`)
}
