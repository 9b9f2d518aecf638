/** What the hands of a call share: which action it is of, whether its arguments fit, and waiting for a database that is away. */
import { Effect } from "effect"
import { NotYet } from "../../runtime/actor.ts"
import type { Arguments } from "../arguments.ts"
import { type Action, type Provider, Providers } from "../ports/actions.ts"
import { decode } from "../services/decode.ts"

/** The database is away: what is wanted is known, and asked again. */
export const later = ({ message }: { readonly message: string }) => Effect.succeed(new NotYet(message))

export interface Named {
  readonly integration: string
  readonly action: string
}

export const actionOf = (org: string, { integration, action }: Named) =>
  Effect.gen(function* () {
    const providers = yield* Providers
    const provider = yield* providers.find(org, integration)
    return { provider, action: provider?.actions.find(({ name }) => name === action) ?? null }
  })

export const gone = ({ integration, action }: Named, provider: Provider | null): string =>
  provider === null
    ? `there is no integration ${integration} in this organisation any more`
    : `${integration} has no action ${action} any more${provider.trouble === null ? "" : `: ${provider.trouble}`}`

export const paramsOf = (action: Action, args: Arguments) =>
  decode(action.params)(args) as Effect.Effect<Arguments, { message: string }>
