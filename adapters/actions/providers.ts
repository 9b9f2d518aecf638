/** The services that agents may act on: those that are built in, where the operator says they are. */
import { Effect, Layer } from "effect"
import { Providers } from "../../actors/ports/actions.ts"
import { type SentryOptions, sentryProvider } from "./sentry/sentry.ts"

export interface ProvidersOptions {
  readonly sentry: SentryOptions
}

export const layer = ({ sentry }: ProvidersOptions) =>
  Layer.sync(Providers, () => {
    const builtIn = [sentryProvider(sentry)]
    return Providers.of({
      of: () => Effect.succeed(builtIn),
      find: (_, integration) => Effect.succeed(builtIn.find((provider) => provider.integration === integration) ?? null)
    })
  })
