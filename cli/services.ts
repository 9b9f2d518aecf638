/** Services that agents act on: where they are, and the OAuth clients that the operator registered there. */
import { Config, Option } from "effect"

const address = (name: string, usual: string) =>
  Config.String(name).pipe(
    Config.withDefault(usual),
    Config.map((url) => url.replace(/\/+$/, ""))
  )

/** A client's id and its secret; null where the operator gave none. */
const client = (service: string) =>
  Config.all({
    clientId: Config.String(`PROLIFERATE_${service}_CLIENT_ID`),
    clientSecret: Config.Redacted(`PROLIFERATE_${service}_CLIENT_SECRET`)
  }).pipe(Config.option, Config.map(Option.getOrNull))

export const actionSettings = Config.all({
  github: Config.all({
    url: address("PROLIFERATE_GITHUB_URL", "https://github.com"),
    apiUrl: address("PROLIFERATE_GITHUB_API_URL", "https://api.github.com"),
    client: client("GITHUB")
  }),
  linear: Config.all({
    url: address("PROLIFERATE_LINEAR_URL", "https://linear.app"),
    apiUrl: address("PROLIFERATE_LINEAR_API_URL", "https://api.linear.app"),
    client: client("LINEAR")
  }),
  /** Where connectors may be on the host's own network: `host:port`, separated by commas. */
  connectorHosts: Config.String("PROLIFERATE_CONNECTOR_HOSTS").pipe(
    Config.withDefault(""),
    Config.map((hosts) =>
      hosts
        .split(",")
        .map((host) => host.trim())
        .filter((host) => host !== "")
    )
  ),
  sentry: Config.all({ url: address("PROLIFERATE_SENTRY_URL", "https://sentry.io") }),
  slack: Config.all({
    url: address("PROLIFERATE_SLACK_URL", "https://slack.com"),
    client: client("SLACK"),
    /** What Slack signs with what people click there. */
    signingSecret: Config.Redacted("PROLIFERATE_SLACK_SIGNING_SECRET").pipe(Config.option, Config.map(Option.getOrNull))
  })
})
