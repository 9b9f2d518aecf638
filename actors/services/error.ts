/** How a use case says no. Each reason is one HTTP status and one word for programs; the message names what was wrong and what to do. */
import { Schema } from "effect"

/**
 * `invalid`: the request itself is wrong. `reference`: it names something that is not there or cannot be used. `refused`: not in
 * this state. `conflict`: the name or key is taken. `not-found` also hides what belongs to another organisation. `expired`: it was
 * there, and its time is over. `limit`: as much as there may be is there. `provider`: a service said no, or nothing.
 */
export class ServiceError extends Schema.TaggedError<ServiceError>()("ServiceError", {
  reason: Schema.Literals([
    "invalid",
    "unauthenticated",
    "forbidden",
    "not-found",
    "conflict",
    "refused",
    "reference",
    "expired",
    "limit",
    "provider"
  ]),
  message: Schema.String
}) {}
