/** Every bound of the daemon, with its unit in its name and its reason beside it. Tests shorten some. */
import { Context } from "effect"

const defaults = {
  /** A prompt of 100,000 characters and a workspace of 100 repositories fit several times. */
  bodyBytesMax: 1_048_576,
  /** From a request's first byte to its last; answers have limits of their own. */
  requestMs: 10_000,
  /** Silence of every host after which a forgotten daemon ends itself. */
  idleMs: 600_000,
  /** The host gives a stream up after 15 s without a byte. */
  heartbeatMs: 5_000,
  /** Unacknowledged events kept; beyond either the agent's output is not read. */
  eventsMax: 10_000,
  eventBytesMax: 16 * 1_048_576,
  /** One write to the event stream. */
  streamWriteBytes: 65_536,

  /** Slow agents need 3 s to initialize here; one that needs ten times that hangs. */
  initializeMs: 30_000,
  sessionNewMs: 30_000,
  /** Replays the whole conversation. */
  sessionLoadMs: 60_000,
  /** A mode or a model, of a conversation that is open. */
  settingMs: 10_000,
  /** Some agents replay on after they said that they are done: wait for this much quiet. */
  loadQuietMs: 150,
  /** An agent that was told to end and has not is killed. */
  killGraceMs: 2_000,
  questionMs: 300_000,
  questionsMax: 16,
  /** Lines of an agent's output that are not JSON-RPC: banners are forgiven, a flood is not. */
  junkLinesMax: 100,
  /** An image in one tool result fits; a line without an end does not grow for ever. */
  lineBytesMax: 32 * 1_048_576,
  /** Words are told in pieces: no later than this, no larger than this. */
  deltaMs: 30,
  deltaCharacters: 4_096,
  /** Of an attached text that is shown whole; a longer one is read by the agent itself. */
  textFileBytesMax: 262_144,
  toolOutputCharacters: 65_536,
  toolInputCharacters: 16_384,
  toolCallsMax: 1_000,
  planEntriesMax: 100,
  /** Of those that an agent takes after a slash. */
  commandsMax: 100,
  usageCharacters: 4_096,
  /** What an agent writes beside the protocol, in one turn. */
  logCharactersMax: 65_536,
  /** Turns remembered, so that a repeated request is not a second turn. */
  turnsMax: 1_000,

  /** Below the 110 s that the host waits for a workspace. */
  fetchMs: 100_000,
  gitMs: 20_000,
  patchBytesMax: 524_288,
  diffFilesMax: 5_000,
  /** Each step of gathering work: every file is read and hashed once. */
  workMs: 50_000,
  /** What may be done at services, asked of the server; connectors of strangers may have to be asked for it. */
  briefMs: 15_000,
  /** A turn, or a workspace, waits for it no longer. */
  briefWaitMs: 1_000,
  /** What a person waits for on a usual line; more than this is pushed. */
  workBytesMax: 256 * 1_048_576,
  /** As base64 it passes through the API, whose answers are whole. */
  workPieceBytes: 2 * 1_048_576,
  progressMs: 500,
  execMsMax: 600_000,
  execOutputBytesMax: 262_144,
  syncMs: 10_000,
  relayConnectionsMax: 256,
  /** Of one connection through it: a model that thinks for minutes says nothing meanwhile. */
  relayIdleMs: 900_000
}
export type Limits = typeof defaults

export const Limits = Context.Reference<Limits>("proliferate/cli/daemon/Limits", { defaultValue: () => defaults })
export const withLimits = (changes: Partial<Limits>): Limits => ({ ...defaults, ...changes })
