/**
 * Port: what a sandbox may ask of the host over its proxy socket. The sandbox provider serves the socket and streams; who gets
 * what is decided here, for one sandbox at a time, by those who know its session.
 *
 *   /git/<repository id>/…   git's smart HTTP, clone, fetch and push
 *   /api/…                   the gateway, on behalf of the sandbox's own session
 *   /model/v1/…              models, on behalf of whoever has the token of the sandbox's own session
 *
 * Anything else is refused: there is no way out of a sandbox but these.
 */
import { Context, type Effect, Schema, type Scope, type Stream } from "effect"
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

export interface ModelRequest {
  readonly method: string
  /** With its query, beginning with `/v1/`. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** All of it; null when it has more bytes, or broke off. Asked for once at most, by those who know that it is wanted. */
  readonly body: (bytesMax: number) => Effect.Effect<Uint8Array | null>
}

/** An answer ends here though it is not at its end: only a cut connection tells the truth. `unread`: the sandbox does not take it. */
export class AnswerCut extends Schema.TaggedError<AnswerCut>()("AnswerCut", {
  reason: Schema.Literals(["broken", "silent", "unread"]),
  message: Schema.String
}) {}

export interface ModelResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Drawn no faster than the sandbox takes it. */
  readonly body: Stream.Stream<Uint8Array, AnswerCut>
}

export class ProxyRoutes extends Context.Service<
  ProxyRoutes,
  {
    /** Null: this sandbox's session has no such repository (answered with 404). Asked for every request, so keep it short. */
    readonly git: (sandbox: SandboxInfo, repositoryId: string) => Effect.Effect<GitSource | null>
    /** Cut off after 120 s. */
    readonly api: (sandbox: SandboxInfo, request: ApiRequest) => Effect.Effect<ApiResponse>
    /** Ends with the scope, the model's work as well. */
    readonly model: (sandbox: SandboxInfo, request: ModelRequest) => Effect.Effect<ModelResponse, never, Scope.Scope>
  }
>()("proliferate/actors/ports/ProxyRoutes") {}
