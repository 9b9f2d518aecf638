/** The services that agents may act on: those that are built in, where the operator says they are, and the connectors of each organisation. */
import { Effect, Layer } from "effect"
import { Connectors, Providers } from "../../actors/ports/actions.ts"
import { type GithubOptions, githubProvider } from "./github/github.ts"
import { type LinearOptions, linearProvider } from "./linear/linear.ts"
import { makeConnectors } from "./mcp/connector.ts"
import { type SentryOptions, sentryProvider } from "./sentry/sentry.ts"
import { type SlackOptions, slackProvider } from "./slack/slack.ts"

export interface ProvidersOptions {
  readonly github: GithubOptions
  readonly linear: LinearOptions
  readonly sentry: SentryOptions
  readonly slack: SlackOptions
  /** `host:port` of servers on the host's own network that connectors may be at. */
  readonly connectorHosts: ReadonlyArray<string>
}

/** Connectors of one organisation that are listed at once: all that it may have, for a silent one takes its whole time. */
const listedAtOnceMax = 20

export const layer = ({ github, linear, sentry, slack, connectorHosts }: ProvidersOptions) =>
  Layer.effect(
    Providers,
    Effect.gen(function* () {
      const { enabled } = yield* Connectors
      const { of } = yield* makeConnectors(new Set(connectorHosts))
      const builtIn = [githubProvider(github), linearProvider(linear), sentryProvider(sentry), slackProvider(slack)]
      const named = (integration: string) => builtIn.find((provider) => provider.integration === integration) ?? null
      return Providers.of({
        of: (org) =>
          enabled(org).pipe(
            // A built-in name stays with what is built in.
            Effect.map((connectors) => connectors.filter(({ slug }) => named(slug) === null)),
            Effect.flatMap((connectors) => Effect.forEach(connectors, of, { concurrency: listedAtOnceMax })),
            Effect.map((found) => [...builtIn, ...found])
          ),
        find: (org, integration) => {
          const known = named(integration)
          if (known !== null) return Effect.succeed(known)
          return Effect.flatMap(enabled(org), (connectors) => {
            const connector = connectors.find(({ slug }) => slug === integration)
            return connector === undefined ? Effect.succeed(null) : of(connector)
          })
        }
      })
    })
  )
