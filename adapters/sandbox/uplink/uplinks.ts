/**
 * The host's side of the uplinks: for each sandbox that is used, one connection to its daemon, over which what connects inside
 * reaches the sandbox's proxy. One that breaks is dialled again, 0.25 s doubling to 10 s, for as long as the sandbox is said to run.
 */
import type { Server } from "node:http"
import { Effect, FiberMap, Latch } from "effect"
import WebSocket from "ws"
import type { SandboxInfo } from "../../../actors/ports/sandboxes.ts"
import { steadyMs } from "../../../runtime/steady.ts"
import { makeProxy } from "../proxy/proxy.ts"
import { streamsAcceptedMax, uplinkPath, windowBytes } from "./limits.ts"
import { makeMux } from "./mux.ts"

const redialMs = 250
const redialMaxMs = 10_000
/** TCP, TLS and the upgrade, through whatever is before the sandbox. */
const dialMs = 10_000

export interface Address {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Uplinks {
  /** Holds one from now on, if none is held; returns when it is connected, so give it a limit. `runs`: asked when it cannot be. */
  readonly open: (sandbox: SandboxInfo, address: Address, runs: Effect.Effect<boolean>) => Effect.Effect<void>
  readonly isConnected: (sandboxId: string) => boolean
  readonly close: (sandboxId: string) => Effect.Effect<void>
}

/** Ends when the connection does, or was refused. */
const connection = (address: Address, proxy: Server, isUp: Latch.Latch) =>
  Effect.callback<void>((resume) => {
    const url = new URL(uplinkPath, address.url)
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
    const webSocket = new WebSocket(url, {
      headers: { ...address.headers },
      handshakeTimeout: dialMs,
      perMessageDeflate: false,
      maxPayload: windowBytes
    })
    const mux = makeMux(webSocket, {
      streamsMax: streamsAcceptedMax,
      accept: (stream) => proxy.emit("connection", stream),
      ended: () => resume(Effect.void)
    })
    webSocket.on("open", () => isUp.openUnsafe())
    return Effect.sync(mux.end)
  }).pipe(Effect.ensuring(Effect.sync(() => isUp.closeUnsafe())))

export const makeUplinks = Effect.gen(function* () {
  const makeServer = yield* makeProxy
  const fibers = yield* FiberMap.make<string>()
  const latches = new Map<string, Latch.Latch>()

  const hold = (sandbox: SandboxInfo, address: Address, runs: Effect.Effect<boolean>, isUp: Latch.Latch) =>
    Effect.acquireUseRelease(
      Effect.sync(() => makeServer(sandbox)),
      Effect.fnUntraced(function* (proxy) {
        for (let pauseMs = redialMs; ; pauseMs = Math.min(2 * pauseMs, redialMaxMs)) {
          const dialledAtMs = yield* steadyMs
          yield* connection(address, proxy, isUp)
          if ((yield* steadyMs) - dialledAtMs >= redialMaxMs) pauseMs = redialMs
          if (!(yield* runs)) return
          yield* Effect.sleep(pauseMs)
        }
      }),
      (proxy) =>
        Effect.sync(() => {
          proxy.closeAllConnections()
          if (latches.get(sandbox.sandboxId) === isUp) latches.delete(sandbox.sandboxId)
        })
    )

  const open = Effect.fn("Uplinks.open")(function* (sandbox: SandboxInfo, address: Address, runs: Effect.Effect<boolean>) {
    const { sandboxId } = sandbox
    const isUp = latches.get(sandboxId) ?? Latch.makeUnsafe(false)
    if (!latches.has(sandboxId)) {
      latches.set(sandboxId, isUp)
      yield* FiberMap.run(fibers, sandboxId, hold(sandbox, address, runs, isUp))
    }
    yield* isUp.await
  })

  return {
    open,
    isConnected: (sandboxId) => latches.get(sandboxId)?.isOpen() ?? false,
    close: (sandboxId) => FiberMap.remove(fibers, sandboxId)
  } satisfies Uplinks
})
