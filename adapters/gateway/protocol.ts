/**
 * The WebSocket protocol of a session, version 1: `/v1/sessions/:id/stream`, one JSON object a text frame. Additive only: the
 * server refuses unknown fields from a client, a client ignores unknown fields and types from the server.
 *
 * The token comes as `Authorization: Bearer …`, or, from a browser, as a second subprotocol: `proliferate.v1, bearer.<token>`.
 * First the client says `hello` (within 10 s); the server answers `welcome` and then sends every feed event after the cursor,
 * once and in order, then `live`, then each new one as it is stored. What is no longer stored is announced by `gap`.
 *
 * Close codes: 1000 done · 1001 server is going away, come back with your cursor · 1009 frame too large (256 KB; one above 1 MB may be cut without a word) · 4400 not
 * understood (the reason says why) · 4401 token missing or unknown · 4403 not allowed · 4404 no such session · 4406 version not
 * spoken here · 4408 no hello in 10 s, or nothing heard for 60 s · 4413 too slow: more than 8 MB were waiting for you, come back
 * with your cursor · 4429 more than 64 frames unanswered, or more requests and frames in a second than one may ask
 * (200 for long, 1,000 at once; over HTTP it is 429 with Retry-After) · 1011 our fault · 1013 not now, try again.
 *
 * The handshake of a stream always succeeds: whether you may enter is checked when it is open, and told by these codes.
 */
import { Schema } from "effect"
import { FeedEvent } from "../../runtime/feed.ts"

export const version = 1
export const frameBytesMax = 256 * 1024
export const helloWithinMs = 10_000
export const silenceMs = 60_000
export const pendingBytesMax = 8 * 1024 * 1024
export const framesUnansweredMax = 64

const Id = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_.:-]{1,128}$/, { message: "1 to 128 letters, digits or _ . : -" }))
const Seq = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

export const Cursor = Schema.Struct({ epoch: Seq, seq: Seq })

export const ClientFrame = Schema.Union([
  /** `cursor` null: from the oldest event that is stored. */
  Schema.Struct({ type: Schema.tag("hello"), v: Schema.Int, cursor: Schema.NullOr(Cursor) }),
  /** `id` is the client's own and makes the prompt idempotent; it becomes the prompt's and the turn's id. */
  Schema.Struct({ type: Schema.tag("prompt"), id: Id, text: Schema.String }),
  Schema.Struct({ type: Schema.tag("unqueue"), id: Id, promptId: Id }),
  Schema.Struct({ type: Schema.tag("interrupt"), id: Id }),
  Schema.Struct({ type: Schema.tag("answer"), id: Id, questionId: Id, optionId: Id }),
  Schema.Struct({ type: Schema.tag("ping"), at: Schema.Finite })
])
export type ClientFrame = typeof ClientFrame.Type

export const SessionView = Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  /** The word for lists: `running`. */
  status: Schema.String,
  /** The whole state: `{"running":{"agent":"idle","link":"connected"}}`. */
  state: Schema.Unknown,
  rev: Schema.Int,
  owner: Schema.NullOr(Schema.String),
  configurationId: Schema.String,
  agent: Schema.String,
  /** Null: the agent knows by itself. */
  model: Schema.optionalKey(Schema.NullOr(Schema.String)),
  turnId: Schema.NullOr(Schema.String),
  questionId: Schema.NullOr(Schema.String),
  queue: Schema.Array(Schema.Struct({ promptId: Schema.String, text: Schema.String, by: Schema.NullOr(Schema.String) })),
  reason: Schema.NullOr(Schema.String),
  sandboxId: Schema.NullOr(Schema.String),
  /** What keeps its sandbox apart on the host that answers: `bubblewrap`, `util-linux`, or `unsafe`, which is nothing. */
  isolation: Schema.optionalKey(Schema.String),
  snapshotId: Schema.NullOr(Schema.String),
  /** Requests that its state takes now. */
  accepts: Schema.Array(Schema.String),
  /** Kept out of lists. */
  archived: Schema.optionalKey(Schema.Boolean),
  /** What it used of models through the relay, in tokens; `input` counts those that were `cached` as well. */
  usage: Schema.optionalKey(
    Schema.Struct({ calls: Schema.Finite, input: Schema.Finite, output: Schema.Finite, cached: Schema.Finite })
  ),
  /** Calls of its agent at services that wait for a person; each change of one comes as an event of kind `approval`. */
  calls: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        id: Schema.String,
        status: Schema.String,
        integration: Schema.String,
        action: Schema.String,
        risk: Schema.String,
        params: Schema.Unknown,
        expiresAtMs: Schema.NullOr(Schema.Finite)
      })
    )
  ),
  quarantine: Schema.NullOr(Schema.Struct({ reason: Schema.String, atMs: Schema.Finite })),
  createdAtMs: Schema.Finite,
  updatedAtMs: Schema.Finite
})

