/**
 * GitHub through its own client library. Texts that are written carry an unseen mark of their call, by which they are found again.
 * https://docs.github.com/rest
 */
import type { Octokit } from "@octokit/rest"
import { Effect, Redacted } from "effect"
import type { Account, Provider } from "../../../actors/ports/actions.ts"
import { askForm, type OAuthClient, oauthOf } from "../oauth.ts"
import { makeProvider, plainToken } from "../provider.ts"
import { installationTokens } from "./app.ts"
import { octokitAt, service } from "./client.ts"
import { githubDangers } from "./dangers.ts"
import { guide } from "./guide.ts"
import { githubReads } from "./reads.ts"
import { appSetup } from "./setup.ts"
import { githubWrites } from "./writes.ts"

export interface GithubOptions {
  /** `https://api.github.com`; of an Enterprise server `https://host/api/v3`. */
  readonly apiUrl: string
  /** `https://github.com`, where people are sent. */
  readonly url: string
  readonly client: OAuthClient | null
}

const whoAmI = async (github: Octokit): Promise<Account> => {
  const { data, headers } = await github.rest.users.getAuthenticated()
  const scopes = headers["x-oauth-scopes"] ?? ""
  return { account: data.login, scopes: scopes.split(/,\s*/).filter((scope) => scope !== "") }
}

/** An installation has no user: it is whose repositories it sees. */
const whoseInstallation = async (github: Octokit): Promise<Account> => {
  const { data } = await github.rest.apps.listReposAccessibleToInstallation({ per_page: 1 })
  return { account: data.repositories[0]?.owner.login ?? "an installation without repositories", scopes: [] }
}

export const githubProvider = ({ apiUrl, url, client }: GithubOptions): Provider => {
  const tokens = installationTokens(service, apiUrl)
  const gone = (error: { readonly reason: string }) => ["needs-reauth", "not-found"].includes(error.reason)
  return makeProvider<Octokit>({
    ...service,
    takes: ["token", "app"],
    guide,
    // https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
    oauth: oauthOf({
      ...service,
      client,
      authorizeUrl: `${url}/login/oauth/authorize`,
      tokenUrl: `${url}/login/oauth/access_token`,
      scopes: "repo workflow",
      speaksPkce: true
    }),
    app: appSetup(url, apiUrl),
    specs: [...githubReads, ...githubWrites, ...githubDangers],
    client: octokitAt(apiUrl),
    tokenOf: (secret) => (secret.kind === "app" ? tokens.of(secret) : Effect.succeed(plainToken(secret))),
    forget: (secret) => secret.kind === "app" && tokens.forget(secret),
    whoAmI: (github) =>
      whoAmI(github).catch((cause) => {
        if ((cause as { readonly status?: unknown }).status !== 403) throw cause
        return whoseInstallation(github)
      }),
    revoke: (secret) => {
      if (secret.kind === "app") return Effect.sync(() => void tokens.forget(secret))
      if (secret.kind !== "oauth" || client === null) return Effect.void
      const basic = Buffer.from(`${client.clientId}:${Redacted.value(client.clientSecret)}`).toString("base64")
      const ask = askForm(service, [secret.accessToken, basic])(
        `${apiUrl}/applications/${encodeURIComponent(client.clientId)}/token`,
        {},
        {
          method: "DELETE",
          headers: { authorization: `Basic ${basic}`, "content-type": "application/json" },
          body: JSON.stringify({ access_token: secret.accessToken })
        }
      )
      return Effect.asVoid(Effect.catchIf(ask, gone, () => Effect.void))
    }
  })
}
