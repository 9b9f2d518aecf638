/**
 * The WebSocket protocol of an organisation's inbox, version 1: `/v1/inbox/stream`. Handshake, token, limits and close codes are those
 * of a session's stream (protocol.ts), and so are the client's frames, of which `hello` and `ping` are taken here.
 *
 * After `hello` (within 10 s) the server answers `welcome`. To a cursor that it can go on from it sends each `call` that changed since,
 * in order; otherwise, after a `gap` where a cursor was given, `waiting`: all calls that wait for a person, 200 of them at most. Then
 * comes `live`, and each change as it is made, on whichever server. Who does not keep up gets a `gap` and what waits anew, or is cut.
 *
 * A `call` is told as it stands, and again with each change of it: `asked` (it waits for a person), `decided`, `expired`, `settled`. Of
 * two sights of one call that with the higher `rev` is the newer; `waiting` may show what a `call` after it shows as well. What comes to
 * wait no more while nobody follows is in neither: a client that comes back after a gap finds it missing in `waiting`.
 */
import { Schema } from "effect"

/** A call as `GET /v1/approvals/:id` has it, redacted. */
export const InboxCall = Schema.Struct({
  id: Schema.String,
  sessionId: Schema.String,
  sessionTitle: Schema.String,
  rev: Schema.Int,
  status: Schema.String,
  integration: Schema.String,
  action: Schema.String,
  risk: Schema.String,
  params: Schema.Json,
  path: Schema.Array(Schema.Struct({ step: Schema.String, outcome: Schema.String, because: Schema.String })),
  decidedBy: Schema.NullOr(Schema.String),
  by: Schema.NullOr(Schema.String),
  grantId: Schema.NullOr(Schema.String),
  result: Schema.NullOr(Schema.Json),
  reason: Schema.NullOr(Schema.String),
  message: Schema.NullOr(Schema.String),
  expiresAtMs: Schema.NullOr(Schema.Finite),
  createdAtMs: Schema.Finite,
  updatedAtMs: Schema.Finite
})

export const InboxFrame = Schema.Union([
  Schema.Struct({
    type: Schema.tag("welcome"),
    v: Schema.Int,
    /** Put it into your cursor. */
    epoch: Schema.Int,
    /** The newest change. */
    seq: Schema.Int,
    you: Schema.Struct({ user: Schema.NullOr(Schema.String), role: Schema.String })
  }),
  /**
   * Changes `from` to `through` are not to be had. `trimmed`: they are not kept any more. `epoch`, `ahead`: your cursor is of another
   * server, or of an earlier time of this one.
   */
  Schema.Struct({ type: Schema.tag("gap"), from: Schema.Int, through: Schema.Int, reason: Schema.String }),
  /** All that waits, newest first, as of the change `seq`; `more`: there are others, in pages of `/v1/approvals`. */
  Schema.Struct({
    type: Schema.tag("waiting"),
    epoch: Schema.Int,
    seq: Schema.Int,
    calls: Schema.Array(InboxCall),
    more: Schema.Boolean
  }),
  Schema.Struct({ type: Schema.tag("call"), seq: Schema.Int, change: Schema.String, call: InboxCall }),
  Schema.Struct({ type: Schema.tag("live"), seq: Schema.Int }),
  Schema.Struct({ type: Schema.tag("pong"), at: Schema.Finite })
])
export type InboxFrame = typeof InboxFrame.Type
