/** What the daemon, and what it starts, ask of the server by themselves: of their own session, through the one way out. */
import { Effect, type Schema } from "effect"
import { type Connection, call } from "../api.ts"
import type { Failed } from "../failure.ts"

export interface Host {
  readonly connection: Connection
  readonly sessionId: string
}

/** Null where there is no way out, or no session that would be known by it. */
export const hostOf = (place: { readonly proxySocket: string | null; readonly sessionId: string | null }): Host | null =>
  place.proxySocket === null || place.sessionId === null
    ? null
    : {
        connection: { url: "http://proliferate", token: null, socketPath: place.proxySocket, prefix: "/api" },
        sessionId: place.sessionId
      }

/** `path` is below the session's own. */
export const ask = <A>({ connection, sessionId }: Host, path: string, schema: Schema.Codec<A, any>): Effect.Effect<A, Failed> =>
  Effect.map(call(connection, "GET", `/v1/sessions/${encodeURIComponent(sessionId)}${path}`, schema), ({ value }) => value)
