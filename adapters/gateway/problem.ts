/** Every way a request can fail, as the one problem document that the API and the socket answer with. No message shows an inside. */
import { Schema } from "effect"
import type { CredentialError } from "../../actors/ports/credentials.ts"
import type { DaemonError } from "../../actors/ports/daemons.ts"
import type { DirectoryError } from "../../actors/ports/directory.ts"
import type { PullRequestError } from "../../actors/ports/pull-requests.ts"
import type { RepositoryError } from "../../actors/ports/repositories.ts"
import type { ServiceError } from "../../actors/services/error.ts"
import type { FeedError } from "../../runtime/feed.ts"
import type { JournalError } from "../../runtime/journal.ts"
import type { RetentionError } from "../../runtime/retention.ts"
import type { AskError } from "../../runtime/router.ts"
import type { Problem } from "./protocol.ts"

/** What is wrong with the request as HTTP, before anyone was asked. `headers` go into the answer. */
export class HttpError extends Schema.TaggedError<HttpError>()("HttpError", {
  status: Schema.Literals([400, 404, 405, 408, 413, 415, 426, 429, 503]),
  message: Schema.String,
  headers: Schema.Record(Schema.String, Schema.String)
}) {}

export type Failure =
  | HttpError
  | ServiceError
  | DirectoryError
  | AskError
  | FeedError
  | JournalError
  | RetentionError
  | DaemonError
  | RepositoryError
  | PullRequestError
  | CredentialError

export interface Refusal {
  readonly problem: typeof Problem.Type
  readonly headers: Readonly<Record<string, string>>
}

const kinds = {
  invalid: [400, "The request is not valid"],
  unauthenticated: [401, "Who are you?"],
  forbidden: [403, "You may not do this"],
  "not-found": [404, "There is no such thing"],
  method: [405, "This cannot be done to it"],
  late: [408, "The request did not arrive in time"],
  conflict: [409, "It is taken"],
  refused: [409, "Not in this state"],
  expired: [410, "Too late"],
  "too-large": [413, "The request is too large"],
  "media-type": [415, "The request is not JSON"],
  reference: [422, "It names something that cannot be used"],
  quarantined: [423, "It was set aside after crashing"],
  upgrade: [426, "This is a WebSocket"],
  limit: [429, "As much as there may be"],
  "too-many": [429, "Too many requests"],
  internal: [500, "Our fault"],
  provider: [502, "The service did not do it"],
  busy: [503, "Too much at once"],
  unavailable: [503, "Not now"]
} as const
type Code = keyof typeof kinds

const retryAfterS = "2"
const challenge = { "www-authenticate": 'Bearer realm="proliferate"' }

const refusal = (
  code: Code,
  detail: string,
  more: Partial<typeof Problem.Type> = {},
  headers: Record<string, string> = {}
): Refusal => {
  const [status, title] = kinds[code]
  return {
    problem: { type: `urn:proliferate:problem:${code}`, title, status, detail, code, ...more },
    headers: { ...(status === 401 && challenge), ...(status === 503 && { "retry-after": retryAfterS }), ...headers }
  }
}

const ofStatus: Readonly<Record<HttpError["status"], Code>> = {
  400: "invalid",
  404: "not-found",
  405: "method",
  408: "late",
  413: "too-large",
  415: "media-type",
  426: "upgrade",
  429: "too-many",
  503: "busy"
}

export const internal = (requestId: string): Refusal =>
  refusal("internal", `this should not have happened; the server's log says more under ${requestId}`)

export const overdue: Refusal = refusal(
  "unavailable",
  "no answer in time; what was asked may still be done, ask again under the same key"
)

export const refusalOf = (failure: Failure): Refusal => {
  switch (failure._tag) {
    case "HttpError":
      return refusal(ofStatus[failure.status], failure.message, {}, failure.headers)
    case "ServiceError":
      return refusal(failure.reason, failure.message)
    case "DirectoryError":
      return refusal(failure.reason === "not-found" ? "reference" : failure.reason, failure.message)
    case "Refused":
      // A state of one word comes as JSON too.
      return refusal("refused", failure.message, { state: failure.state.replace(/^"(.*)"$/, "$1"), accepts: failure.accepts })
    case "Moved":
      return refusal("refused", `it stands at revision ${failure.rev}, and this was meant for ${failure.meantFor}: look again`)
    case "Absent":
      return refusal("not-found", `there is no ${failure.kind} ${failure.id} in your organisation`)
    case "Unavailable":
      return refusal(failure.reason === "busy" ? "busy" : "unavailable", failure.message)
    case "Quarantined":
      return refusal("quarantined", `${failure.reason}; an administrator lets it go on with \`proliferate ops release\``)
    case "Crashed":
      return refusal("internal", "it crashed on this request; nothing was written")
    case "FeedError":
      return refusal("unavailable", "the events cannot be read at the moment")
    case "JournalError":
    case "RetentionError":
      return refusal("unavailable", "the database does not answer at the moment")
    case "DaemonError":
      return failure.reason === "refused" || failure.reason === "stale"
        ? refusal("refused", failure.message)
        : refusal("unavailable", `the sandbox does not answer as it should: ${failure.message}`)
    case "RepositoryError":
      return refusal(failure.reason === "unusable" ? "unavailable" : "reference", failure.message)
    case "PullRequestError":
      return refusal(failure.reason === "unreachable" ? "unavailable" : "reference", failure.message)
    case "CredentialError":
      return refusal("unavailable", failure.message)
  }
}
