import assert from "node:assert/strict"
import { it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { slackProvider } from "../../../adapters/actions/slack/slack.ts"
import { service } from "../../support/services/service.ts"
import { slack, slackError, slackToken } from "../../support/services/slack.ts"
import { exerciseProvider } from "./provider.ts"

const secret = { kind: "token" as const, token: slackToken }
const write = { action: "send_message", params: { channel: "C0123456789", text: "The fix is deployed." } }

exerciseProvider("slack", () => {
  const { answer, effects } = slack()
  return {
    answer,
    effects,
    provider: (url) => slackProvider({ url, client: null }),
    secret,
    read: { action: "get_user", params: { user: "U0123456789" } },
    write,
    says: {
      revoked: slackError("token_revoked"),
      forbidden: slackError("missing_scope", { needed: "chat:write", provided: "channels:read" }),
      notFound: slackError("channel_not_found"),
      invalid: slackError("invalid_arguments", { response_metadata: { messages: ["[ERROR] missing required field: channel"] } }),
      // https://docs.slack.dev/apis/web-api/rate-limits
      rateLimited: (seconds) => [{ ...slackError("ratelimited"), status: 429, headers: { "retry-after": String(seconds) } }]
    }
  }
})

it.effect("does not take a message for absent whose mark it may not see", () =>
  Effect.gen(function* () {
    const { answer, effects } = slack({ showsMetadata: false })
    const { url } = yield* service(answer)
    const provider = slackProvider({ url, client: null })
    const call = { ...write, key: "cmd_1", credential: Redacted.make(secret) }
    yield* provider.execute(call)
    const seen = yield* provider.readBack({ ...call, sentAtMs: Date.now() })
    assert.equal(seen._tag, "Unclear")
    assert.equal(effects(), 1)
  }).pipe(Effect.scoped)
)

it.effect("knows a failure of Slack's that comes with status 200: a message may have been written", () =>
  Effect.gen(function* () {
    const { answer } = slack()
    const { url, troubles } = yield* service(answer)
    troubles.push((response) => response.end('{"ok":false,"error":"internal_error"}'))
    const call = { ...write, key: "cmd_1", credential: Redacted.make(secret) }
    const error = yield* Effect.flip(slackProvider({ url, client: null }).execute(call)).pipe(Effect.orDie)
    assert.deepEqual([error.reason, error.sent], ["unknown", true])
  }).pipe(Effect.scoped)
)
