/** The proxy of each local sandbox, on a unix socket of its own, so that who asks is known by where they ask. */
import { chmod, rm } from "node:fs/promises"
import type { Server } from "node:http"
import { Effect } from "effect"
import type { SandboxError, SandboxInfo } from "../../../actors/ports/sandboxes.ts"
import { makeProxy } from "../proxy/proxy.ts"
import { attempt } from "./failure.ts"
import type { Place } from "./place.ts"

export interface Proxies {
  /** Listens for this sandbox, if it does not already. */
  readonly open: (sandbox: SandboxInfo, socketPath: string) => Effect.Effect<void, SandboxError>
  readonly close: (sandboxId: string) => Effect.Effect<void>
}

const listen = (server: Server, socketPath: string) =>
  new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(socketPath, () => {
      server.off("error", reject)
      resolve()
    })
  })

export const makeProxies = Effect.fn("sandbox.makeProxies")(function* (place: Place) {
  const proxy = yield* makeProxy
  const servers = new Map<string, Server>()

  const close = (sandboxId: string) =>
    Effect.sync(() => {
      const server = servers.get(sandboxId)
      servers.delete(sandboxId)
      server?.close()
      server?.closeAllConnections()
    })
  yield* Effect.addFinalizer(() => Effect.forEach([...servers.keys()], close, { discard: true }))

  const open = Effect.fn("sandbox.openProxy")(function* (sandbox: SandboxInfo, socketPath: string) {
    if (servers.has(sandbox.sandboxId)) return
    const server = proxy(sandbox)
    yield* attempt("listen for a sandbox", async () => {
      await rm(socketPath, { force: true })
      await listen(server, socketPath)
      // Its directory is ours alone, so that the name still means the socket.
      await chmod(socketPath, 0o600)
      await place.give(socketPath)
    }).pipe(Effect.tapError(() => Effect.sync(() => server.close())))
    servers.set(sandbox.sandboxId, server)
  })

  return { open, close } satisfies Proxies
})
