/**
 * The way out of a sandbox without a network: whatever connects to the loopback port here is joined to the host's proxy. Git, the
 * `proliferate` command and whatever honours a proxy variable use it; what may pass is the proxy's decision.
 */
import { mkdirSync, rmSync } from "node:fs"
import net from "node:net"
import { dirname } from "node:path"
import type { Duplex } from "node:stream"
import { Effect } from "effect"
import { Limits } from "./limits.ts"
import { cannot, type Refusal } from "./refusal.ts"

/** Where it listens besides: `proliferate` speaks to a socket. */
export interface RelayPlace {
  readonly port: number
  readonly socketPath: string | null
}

const refuse = (inside: net.Socket, why: string) => {
  const text = `${why} Try again shortly.\n`
  inside.on("error", () => {})
  inside.resume()
  inside.end(
    `HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 1\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`
  )
}

const join = (inside: net.Socket, outside: Duplex) => {
  const part = () => {
    inside.destroy()
    outside.destroy()
  }
  // One end that has said everything leaves the other its time to read it; one that broke ends both.
  for (const each of [inside, outside]) each.on("error", part)
  inside.on("close", () => {
    if (!inside.readableEnded || !outside.readableEnded) outside.destroy()
  })
  outside.on("close", () => {
    if (!outside.readableEnded) inside.destroy()
  })
  inside.pipe(outside)
  outside.pipe(inside)
}

/** `open` makes a connection to the proxy, or says why it cannot. */
export const relay = ({ port, socketPath }: RelayPlace, open: () => Duplex | string) =>
  Effect.gen(function* () {
    const { relayConnectionsMax, relayIdleMs } = yield* Limits
    const listen = (place: net.ListenOptions, name: string) =>
      Effect.acquireRelease(
        Effect.callback<net.Server, Refusal>((resume) => {
          const server = net.createServer({ allowHalfOpen: true }, (inside) => {
            inside.setTimeout(relayIdleMs, () => inside.destroy())
            const outside = open()
            if (typeof outside === "string") refuse(inside, outside)
            else join(inside, outside)
          })
          server.maxConnections = relayConnectionsMax
          server.once("error", (error) =>
            resume(Effect.fail(cannot("relay-failed", `${name} for the proxy cannot be had: ${error.message}`)))
          )
          server.listen(place, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
    yield* listen({ port, host: "127.0.0.1" }, `port ${port}`)
    if (socketPath === null) return
    // What is there was left by a daemon that was killed.
    rmSync(socketPath, { force: true })
    mkdirSync(dirname(socketPath), { recursive: true })
    yield* listen({ path: socketPath }, socketPath)
  })
