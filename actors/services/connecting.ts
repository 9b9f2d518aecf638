/** A credential becomes an organisation's connection, however it came: the service says first whose it is; then it is sealed. */
import { Clock, Effect, Redacted } from "effect"
import { newId } from "../../runtime/address.ts"
import { type Account, type ActionError, type Credential, type Provider, Providers } from "../ports/actions.ts"
import { ConnectionRecords } from "../ports/connections.ts"
import { channelSetting, chatIntegration, teamSetting } from "../ports/notices.ts"
import { Seals } from "../ports/seals.ts"
import { encodeSecret, expiresAtOf } from "./credentials.ts"
import { ServiceError } from "./error.ts"
import { nearest } from "./nearest.ts"

/** A service that does not say who it is within this is not connected. */
export const checkMs = 15_000

const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

export const connecting = Effect.gen(function* () {
  const [records, providers, seals] = [yield* ConnectionRecords, yield* Providers, yield* Seals]

  const providerOf = Effect.fnUntraced(function* (org: string, integration: string) {
    const found = yield* providers.find(org, integration)
    if (found !== null) return found
    const known = (yield* providers.of(org)).map((provider) => provider.integration)
    return yield* fail("invalid", `integration: there is no ${integration}; ${nearest(integration, known)}`)
  })

  const checked = ({ integration, displayName, check }: Provider, credential: Credential): Effect.Effect<Account, ServiceError> =>
    check(credential).pipe(
      Effect.timeoutOrElse({
        duration: checkMs,
        orElse: () => fail("provider", `${displayName} did not answer within ${checkMs / 1000} s; nothing was changed, try again`)
      }),
      Effect.catchTag("ActionError", ({ reason, message }: ActionError) =>
        reason === "unavailable" || reason === "rate-limited" || reason === "unreadable"
          ? fail("provider", message)
          : fail("reference", `${integration}: ${message}`)
      )
    )

  const settable = Effect.fnUntraced(function* (integration: string, settings: Readonly<Record<string, string | null>>) {
    if (Object.hasOwn(settings, teamSetting))
      return yield* fail("invalid", `settings.${teamSetting}: that is what the service says, and nobody else`)
    const channel = settings[channelSetting] ?? null
    if (channel === null) return
    if (integration !== chatIntegration)
      return yield* fail("invalid", `settings.${channelSetting}: approvals are shown in ${chatIntegration} alone`)
    if (!/^[CG][A-Z0-9]{2,20}$/.test(channel))
      return yield* fail("invalid", `settings.${channelSetting}: the id of a channel is needed, like C0123456789`)
  })

  const connect = Effect.fnUntraced(function* (
    org: string,
    provider: Provider,
    credential: Credential,
    settings: Readonly<Record<string, string>>,
    createdBy: string | null
  ) {
    const { account, scopes, settings: own = {} } = yield* checked(provider, credential)
    yield* settable(provider.integration, settings)
    const earlier = (yield* records.live(org, provider.integration))?.connection
    // Who connects the same again need not say everything again.
    const isSame = earlier !== undefined && earlier.settings[teamSetting] === own[teamSetting]
    const id = yield* newId("con")
    return yield* records.connect({
      id,
      org,
      integration: provider.integration,
      kind: Redacted.value(credential).kind,
      account,
      scopes,
      settings: { ...(isSame && earlier.settings), ...settings, ...own },
      expiresAtMs: expiresAtOf(credential),
      createdBy,
      checkedAtMs: yield* Clock.currentTimeMillis,
      sealed: seals.seal({ purpose: "connection", org, id }, encodeSecret(credential))
    })
  })

  return { providerOf, checked, settable, connect }
})