export const Problem = Schema.Struct({
  /** `about:blank` or `urn:proliferate:problem:<code>`. */
  type: Schema.String,
  title: Schema.String,
  status: Schema.Int,
  detail: Schema.String,
  /** One word to branch on: invalid, unauthenticated, forbidden, not-found, conflict, refused, busy, quarantined, too-many, unavailable, internal … */
  code: Schema.String,
  /** With `refused`: the state, and what it takes. */
  state: Schema.optionalKey(Schema.String),
  accepts: Schema.optionalKey(Schema.Array(Schema.String))
})

/** What a client sees of a feed event: all but its source's own number. */
const { sourceSeq: _, ...said } = FeedEvent.fields

/** An event as pages of `/v1/sessions/:id/events` hold it. */
export const StoredEvent = Schema.Struct({ seq: Schema.Int, ...said })

/**
 * Kinds and bodies: actors/ports/daemon.ts for what the agent does; `prompt`, `queue`, `turn.opened`, `turn.ended`, `state`, `title`, `model`,
 * `snapshot`, `state.lost`, `memory.lost` for the session's own; `approval` for each state of a call of its agent at a service.
 */
const Event = Schema.Struct({
  type: Schema.tag("event"),
  seq: Schema.Int,
  /** There for a client that is behind: this is the events `from` to `seq` in one, deltas of one message joined. */
  from: Schema.optionalKey(Schema.Int),
  ...said
})

export const ServerFrame = Schema.Union([
  Schema.Struct({
    type: Schema.tag("welcome"),
    v: Schema.Int,
    /** Epoch of the feed: put it into your cursor. */
    epoch: Schema.Int,
    /** Newest stored seq: `live` follows once you have had it. */
    seq: Schema.Int,
    you: Schema.Struct({ user: Schema.NullOr(Schema.String), role: Schema.String }),
    session: SessionView
  }),
  Event,
  Schema.Struct({ type: Schema.tag("live"), seq: Schema.Int }),
  /**
   * Events `from` to `through` are not to be had. `trimmed`: no longer stored. `epoch`, `ahead`: your cursor is of another feed, or
   * beyond this one; forget what you have, the feed comes from its oldest event.
   */
  Schema.Struct({ type: Schema.tag("gap"), from: Schema.Int, through: Schema.Int, reason: Schema.String }),
  /** The request `id` is committed at `rev`. */
  Schema.Struct({ type: Schema.tag("ack"), id: Schema.String, rev: Schema.Int, duplicate: Schema.Boolean }),
  Schema.Struct({ type: Schema.tag("refused"), id: Schema.String, problem: Problem }),
  /** Who watches this session now. */
  Schema.Struct({
    type: Schema.tag("presence"),
    watchers: Schema.Array(Schema.Struct({ user: Schema.String, sockets: Schema.Int }))
  }),
  Schema.Struct({ type: Schema.tag("pong"), at: Schema.Finite })
])
export type ServerFrame = typeof ServerFrame.Type
