/**
 * The way out of a sandbox without a network: whatever connects to the loopback port here is joined to the proxy's socket. Git,
 * the `proliferate` command and whatever honours a proxy variable use it; what may pass is the proxy's decision.
 */
import net from "node:net"
import { Effect } from "effect"
import { Limits } from "./limits.ts"
import { cannot, type Refusal } from "./refusal.ts"

export const relay = (port: number, proxySocket: string) =>
  Effect.gen(function* () {
    const { relayConnectionsMax, relayIdleMs } = yield* Limits
    const server = net.createServer({ allowHalfOpen: true }, (inside) => {
      const outside = net.connect({ path: proxySocket, allowHalfOpen: true })
      const part = () => {
        inside.destroy()
        outside.destroy()
      }
      // One end that has said everything leaves the other its time to read it; one that broke ends both.
      for (const socket of [inside, outside]) socket.setTimeout(relayIdleMs, part).on("error", part)
      inside.pipe(outside)
      outside.pipe(inside)
    })
    server.maxConnections = relayConnectionsMax
    yield* Effect.acquireRelease(
      Effect.callback<void, Refusal>((resume) => {
        server.once("error", (error) =>
          resume(Effect.fail(cannot("relay-failed", `port ${port} for the proxy cannot be had: ${error.message}`)))
        )
        server.listen(port, "127.0.0.1", () => resume(Effect.void))
      }),
      () => Effect.sync(() => server.close())
    )
  })
