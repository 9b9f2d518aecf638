import { sentryProvider } from "../../../adapters/actions/sentry/sentry.ts"
import { sentry, sentryToken } from "../../support/services/sentry.ts"
import { exerciseProvider } from "./provider.ts"

exerciseProvider("sentry", () => {
  const { answer, effects } = sentry()
  return {
    answer,
    effects,
    provider: (url) => sentryProvider({ url }),
    secret: { kind: "token", token: sentryToken },
    read: { action: "get_issue", params: { organization_slug: "acme", issue_id: "4509876543" } },
    write: { action: "update_issue", params: { organization_slug: "acme", issue_id: "4509876543", status: "resolved" } },
    says: {
      revoked: { status: 401, body: { detail: "Token expired" } },
      forbidden: { status: 403, body: { detail: "You do not have permission to perform this action." } },
      notFound: { status: 404, body: { detail: "The requested resource does not exist" } },
      invalid: { status: 400, body: { assignedTo: ["Unknown actor input"] } },
      // https://docs.sentry.io/api/ratelimits/
      rateLimited: (seconds) => [
        {
          status: 429,
          headers: { "retry-after": String(seconds) },
          body: { detail: "You are attempting to use this endpoint too frequently." }
        }
      ]
    }
  }
})
