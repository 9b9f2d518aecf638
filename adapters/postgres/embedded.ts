/**
 * The embedded PostgreSQL: a real server from npm on a data directory of ours, for whoever has set no `DATABASE_URL`.
 *
 *   - It listens on a socket in a private directory and on no port.
 *   - One server per data directory: a second is told who has it.
 *   - A postmaster that our crash left behind is taken over, or stopped when it does not answer (embedded/postmaster.ts).
 *   - One that dies while we run is started again at once, then at pauses that double from 50 ms to 2 s; it is never given up.
 *   - When the scope closes it is stopped within 10 s, and nothing of it runs on.
 */
import { Duration, Effect, Layer, Schedule } from "effect"
import { type Binaries, binaries } from "./embedded/binaries.ts"
import { makeCluster } from "./embedded/cluster.ts"
import type { EmbeddedError } from "./embedded/error.ts"
import { own } from "./embedded/owner.ts"
import { findPlace, openSockets, type Place } from "./embedded/place.ts"
import { endLeftovers, findOrphan, launch, type Postmaster, ready, type Settings, stop } from "./embedded/postmaster.ts"
import { connect, type DatabaseError, Postgres } from "./pool.ts"

const restartPauseMs = 50
const restartPauseMaxMs = 2_000
/** A server that has answered this long is sound: the pauses begin anew. */
const soundAfterMs = 1_000
/** For the processes of a killed postmaster to notice that it is gone: one that writes to the disk does so when it is done. */
const leftoversEndMs = 10_000

export interface Embedded {
  readonly url: string
  /** Changes when it had to be started again. */
  readonly pid: number
  readonly isAdopted: boolean
}

/** The current server of a data directory, if one has been launched. */
interface Held {
  postmaster: Postmaster | null
}

/** Launches a server, held from its first moment, and waits until it answers. */
const begin = (place: Place, program: Binaries, settings: Settings, held: Held) =>
  launch(place, program, settings).pipe(
    Effect.tap((postmaster) => Effect.sync(() => (held.postmaster = postmaster))),
    Effect.uninterruptible,
    Effect.flatMap((postmaster) => ready(place, postmaster)),
    Effect.tapError(({ reason }) => Effect.sync(() => reason === "in-use" && endLeftovers(place))),
    Effect.retry({
      while: ({ reason }) => reason === "in-use",
      schedule: Schedule.spaced(restartPauseMs).pipe(Schedule.upTo({ duration: leftoversEndMs }))
    })
  )

const watch = Effect.fn("watch")(function* (held: Held, again: ReturnType<typeof begin>) {
  let pauseMs = restartPauseMs
  while (held.postmaster !== null) {
    const { pid, exited } = held.postmaster
    const [lived] = yield* Effect.timed(exited)
    if (Duration.toMillis(lived) > soundAfterMs) pauseMs = restartPauseMs
    yield* Effect.logWarning(`PostgreSQL (pid ${pid}) has ended; starting it again in ${pauseMs} ms`)
    yield* Effect.sleep(pauseMs)
    pauseMs = Math.min(2 * pauseMs, restartPauseMaxMs)
    yield* again.pipe(
      Effect.tap(() => Effect.logInfo("PostgreSQL answers again")),
      Effect.catch(({ message }) => Effect.logError(message))
    )
  }
})

/** Runs the server until the scope closes. `settings` are PostgreSQL's own, over ours. */
export const startEmbedded = Effect.fn("startEmbedded")(function* ({
  dataDir,
  settings = {}
}: {
  readonly dataDir: string
  readonly settings?: Settings
}) {
  const place = yield* findPlace(dataDir)
  yield* own(place.root)
  const program = yield* binaries(place)
  yield* openSockets(place, program.owner)
  yield* makeCluster(place, program)
  const held = yield* Effect.acquireRelease(
    Effect.map(findOrphan(place), (postmaster): Held => ({ postmaster })),
    // Backends of a postmaster that was killed under us may still be there, and answer.
    ({ postmaster }) =>
      Effect.andThen(
        postmaster === null ? Effect.void : stop(postmaster),
        Effect.sync(() => endLeftovers(place))
      )
  )
  const isAdopted = held.postmaster !== null
  const start = begin(place, program, settings, held)
  if (!isAdopted) yield* start
  yield* Effect.forkScoped(watch(held, start))
  const embedded: Embedded = {
    url: place.url,
    isAdopted,
    get pid() {
      return held.postmaster?.pid ?? 0
    }
  }
  return embedded
})

/** The pools of an embedded server. */
export const layerEmbedded = (dataDir: string): Layer.Layer<Postgres, EmbeddedError | DatabaseError> =>
  Layer.effect(
    Postgres,
    Effect.flatMap(startEmbedded({ dataDir }), ({ url }) => connect(url))
  )
