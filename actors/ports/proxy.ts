/**
 * Port: what a sandbox may ask of the host over its proxy socket. The sandbox provider serves the socket and streams; who gets
 * what is decided here, for one sandbox at a time, by those who know its session.
 *
 *   /git/<repository id>/…   git's smart HTTP, clone, fetch and push
 *   /api/…                   the gateway, on behalf of the sandbox's own session
 *
 * Anything else is refused: there is no way out of a sandbox but these two.
 */
import { Context, type Effect } from "effect"
import type { SandboxInfo } from "./sandboxes.ts"

/** Where the relay of every sandbox listens, inside it: git and `proliferate` reach the socket through it. */
export const relayPort = 3128

/** A repository on the host, or one that the host fetches from: credentials stay in `authorization` and never enter the sandbox. */
export type GitSource = { readonly path: string } | { readonly url: string; readonly authorization: string | null }

export interface ApiRequest {
  readonly method: string
  /** With its query, beginning with `/api/`. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** At most 1 MB. */
  readonly body: Uint8Array
}

export interface ApiResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

export class ProxyRoutes extends Context.Service<
  ProxyRoutes,
  {
    /** Null: this sandbox's session has no such repository (answered with 404). Asked for every request, so keep it short. */
    readonly git: (sandbox: SandboxInfo, repositoryId: string) => Effect.Effect<GitSource | null>
    /** Cut off after 120 s. */
    readonly api: (sandbox: SandboxInfo, request: ApiRequest) => Effect.Effect<ApiResponse>
  }
>()("proliferate/actors/ports/ProxyRoutes") {}
