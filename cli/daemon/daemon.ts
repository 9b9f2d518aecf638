/**
 * The daemon: the first process of a sandbox that is ours. It puts repositories on the disk, hosts the agent, numbers and keeps what
 * happens until the host has it, and answers the host at one door (actors/ports/daemon.ts is the protocol). It dials nobody; it
 * ends on SIGTERM, on `/v1/shutdown`, or when no host has spoken to it for 10 minutes, and its agent with it.
 *
 * Node reaps only its own children. Orphans of the sandbox become children of its process 1, which therefore is not the daemon but a
 * shell that waits for it and reaps whatever comes; the sandbox's provider starts it so.
 */
import { mkdirSync } from "node:fs"
import { stat } from "node:fs/promises"
import net from "node:net"
import { Deferred, Effect, Layer } from "effect"
import { Agents } from "./agents.ts"
import { Brief } from "./brief.ts"
import { Events } from "./events.ts"
import { Limits } from "./limits.ts"
import { Place } from "./place.ts"
import type { Refusal } from "./refusal.ts"
import { relay } from "./relay.ts"
import { Routes, Stop } from "./routes.ts"
import { type Door, Server } from "./server.ts"
import { Uplink } from "./uplink.ts"
import { Works } from "./work.ts"
import { Workspaces } from "./workspaces.ts"

export interface DaemonOptions {
  readonly door: Door
  readonly workspace: string
  readonly home: string
  /** The program that `{proliferate}` stands for in the command of an agent. */
  readonly program: string
  /**
   * The proxy's socket, joined to `relayPort` on the loopback; null: there is no way out. Behind a door on a port it is made here
   * as well, and leads to the host that dialled in.
   */
  readonly proxySocket: string | null
  readonly relayPort: number
  /** Whose sandbox this is; null: nobody says. */
  readonly sessionId: string | null
}

/** Runs until it is told to end. */
export const daemon = ({ door, relayPort, ...place }: DaemonOptions): Effect.Effect<void, Refusal> =>
  Effect.gen(function* () {
    const { idleMs } = yield* Limits
    const { proxySocket } = place
    const stop = yield* Stop
    // Starts node's pool of threads while there are threads to be had: where an agent has taken all, node would end at its first use.
    yield* Effect.promise(() => stat("/"))
    const server = yield* Server
    const uplink = yield* Uplink
    if ("port" in door) yield* relay({ port: relayPort, socketPath: proxySocket }, uplink.open)
    else if (proxySocket !== null)
      yield* relay({ port: relayPort, socketPath: null }, () => net.connect({ path: proxySocket, allowHalfOpen: true }))
    const forgotten = Effect.gen(function* () {
      for (let idle = 0; idle < idleMs; idle = yield* server.idleMs) yield* Effect.sleep(idleMs - idle)
    })
    yield* Effect.raceFirst(Deferred.await(stop), forgotten)
    // The answer to who told it to end is still under way.
    yield* Effect.sleep(50)
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Server.layer(door).pipe(
        Layer.provideMerge(Uplink.layer),
        Layer.provide(Routes.layer),
        Layer.provide([Agents.layer, Works.layer, Workspaces.layer]),
        Layer.provide(Brief.layer),
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
