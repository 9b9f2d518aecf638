/**
 * The way out of a sandbox that has no socket to its host: the host dials in, and what connects to the relay here travels back to it
 * (adapters/sandbox/uplink/mux.ts is the wire). A host that dials again takes the place of the one before.
 */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { Context, Effect, Layer } from "effect"
import { WebSocketServer } from "ws"
import { streamsMax, windowBytes } from "../../adapters/sandbox/uplink/limits.ts"
import { type Mux, makeMux } from "../../adapters/sandbox/uplink/mux.ts"

export class Uplink extends Context.Service<
  Uplink,
  {
    /** Takes over the connection of a request to upgrade, which must have proved itself. */
    readonly accept: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
    /** A connection to the host's proxy, or why there is none at the moment. */
    readonly open: () => Duplex | string
  }
>()("proliferate/cli/daemon/Uplink") {
  static readonly layer = Layer.effect(
    Uplink,
    Effect.gen(function* () {
      const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: windowBytes })
      let current: Mux | null = null
      yield* Effect.addFinalizer(() => Effect.sync(() => current?.end()))

      const accept = (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        server.handleUpgrade(request, socket, head, (webSocket) => {
          const before = current
          const mux: Mux = makeMux(webSocket, {
            streamsMax,
            ended: () => {
              if (current === mux) current = null
            }
          })
          current = mux
          before?.end()
        })

      const open = (): Duplex | string => {
        if (current === null) return "The server is not connected to this sandbox at the moment."
        return current.open() ?? `${streamsMax} connections to the server are open already.`
      }
      return { accept, open }
    })
  )
}
