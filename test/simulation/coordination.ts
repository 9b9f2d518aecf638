/** What the nodes tell each other over a server that may be flushed, slow or away, and loses words: the real client of it, a simulated server. */
import { Effect } from "effect"
import { type Coordination, CoordinationError, type CoordinationServer } from "../../runtime/coordination.ts"
import { localCoordination, type Table } from "../../runtime/local-coordination.ts"
import { sharedCoordination } from "../../runtime/shared-coordination.ts"
import type { Lane } from "../support/timeline.ts"
import type { Weather } from "./weather.ts"
import type { World } from "./world.ts"

/** Longer than anybody waits for it. */
const hangsMs = 60_000

export const coordinationOver = (
  lane: Lane,
  { weather, world, table }: { readonly weather: Weather; readonly world: World; readonly table: Table }
): Coordination["Service"] => {
  const server = localCoordination(table)
  const isAway = () => weather.isOut("coordination") || weather.strikes("coordination.away")

  const call = <A>(request: Effect.Effect<A>): Effect.Effect<A, CoordinationError> =>
    lane.across(
      world.lane,
      Effect.gen(function* () {
        yield* weather.pass(0, 2)
        if (isAway()) {
          yield* weather.pass(0, weather.either(10, hangsMs))
          return yield* new CoordinationError({ message: "no answer" })
        }
        if (weather.strikes("coordination.slow")) yield* weather.pass(100, 2_000)
        return yield* request
      })
    )

  return sharedCoordination("a simulated server", {
    take: (...args) => call(server.take(...args)),
    enter: (...args) => call(server.enter(...args)),
    leave: (...args) => call(server.leave(...args)),
    present: (...args) => call(server.present(...args)),
    publish: (...args) => call(server.publish(...args)),
    subscribe: (topic, hear) =>
      server.subscribe(topic, (word) => {
        if (weather.isOut("coordination") || weather.strikes("coordination.unheard")) return
        world.lane.fork(
          Effect.andThen(
            weather.pass(0, 20),
            Effect.sync(() => lane.post(() => hear(word)))
          )
        )
      })
  } satisfies CoordinationServer)
}
