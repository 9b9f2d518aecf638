/** Every bound of the relay, with its unit in its name and its reason beside it. Tests shorten some. */
import { Context } from "effect"

const defaults = {
  /** TLS included. */
  connectMs: 10_000,
  /** Tries of one call, as long as no connection was made: nothing was sent yet, so that none is done twice. */
  connectTries: 3,
  connectPauseMs: 250,
  /** A model that thinks before it says a word does so for less. */
  firstByteMs: 120_000,
  /** Between two pieces of an answer; endpoints that think say so more often. */
  silenceMs: 120_000,
  /** A turn's own deadline. */
  callMs: 3_600_000,
  /** A long conversation with a dozen pictures fits. */
  bodyBytesMax: 32 * 1_048_576,
  /** Kept of an answer, to read from it what it cost: the last event of a response holds all of its output once more. */
  heldBytesMax: 8 * 1_048_576,
  /** Calls of one session at once: an agent with its sub-agents. */
  callsMax: 8,
  /** Of one session: one every two seconds for each of those, and a minute's quarter of it in a row. */
  callsPerSecond: 4,
  callsBurst: 60,
  /** A body counts as one call more for each of these, since all of its bytes are looked over. */
  bytesPerCall: 4 * 1_048_576,
  /** Kept connections to one endpoint that nobody uses. */
  idleConnectionsMax: 16,
  /** Where the count of an answer never came: letters of English text a token, roughly. */
  bytesPerToken: 4
}
export type Limits = typeof defaults

export const Limits = Context.Reference<Limits>("proliferate/adapters/model/Limits", { defaultValue: () => defaults })
export const withLimits = (changes: Partial<Limits>): Limits => ({ ...defaults, ...changes })
