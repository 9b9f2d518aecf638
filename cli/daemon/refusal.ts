/** Why the daemon does not do what it was asked, as the problem document that it answers with. */
import { Schema } from "effect"

export class Refusal extends Schema.TaggedError<Refusal>()("Refusal", {
  status: Schema.Int,
  /** One or two words for programs, such as `stale` or `repository-empty`. */
  reason: Schema.String,
  message: Schema.String,
  /** The same request can never succeed. */
  final: Schema.Boolean
}) {}

export const badInput = (message: string) => new Refusal({ status: 400, reason: "bad-input", message, final: true })
export const unknown = (what: string) => new Refusal({ status: 404, reason: "unknown", message: what, final: true })
export const stale = (message: string) => new Refusal({ status: 409, reason: "stale", message, final: true })
export const busy = (message: string) => new Refusal({ status: 409, reason: "busy", message, final: false })
export const cannot = (reason: string, message: string, final = false) => new Refusal({ status: 422, reason, message, final })
