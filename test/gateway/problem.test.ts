/** Each way to fail has one status and one word, and shows nothing of the inside. */
import { assert, describe, it } from "vitest"
import { CredentialError } from "../../actors/ports/credentials.ts"
import { DaemonError } from "../../actors/ports/daemons.ts"
import { DirectoryError } from "../../actors/ports/directory.ts"
import { RepositoryError } from "../../actors/ports/repositories.ts"
import { ServiceError } from "../../actors/services/error.ts"
import { type Failure, HttpError, refusalOf } from "../../adapters/gateway/problem.ts"
import { FeedError } from "../../runtime/feed.ts"
import { JournalError } from "../../runtime/journal.ts"
import { Absent, Crashed, Quarantined, Refused, Unavailable } from "../../runtime/router.ts"

const inside = "password=hunter2 at postgres://10.0.0.1"

const table: ReadonlyArray<readonly [number, string, Failure]> = [
  [400, "invalid", new ServiceError({ reason: "invalid", message: "name: is missing" })],
  [401, "unauthenticated", new ServiceError({ reason: "unauthenticated", message: "no" })],
  [403, "forbidden", new ServiceError({ reason: "forbidden", message: "no" })],
  [404, "not-found", new ServiceError({ reason: "not-found", message: "no" })],
  [404, "not-found", new Absent({ kind: "session", id: "ses_1" })],
  [405, "method", new HttpError({ status: 405, message: "takes GET", headers: { allow: "GET" } })],
  [409, "conflict", new ServiceError({ reason: "conflict", message: "no" })],
  [409, "conflict", new DirectoryError({ reason: "conflict", message: "taken" })],
  [409, "refused", new Refused({ state: '"paused"', accepts: ["resume"], message: "no" })],
  [409, "refused", new DaemonError({ reason: "refused", final: true, message: "no" })],
  [410, "expired", new ServiceError({ reason: "expired", message: "no" })],
  [413, "too-large", new HttpError({ status: 413, message: "no", headers: {} })],
  [415, "media-type", new HttpError({ status: 415, message: "no", headers: {} })],
  [422, "reference", new ServiceError({ reason: "reference", message: "no" })],
  [422, "reference", new DirectoryError({ reason: "not-found", message: "no" })],
  [422, "reference", new RepositoryError({ reason: "closed", message: "no" })],
  [423, "quarantined", new Quarantined({ reason: "crashed 6 times" })],
  [429, "limit", new ServiceError({ reason: "limit", message: "no" })],
  [500, "internal", new Crashed({ message: inside })],
  [502, "provider", new ServiceError({ reason: "provider", message: "no" })],
  [503, "busy", new Unavailable({ reason: "busy", message: "full" })],
  [503, "unavailable", new Unavailable({ reason: "draining", message: "going" })],
  [503, "unavailable", new DirectoryError({ reason: "unavailable", message: "away" })],
  [503, "unavailable", new FeedError({ reason: "unavailable", message: inside })],
  [503, "unavailable", new JournalError({ reason: "unavailable", message: inside })],
  [503, "unavailable", new DaemonError({ reason: "unreachable", final: false, message: "no answer" })],
  [503, "unavailable", new RepositoryError({ reason: "unusable", message: "git is missing" })],
  [503, "unavailable", new CredentialError({ reason: "unavailable", message: "full disk" })]
]

describe("a problem", () => {
  it.each(table)("of status %i is %s for %j", (status, code, failure) => {
    const { problem, headers } = refusalOf(failure)
    assert.deepInclude(problem, { status, code, type: `urn:proliferate:problem:${code}` })
    assert.strictEqual("retry-after" in headers, status === 503)
    assert.strictEqual("www-authenticate" in headers, status === 401)
    assert.notInclude(JSON.stringify(problem), "hunter2")
  })

  it("of a refusal names the state in a word and what it takes", () => {
    const { problem } = refusalOf(new Refused({ state: '"paused"', accepts: ["resume"], message: "no" }))
    assert.deepInclude(problem, { state: "paused", accepts: ["resume"] })
    const parallel = refusalOf(new Refused({ state: '{"running":{"agent":"idle"}}', accepts: [], message: "no" }))
    assert.strictEqual(parallel.problem.state, '{"running":{"agent":"idle"}}')
  })
})
