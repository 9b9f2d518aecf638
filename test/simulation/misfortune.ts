/** What befalls a simulation beside single calls: sandboxes, daemons, stores and nodes go away, and mostly come back. */
import { Effect } from "effect"
import { drifts } from "./service.ts"
import type { Simulation } from "./simulation.ts"
import { unaskedMax } from "./world.ts"

const nodesMax = 3

const onOneSandbox = (simulation: Simulation, befalls: (sandboxId: string) => void) => {
  const running = simulation.world.alive.filter(({ state }) => state === "running")
  if (running.length > 0) befalls(simulation.timeline.pick(running).sandboxId)
}

const befalls = {
  "sandbox stops": (simulation: Simulation) => onOneSandbox(simulation, (id) => simulation.world.stop(id)),
  "sandbox vanishes": (simulation: Simulation) => onOneSandbox(simulation, (id) => simulation.world.destroy(id)),
  "sandbox appears": ({ world, journal, timeline }: Simulation) => {
    const sessions = [...journal.actors.values()].filter(({ address }) => address.kind === "session")
    if (sessions.length > 0 && world.unasked.size < unaskedMax) {
      const { org, id } = timeline.pick(sessions).address
      world.appear(org, id)
    }
  },
  "daemon dies": (simulation: Simulation) =>
    onOneSandbox(simulation, (id) => simulation.world.restartDaemon(id, simulation.timeline.chance(0.5))),
  "stream is cut": (simulation: Simulation) =>
    onOneSandbox(simulation, (id) => simulation.world.sandboxes.get(id)!.daemon?.cut()),
  "sandbox is unreachable": (simulation: Simulation) =>
    onOneSandbox(simulation, (id) => {
      simulation.world.sandboxes.get(id)!.unreachableUntilMs =
        simulation.timeline.nowMs + simulation.weather.between(1_000, 90_000)
    }),
  outage: ({ weather, timeline }: Simulation) => {
    const of = timeline.pick(["journal", "feed", "provider", "coordination", "service"] as const)
    weather.outageUntilMs[of] = timeline.nowMs + weather.between(500, of === "provider" || of === "service" ? 300_000 : 45_000)
  },
  "service drifts": ({ service, timeline, weather, world }: Simulation) => {
    service.drift = timeline.pick(drifts)
    world.lane.fork(
      Effect.andThen(
        weather.pass(1_000, 120_000),
        Effect.sync(() => {
          service.drift = null
        })
      )
    )
  },
  "coordination is flushed": ({ table }: Simulation) => table.flush(),
  "home moves": ({ network, journal, timeline }: Simulation) => {
    const actors = [...journal.actors.values()]
    if (actors.length > 0) network.move(timeline.pick(actors).address.home)
  },
  "network is cut": ({ network, nodesUp, timeline, weather }: Simulation) => {
    const [from, to] = [timeline.pick(nodesUp), timeline.pick(nodesUp)]
    if (from !== undefined && to !== undefined && from !== to) network.cut(from, to, weather.between(1_000, 90_000))
  },
  "feed is trimmed": ({ feeds, stores, timeline }: Simulation) => {
    for (const [name, { head }] of feeds) {
      const [org, id] = name.split("/") as [string, string]
      stores.trim({ org, id }, head.first - 1 + timeline.below(head.seq - head.first + 2))
    }
  },
  "node is killed": ({ nodesUp, timeline }: Simulation) => {
    if (nodesUp.length > 0) timeline.pick(nodesUp).kill()
  },
  "node is stopped": ({ nodesUp, timeline, world }: Simulation) => {
    if (nodesUp.length > 0) world.lane.fork(timeline.pick(nodesUp).stop())
  },
  "node is paused": ({ nodesUp, timeline, weather, world }: Simulation) => {
    if (nodesUp.length === 0) return
    const { lane } = timeline.pick(nodesUp)
    lane.pause()
    world.lane.fork(
      Effect.andThen(
        weather.pass(500, 90_000),
        Effect.sync(() => lane.unpause())
      )
    )
  },
  "node is added": (simulation: Simulation) => {
    if (simulation.nodesUp.length < nodesMax) simulation.startNode()
  }
}

export type Misfortune = keyof typeof befalls

/** Each seed has its own, as it has its own weather. */
export const drawMisfortunes = ({ timeline, milder: { only } }: Simulation): ReadonlyArray<Misfortune> =>
  (Object.keys(befalls) as Array<Misfortune>).filter((name) => timeline.chance(0.4) && (only === null || only.has(name)))

export const misfortunes = (simulation: Simulation, drawn: ReadonlyArray<Misfortune>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { timeline, weather } = simulation
    const apartMs = timeline.pick([5_000, 20_000, 60_000])
    while (!weather.isCalm) {
      yield* weather.pass(0, apartMs)
      if (drawn.length > 0 && !weather.isCalm) {
        const drawnNow = timeline.pick(drawn)
        simulation.note("weather", drawnNow)
        befalls[drawnNow](simulation)
      }
      if (simulation.nodesUp.length === 0) {
        yield* weather.pass(0, timeline.pick([500, 30_000, 200_000]))
        if (simulation.nodesUp.length === 0) simulation.startNode()
      }
    }
  })
