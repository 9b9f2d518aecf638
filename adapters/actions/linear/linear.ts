/** Linear over its GraphQL. What is made has an id of ours, so that it is made once. https://linear.app/developers */
import { Effect } from "effect"
import type { Provider } from "../../../actors/ports/actions.ts"
import { askForm, type OAuthClient, oauthOf } from "../oauth.ts"
import { makeProvider, plainToken } from "../provider.ts"
import { linearActions, linearUser } from "./actions.ts"
import { type LinearClient, linearClient, readLinear } from "./client.ts"
import { guide } from "./guide.ts"

export interface LinearOptions {
  /** `https://api.linear.app`. */
  readonly apiUrl: string
  /** `https://linear.app`, where people are sent. */
  readonly url: string
  readonly client: OAuthClient | null
}

const service = { integration: "linear", displayName: "Linear", read: readLinear }

export const linearProvider = ({ apiUrl, url, client }: LinearOptions): Provider =>
  makeProvider<LinearClient>({
    ...service,
    takes: ["token"],
    guide,
    // https://linear.app/developers/oauth-2-0-authentication
    oauth: oauthOf({
      ...service,
      client,
      authorizeUrl: `${url}/oauth/authorize`,
      tokenUrl: `${apiUrl}/oauth/token`,
      scopes: "read,write",
      speaksPkce: true
    }),
    specs: linearActions,
    client: async (token, fetch) => linearClient(apiUrl, token, fetch),
    counts: (_, body) => /"query":"\s*mutation/.test(body.slice(0, 100)),
    tokenOf: (secret) => Effect.succeed(plainToken(secret)),
    whoAmI: linearUser,
    // A personal key is withdrawn at Linear, by the person who made it.
    revoke: (secret) =>
      secret.kind === "oauth"
        ? Effect.asVoid(
            Effect.catchIf(
              askForm(service, [secret.accessToken])(`${apiUrl}/oauth/revoke`, { token: secret.accessToken }),
              ({ reason }) => reason === "needs-reauth",
              () => Effect.void
            )
          )
        : Effect.void
  })
