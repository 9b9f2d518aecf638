/** Sentry over its REST API. An update says what an issue shall be: made twice it is made once. https://docs.sentry.io/api/ */
import { Effect } from "effect"
import type { Provider } from "../../../actors/ports/actions.ts"
import { askJson, saidIn } from "../json.ts"
import { makeProvider, plainToken } from "../provider.ts"
import { type SentryClient, sentryActions, sentryUser } from "./actions.ts"
import { guide } from "./guide.ts"

export interface SentryOptions {
  /** `https://sentry.io`, or where the organisation's own is. */
  readonly url: string
}

export const sentryProvider = ({ url }: SentryOptions): Provider =>
  makeProvider<SentryClient>({
    integration: "sentry",
    displayName: "Sentry",
    takes: ["token"],
    guide,
    oauth: null,
    specs: sentryActions,
    client: async (token, fetch) => (method, path, query, body) => {
      const target = new URL(`${url}/api/0/${path.map(encodeURIComponent).join("/")}/`)
      for (const [name, value] of Object.entries(query)) if (value !== undefined) target.searchParams.append(name, String(value))
      return askJson(fetch, target.href, { method, headers: { authorization: `Bearer ${token}` }, body })
    },
    tokenOf: (secret) => Effect.succeed(plainToken(secret)),
    whoAmI: sentryUser,
    // Tokens are withdrawn at Sentry, by the person who made them.
    revoke: () => Effect.void,
    read: ({ body }) => ({ message: saidIn(body, ["detail", "error", "errors"]) ?? "" })
  })
