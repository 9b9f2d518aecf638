/** A TCP relay in front of a server: lets all through, holds what is said in both directions, or is gone. */
import { once } from "node:events"
import { type AddressInfo, createConnection, createServer, type NetConnectOpts, type Socket } from "node:net"
import { Effect } from "effect"

export type RelayState = "through" | "held" | "gone"

export interface Relay {
  readonly port: number
  readonly turn: (state: RelayState) => Effect.Effect<void>
}

export const relayTo = Effect.fnUntraced(function* (target: NetConnectOpts) {
  const sockets = new Set<Socket>()
  let state: RelayState = "through"

  const server = createServer((near) => {
    if (state === "gone") {
      near.destroy()
      return
    }
    const far = createConnection(target)
    for (const [socket, other] of [
      [near, far],
      [far, near]
    ] as const) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("data", (chunk) => other.write(chunk))
      socket.on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
      if (state === "held") socket.pause()
    }
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")),
    () =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )
  return {
    port: (server.address() as AddressInfo).port,
    turn: (next) =>
      Effect.sync(() => {
        state = next
        for (const socket of sockets) {
          if (next === "gone") socket.destroy()
          else if (next === "held") socket.pause()
          else socket.resume()
        }
      })
  } satisfies Relay as Relay
})
