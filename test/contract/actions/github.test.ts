import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import { it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { githubProvider } from "../../../adapters/actions/github/github.ts"
import * as limits from "../../../adapters/actions/limits.ts"
import { github, githubToken } from "../../support/services/github.ts"
import { type Said, say, service } from "../../support/services/service.ts"
import { exerciseProvider, type ProviderWorld } from "./provider.ts"

const at = { owner: "acme", repo: "api" }
const secret = { kind: "token" as const, token: githubToken }
const providerAt = (url: string) => githubProvider({ apiUrl: url, url, client: null })
const documentation_url = "https://docs.github.com/rest"

const world = (write: ProviderWorld["write"]) => () => {
  const { answer, effects } = github()
  return {
    answer,
    effects,
    provider: providerAt,
    secret,
    read: { action: "get_issue", params: { ...at, issue_number: 7 } },
    write,
    says: {
      revoked: { status: 401, body: { message: "Bad credentials", documentation_url } },
      forbidden: {
        status: 403,
        headers: { "x-ratelimit-remaining": "4999" },
        body: { message: "Resource not accessible by personal access token", documentation_url }
      },
      notFound: { status: 404, body: { message: "Not Found", documentation_url } },
      invalid: {
        status: 422,
        body: {
          message: "Validation Failed",
          errors: [{ resource: "Issue", field: "title", code: "missing_field" }],
          documentation_url
        }
      },
      // https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
      rateLimited: (seconds: number): ReadonlyArray<Said> => [
        { status: 429, headers: { "retry-after": String(seconds) }, body: { message: "Too many requests", documentation_url } },
        {
          status: 403,
          headers: { "retry-after": String(seconds) },
          body: {
            message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            documentation_url
          }
        },
        {
          status: 403,
          headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Math.ceil(Date.now() / 1_000) + seconds) },
          body: { message: "API rate limit exceeded for user ID 1.", documentation_url }
        }
      ]
    }
  }
}

exerciseProvider("github, a comment", world({ action: "comment", params: { ...at, issue_number: 7, body: "Reproduced." } }))
exerciseProvider("github, an issue", world({ action: "create_issue", params: { ...at, title: "Page 0 shows page 1" } }))

const opened = (options: Parameters<typeof github>[0] = {}) =>
  Effect.gen(function* () {
    const world = github(options)
    const { url, asked, troubles } = yield* service(world.answer)
    const provider = providerAt(url)
    const call = (action: string, params: Record<string, unknown>, key = "cmd_1") => ({
      action,
      params: { ...at, ...params },
      key,
      credential: Redacted.make(secret),
      sentAtMs: Date.now()
    })
    return { ...world, url, asked, troubles, provider, call }
  })

it.effect("each write and each danger is looked for, made once, and found", () =>
  Effect.gen(function* () {
    const { provider, call, effects } = yield* opened()
    const sha = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
    const made: ReadonlyArray<readonly [string, Record<string, unknown>, before: string]> = [
      ["comment", { issue_number: 7, body: "Reproduced." }, "Absent"],
      ["create_issue", { title: "Another", body: "text", labels: ["bug"] }, "Absent"],
      ["add_labels", { issue_number: 7, labels: ["bug", "urgent"] }, "Absent"],
      ["close_issue", { issue_number: 7 }, "Absent"],
      ["create_pull_request", { title: "Count from 0", head: "fix-pages", base: "main" }, "Absent"],
      ["request_review", { pull_number: 9, reviewers: ["Octocat"] }, "Unclear"],
      ["rerun_failed_jobs", { run_id: 9876543210 }, "Absent"],
      ["merge_pull_request", { pull_number: 9, sha }, "Absent"],
      ["delete_branch", { branch: "fix-pages" }, "Absent"],
      ["create_release", { tag_name: "v1.2.3" }, "Absent"]
    ]
    for (const [at, [action, params, before]] of made.entries()) {
      assert.equal((yield* provider.readBack(call(action, params)))._tag, before, action)
      yield* provider.execute(call(action, params))
      assert.equal(effects(), at + 1)
      assert.equal((yield* provider.readBack(call(action, params)))._tag, "Found", action)
      // Another call's effect is not this one's, where texts are marked.
      if (["comment", "create_issue", "create_pull_request"].includes(action))
        assert.equal((yield* provider.readBack(call(action, params, "cmd_2")))._tag, "Absent", action)
    }
    const closed = yield* provider.execute(call("close_pull_request", { pull_number: 9 }))
    assert.equal((closed as { state: string }).state, "closed")
  }).pipe(Effect.scoped)
)

