/** How a call fails below the port's words. */
import type { ActionError } from "../../actors/ports/actions.ts"

/** A request that was not made, or whose answer is not used: the message says why, and holds nothing that was sent. */
export class WireFailure extends Error {}

/** What a service said with an answer, where its status does not tell all. */
export interface Reading {
  readonly reason?: ActionError["reason"]
  readonly message?: string | undefined
  readonly retryAfterMs?: number
  /** The answer says that nothing was done, though its status does not. */
  readonly refused?: boolean
  /** The answer says that the service failed, though its status does not. */
  readonly failed?: boolean
}

/** The service answered, and not with what was asked for. Without a reading, its last answer is read. */
export class Declined extends Error {
  readonly reading: Reading | null

  constructor(message: string, reading: Reading | null = null) {
    super(message)
    this.reading = reading
  }
}
