/**
 * What the gateway needs of a server, whichever it is: `over-uws.ts`, or `over-node.ts` where uWebSockets.js cannot be loaded. A
 * transport decides nothing: it turns bytes into requests and frames, and keeps its hands off whatever has closed.
 */
import { type Effect, Schema } from "effect"
import type { Head, Response } from "./http.ts"

export class GatewayError extends Schema.TaggedError<GatewayError>()("GatewayError", {
  reason: Schema.Literals(["in-use", "refused"]),
  message: Schema.String
}) {}

/** One WebSocket, to speak into. Every method does nothing once it has closed. */
export interface Wire {
  /** False: it was not taken, because more was waiting than the transport holds. */
  readonly send: (text: Uint8Array) => boolean
  /** Bytes that were sent and have not left this process. */
  readonly waitingBytes: () => number
  /** What `run` sends leaves together. */
  readonly together: (run: () => void) => void
  readonly ping: () => void
  /** Closes behind whatever waits. */
  readonly end: (code: number, reason: string) => void
}

/** Who listens to a WebSocket. Called synchronously; nothing is called after `closed`. */
export interface Ear {
  readonly frame: (bytes: Uint8Array, isText: boolean) => void
  /** A ping or a pong. */
  readonly sign: () => void
  /** Some of what waited has left. */
  readonly drained: () => void
  readonly closed: () => void
}

/** Who listens to a WebSocket, once it is open. */
export interface Door {
  readonly open: (wire: Wire) => Ear
}

export interface Handlers {
  /** `body` is what comes after the head, read as it comes whether or not it is waited for. */
  readonly request: (head: Head, body: Effect.Effect<Uint8Array>) => Effect.Effect<Response>
  /**
   * Where a handshake leads; null: nowhere, it is answered as a request is. At once and without a check, which comes when the
   * socket is open: uWebSockets.js cuts some of the sockets that are upgraded later than in the call that brought them.
   */
  readonly admit: (head: Head) => Door | null
  /** Runs an effect that answers one request or opens one socket. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

export interface Listening {
  readonly port: number
  /** Takes no more connections. */
  readonly stop: () => void
  /** Cuts those that are left. */
  readonly close: () => void
}

export interface Transport {
  /** For people: `uWebSockets.js 20.57.0`. */
  readonly name: string
  /** Port 0: any that is free. Exclusive: a port that another server listens on is an error. */
  readonly listen: (host: string, port: number, handlers: Handlers) => Effect.Effect<Listening, GatewayError>
}

/** Named in the answer to a handshake that offers it. */
export const subprotocol = "proliferate.v1"

/** The largest frame that is read at all. What is above the protocol's limit but below this is told so by a close code. */
export const frameBytesRead = 1024 * 1024
/** A body that is too large is read to its end, so that the client hears why; above this the connection is cut. */
export const bodyBytesRead = 16 * 1024 * 1024
const inUse = (host: string, port: number) =>
  new GatewayError({
    reason: "in-use",
    message: `port ${port} on ${host} is in use: stop what listens there, or set PROLIFERATE_PORT to another port`
  })

/** What keeps a server from listening, by the code of the system's error. */
export const cannotListen = (host: string, port: number, code: string): GatewayError => {
  if (code === "EADDRINUSE") return inUse(host, port)
  const message =
    code === "EACCES"
      ? `port ${port} needs a privilege that this user has not: set PROLIFERATE_PORT to one above 1023`
      : code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
        ? `${host} is no address of this machine`
        : `cannot listen on ${host}, port ${port}: ${code}`
  return new GatewayError({ reason: "refused", message })
}
