import assert from "node:assert/strict"
import { it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { linearProvider } from "../../../adapters/actions/linear/linear.ts"
import { linear, linearError, linearToken } from "../../support/services/linear.ts"
import { service } from "../../support/services/service.ts"
import { exerciseProvider, type ProviderWorld } from "./provider.ts"

const world = (write: ProviderWorld["write"]) => () => {
  const { answer, effects } = linear()
  return {
    answer,
    effects,
    provider: (url: string) => linearProvider({ apiUrl: url, url, client: null }),
    secret: { kind: "token" as const, token: linearToken },
    read: { action: "get_issue", params: { id: "ENG-123" } },
    write,
    says: {
      revoked: linearError(401, "Authentication required, not authenticated", "authentication error", "AUTHENTICATION_ERROR"),
      forbidden: linearError(200, "You do not have access to this team", "forbidden", "FORBIDDEN"),
      notFound: linearError(200, "Entity not found: Issue", "invalid input", "INPUT_ERROR"),
      invalid: linearError(400, "Argument Validation Error", "invalid input", "INPUT_ERROR"),
      // https://linear.app/developers/rate-limiting
      rateLimited: (seconds: number) => [
        {
          ...linearError(400, "Rate limit exceeded", "ratelimited", "RATELIMITED"),
          headers: { "x-ratelimit-requests-remaining": "0", "x-ratelimit-requests-reset": String(Date.now() + seconds * 1_000) }
        },
        { ...linearError(429, "Rate limit exceeded", "ratelimited", "RATELIMITED"), headers: { "retry-after": String(seconds) } }
      ]
    }
  }
}

exerciseProvider(
  "linear, an issue",
  world({ action: "create_issue", params: { teamId: "9cfb482a-81e3-4154-b5b9-2c805e70a02d", title: "Page 0 shows page 1" } })
)
exerciseProvider("linear, a comment", world({ action: "add_comment", params: { issueId: "ENG-123", body: "Fixed." } }))

it.live("as many teams are asked for as it says", () =>
  Effect.gen(function* () {
    const { url, asked } = yield* service(linear().answer)
    const provider = linearProvider({ apiUrl: url, url, client: null })
    const credential = Redacted.make({ kind: "token" as const, token: linearToken })
    const list = (params: Record<string, unknown>) => provider.execute({ action: "list_teams", params, key: "cmd_1", credential })
    yield* list({ first: 7 })
    yield* list({})
    assert.deepEqual(
      asked.map(({ body }) => JSON.parse(body).variables),
      [{ first: 7 }, { first: 25 }]
    )
  }).pipe(Effect.scoped)
)
