/**
 * An App of an organisation's own, made by a person's browser from a manifest and installed there. It may do what our actions do, asks
 * for no events, and nobody else can install it. https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
 */
import { Effect, Redacted, Schema } from "effect"
import { ActionError, type AppSetup } from "../../../actors/ports/actions.ts"
import { makeCall } from "../call.ts"
import { askJson } from "../json.ts"
import * as limits from "../limits.ts"
import { service } from "./client.ts"

const permissions = {
  metadata: "read",
  contents: "write",
  issues: "write",
  pull_requests: "write",
  actions: "write",
  checks: "read"
}

const Made = Schema.Struct({
  id: Schema.Int,
  html_url: Schema.String,
  pem: Schema.String.check(Schema.isMinLength(1))
})

const strange = new ActionError({
  ...{ reason: "unreadable", sent: true, retryAfterMs: null, integration: service.integration },
  message: "GitHub did not say which app was made."
})

export const appSetup = (url: string, apiUrl: string): AppSetup => ({
  proposal: ({ state, homeUri, madeUri, installedUri, owner }) => ({
    action: `${url}${owner === null ? "" : `/organizations/${encodeURIComponent(owner)}`}/settings/apps/new?state=${encodeURIComponent(state)}`,
    fields: {
      manifest: JSON.stringify({
        name: `proliferate ${new URL(homeUri).hostname}`.slice(0, 34),
        url: homeUri,
        redirect_url: madeUri,
        setup_url: installedUri,
        public: false,
        default_permissions: permissions,
        default_events: []
      })
    }
  }),
  made: (code) =>
    makeCall(service)(
      // The code is good once.
      { counts: (method) => method !== "GET", open: null, honoursKeys: false, limitMs: limits.callMs, secrets: [code] },
      (fetch) => askJson(fetch, `${apiUrl}/app-manifests/${encodeURIComponent(code)}/conversions`, { method: "POST" })
    ).pipe(
      Effect.flatMap(Schema.decodeUnknownEffect(Made)),
      Effect.catchTag("SchemaError", () => Effect.fail(strange)),
      Effect.filterOrFail(
        ({ html_url }) => URL.canParse(html_url) && new URL(html_url).origin === new URL(url).origin,
        () => strange
      ),
      Effect.map(({ id, html_url, pem }) => ({ appId: String(id), url: html_url, privateKey: Redacted.make(pem) }))
    ),
  install: (app, state) => `${app.url}/installations/new?state=${encodeURIComponent(state)}`
})
