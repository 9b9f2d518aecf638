/** Local sandboxes as tests use them: on a data directory, with the least of a daemon, and what they ask of the host given. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect, Layer, Stream } from "effect"
import { type ApiRequest, type GitSource, ProxyRoutes } from "../../actors/ports/proxy.ts"
import type { SandboxInfo } from "../../actors/ports/sandboxes.ts"
import { type LocalOptions, LocalSandboxes } from "../../adapters/sandbox/local/local.ts"

export const tinyDaemon = fileURLToPath(new URL("./sandbox-daemon.mjs", import.meta.url))

export interface Asked {
  readonly git?: (sandbox: SandboxInfo, repositoryId: string) => GitSource | null
  readonly api?: (sandbox: SandboxInfo, request: ApiRequest) => string
}

/** What sandboxes ask of the host, answered as a test wants it. */
export const askedRoutes = ({ git = () => null, api = () => "" }: Asked): Layer.Layer<ProxyRoutes> =>
  Layer.succeed(ProxyRoutes, {
    git: (sandbox, repositoryId) => Effect.sync(() => git(sandbox, repositoryId)),
    api: (sandbox, request) =>
      Effect.sync(() => ({ status: 200, headers: { "content-type": "text/plain" }, body: api(sandbox, request) })),
    model: () => Effect.succeed({ status: 404, headers: {}, body: Stream.empty })
  })

export const localSandboxes = (options: LocalOptions, asked: Asked = {}) =>
  LocalSandboxes.layer({ bundle: tinyDaemon, ...options }).pipe(Layer.provide(askedRoutes(asked)))

/** Null, or why not here. */
export const lacks = (isolation: "bubblewrap" | "util-linux"): string | null =>
  isolation === "util-linux" || spawnSync("bwrap", ["--version"]).status === 0 ? null : "bubblewrap is not installed"
