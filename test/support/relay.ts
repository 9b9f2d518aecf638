/**
 * A TCP relay in front of a server: lets all through, holds what is said in both directions or in one of them, or is gone.
 * `unheard`: what clients say does not reach the server. `silent`: what the server says does not reach them.
 */
import { once } from "node:events"
import { type AddressInfo, createConnection, createServer, type NetConnectOpts, type Socket } from "node:net"
import { Effect } from "effect"

export type RelayState = "through" | "held" | "unheard" | "silent" | "gone"

export interface Relay {
  readonly port: number
  readonly turn: (state: RelayState) => Effect.Effect<void>
}

/** The server of a database, by its socket where that is how it is reached. */
export const serverOf = (databaseUrl: string): NetConnectOpts => {
  const { hostname, port } = new URL(databaseUrl)
  const directory = decodeURIComponent(hostname)
  return directory.startsWith("/")
    ? { path: `${directory}/.s.PGSQL.${port || 5432}` }
    : { host: directory, port: Number(port || 5432) }
}

/** The same database, through the relay. */
export const throughRelay = (databaseUrl: string, { port }: Relay): string => {
  const url = new URL(databaseUrl)
  url.hostname = "127.0.0.1"
  url.port = String(port)
  return url.href
}

export const relayTo = Effect.fnUntraced(function* (target: NetConnectOpts) {
  const sockets = new Map<Socket, RelayState>()
  const isHeld = (socket: Socket) => state === "held" || state === sockets.get(socket)
  let state: RelayState = "through"

  const server = createServer((near) => {
    if (state === "gone") {
      near.destroy()
      return
    }
    const far = createConnection(target)
    for (const [socket, other, heldIf] of [
      [near, far, "unheard"],
      [far, near, "silent"]
    ] as const) {
      sockets.set(socket, heldIf)
      socket.on("error", () => {})
      socket.on("data", (chunk) => other.write(chunk))
      socket.on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
      if (isHeld(socket)) socket.pause()
    }
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")),
    () =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets.keys()) socket.destroy()
      })
  )
  return {
    port: (server.address() as AddressInfo).port,
    turn: (next) =>
      Effect.sync(() => {
        state = next
        for (const socket of sockets.keys()) {
          if (next === "gone") socket.destroy()
          else if (isHeld(socket)) socket.pause()
          else socket.resume()
        }
      })
  } satisfies Relay as Relay
})
