/**
 * The daemon: the first process of a sandbox that is ours. It puts repositories on the disk, hosts the agent, numbers and keeps what
 * happens until the host has it, and answers the host on one socket (actors/ports/daemon.ts is the protocol). It dials nobody; it
 * ends on SIGTERM, on `/v1/shutdown`, or when no host has spoken to it for 10 minutes, and its agent with it.
 *
 * Node reaps only its own children. Orphans of the sandbox become children of its process 1, which therefore is not the daemon but a
 * shell that waits for it and reaps whatever comes; the sandbox's provider starts it so.
 */
import { mkdirSync } from "node:fs"
import { Deferred, Effect, Layer } from "effect"
import { Agents } from "./agents.ts"
import { Events } from "./events.ts"
import { Limits } from "./limits.ts"
import { Place } from "./place.ts"
import type { Refusal } from "./refusal.ts"
import { relay } from "./relay.ts"
import { Routes, Stop } from "./routes.ts"
import { Server } from "./server.ts"
import { Workspaces } from "./workspaces.ts"

export interface DaemonOptions {
  readonly socketPath: string
  readonly workspace: string
  readonly home: string
  /** The program that `{proliferate}` stands for in the command of an agent. */
  readonly program: string
  /** The proxy's socket, joined to `relayPort` on the loopback; null: there is no way out. */
  readonly proxySocket: string | null
  readonly relayPort: number
}

/** Runs until it is told to end. */
export const daemon = ({ socketPath, proxySocket, relayPort, ...place }: DaemonOptions): Effect.Effect<void, Refusal> =>
  Effect.gen(function* () {
    const { idleMs } = yield* Limits
    const stop = yield* Stop
    const server = yield* Server
    if (proxySocket !== null) yield* relay(relayPort, proxySocket)
    const forgotten = Effect.gen(function* () {
      for (let idle = 0; idle < idleMs; idle = yield* server.idleMs) yield* Effect.sleep(idleMs - idle)
    })
    yield* Effect.raceFirst(Deferred.await(stop), forgotten)
    // The answer to who told it to end is still under way.
    yield* Effect.sleep(50)
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Server.layer(socketPath).pipe(
        Layer.provide(Routes.layer),
        Layer.provide([Agents.layer, Workspaces.layer]),
        Layer.provideMerge(Stop.layer),
        Layer.provide(Events.layer),
        Layer.provide(
          Layer.effect(
            Place,
            Effect.sync(() => {
              for (const directory of [place.workspace, place.home]) mkdirSync(directory, { recursive: true })
              return place
            })
          )
        )
      )
    )
  )