it.effect("every read is answered in its shape, each file as text", () =>
  Effect.gen(function* () {
    const { provider, call } = yield* opened()
    const reads: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
      ["list_issues", {}],
      ["list_comments", { issue_number: 7 }],
      ["list_pull_requests", {}],
      ["list_pull_request_files", { pull_number: 9 }],
      ["list_checks", { ref: "main" }],
      ["list_runs", {}],
      ["list_jobs", { run_id: 9876543210 }]
    ]
    for (const [action, params] of reads) assert.notEqual(yield* provider.execute(call(action, params)), null, action)
    assert.equal(
      (yield* provider.execute(call("get_file", { path: "README.md" })) as Effect.Effect<{ content: string }>).content,
      "Hello"
    )
  }).pipe(Effect.scoped)
)

it.effect("a log is fetched from where it is without our credential, and its end is kept", () =>
  Effect.gen(function* () {
    const logs = yield* service(() => ({ body: `${"line\n".repeat(2_000_000)}Error: the last line\n` }))
    const { provider, call } = yield* opened({ logUrl: `${logs.url}/blob?sig=1` })
    const { log, isWhole } = (yield* provider.execute(call("get_job_log", { job_id: 1 }))) as { log: string; isWhole: boolean }
    assert.match(log, /Error: the last line/)
    assert.equal(isWhole, false)
    assert.equal(logs.asked.length, 1)
    assert.equal(logs.asked[0]?.headers.authorization, undefined)
  }).pipe(Effect.scoped)
)

it.effect("does not close a pull request as if it were an issue", () =>
  Effect.gen(function* () {
    const { provider, call, troubles, effects } = yield* opened()
    troubles.push(
      say({
        body: { number: 9, title: "x", state: "open", html_url: "", user: null, created_at: "", updated_at: "", pull_request: {} }
      })
    )
    const error = yield* Effect.flip(provider.execute(call("close_issue", { issue_number: 9 }))).pipe(Effect.orDie)
    assert.deepEqual([error.reason, error.sent], ["invalid", false])
    assert.match(error.message, /close_pull_request/)
    assert.equal(effects(), 0)
  }).pipe(Effect.scoped)
)

it.effect("follows a repository that was renamed, at the same host alone", () =>
  Effect.gen(function* () {
    const { provider, call, troubles, effects, url } = yield* opened()
    troubles.push(
      say({ status: 307, headers: { location: `${url}/repos/acme/api/issues/7/comments` }, body: { message: "Moved" } })
    )
    yield* provider.execute(call("comment", { issue_number: 7, body: "Moved." }))
    assert.equal(effects(), 1)
  }).pipe(Effect.scoped)
)

it.effect("an App's installation has a token for 50 minutes, and signs for another then", () =>
  Effect.gen(function* () {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2_048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" }
    })
    const { provider, call, installationTokens, troubles, effects } = yield* opened({ publicKey })
    const app = { kind: "app" as const, appId: "7", privateKey, installationId: "42" }
    const read = { ...call("get_issue", { issue_number: 7 }), credential: Redacted.make(app) }
    assert.equal((yield* provider.check(read.credential)).account, "acme")
    yield* provider.execute(read)
    assert.equal(installationTokens(), 1)
    yield* TestClock.adjust(limits.installationTokenMs)
    yield* provider.execute(read)
    assert.equal(installationTokens(), 2)
    // Withdrawn before its time, as when the installation's permissions change: another is asked for, and the call is made with it.
    const withdrawn = say({ status: 401, body: { message: "Bad credentials" } })
    troubles.push(withdrawn)
    yield* provider.execute(read)
    assert.equal(installationTokens(), 3)
    troubles.push(withdrawn)
    yield* provider.execute({ ...call("comment", { issue_number: 7, body: "x" }), credential: read.credential })
    assert.deepEqual([installationTokens(), effects()], [4, 1])
    const gone = yield* Effect.flip(provider.check(Redacted.make({ ...app, installationId: "43" }))).pipe(Effect.orDie)
    assert.deepEqual([gone.reason, gone.sent], ["needs-reauth", false])
    const broken = yield* Effect.flip(provider.check(Redacted.make({ ...app, privateKey: "none" }))).pipe(Effect.orDie)
    assert.equal(broken.reason, "needs-reauth")
    assert.match(broken.message, /\.pem/)
  }).pipe(Effect.scoped)
)
