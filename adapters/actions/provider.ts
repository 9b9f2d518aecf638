/**
 * What all built-in providers have in common: the token of a credential, the call, the answer against its schema, the look for an
 * effect. What it answers is bounded, and holds no secret, its own credential least of all.
 */
import { Effect, Redacted, Result, Schema } from "effect"
import { displayed } from "../../actors/displayed.ts"
import type { Account, ActionError, AppSetup, Credential, OAuth, Provider, ReadBack, Secret } from "../../actors/ports/actions.ts"
import { describe, type Spec } from "./action.ts"
import { failureOf, makeCall, type Service } from "./call.ts"
import * as limits from "./limits.ts"
import { makeTrace } from "./wire.ts"

export interface Kind<Client> extends Service {
  /** Beside what an OAuth client brings. */
  readonly takes: ReadonlyArray<Secret["kind"]>
  readonly guide: Provider["guide"]
  readonly oauth: OAuth | null
  readonly app?: AppSetup
  readonly specs: ReadonlyArray<Spec<Client>>
  /** Its client library, speaking through this `fetch` with this token. */
  readonly client: (token: string, fetch: typeof globalThis.fetch) => Promise<Client>
  readonly tokenOf: (secret: Secret) => Effect.Effect<string, ActionError>
  /** Forgets a token that was made for it and is kept; true: `tokenOf` makes another now. */
  readonly forget?: (secret: Secret) => boolean
  /** Requests that may have an effect; all but GET, unless the service reads by other means. */
  readonly counts?: (method: string, body: string) => boolean
  readonly whoAmI: (client: Client) => Promise<Account>
  readonly revoke: (secret: Secret) => Effect.Effect<void, ActionError>
}

/** The values of a credential that are nobody's to see. */
export const secretsOf = (secret: Secret): ReadonlyArray<string> => {
  if (secret.kind === "token") return [secret.token]
  if (secret.kind === "oauth") return [secret.accessToken, ...(secret.refreshToken === null ? [] : [secret.refreshToken])]
  return secret.kind === "app" ? [secret.privateKey] : []
}

const unreadable = (service: Service, sent: boolean, error: Schema.SchemaError) =>
  failureOf(service, { ...makeTrace(), sent }, error, [])

/** A token that is there as it is. */
export const plainToken = (secret: Secret): string =>
  secret.kind === "token" ? secret.token : secret.kind === "oauth" ? secret.accessToken : ""

export const makeProvider = <Client>(kind: Kind<Client>): Provider => {
  const call = makeCall(kind)
  const specs = new Map(kind.specs.map((spec) => [spec.name, spec]))

  /** Runs with a client for this credential. `spec: null` is a read of no action. */
  const using = <A>(credential: Credential, spec: Spec<Client> | null, isRead: boolean, run: (client: Client) => Promise<A>) => {
    const secret = Redacted.value(credential)
    const once = Effect.gen(function* () {
      const token = yield* kind.tokenOf(secret)
      const secrets = [...secretsOf(secret), token]
      const options = {
        counts: (method: string, body: string) => !isRead && method !== "GET" && kind.counts?.(method, body) !== false,
        open: null,
        honoursKeys: isRead || spec?.honoursKeys === true,
        followsBare: spec?.isLog === true,
        keepsEnd: spec?.isLog === true,
        limitMs: limits.callMs,
        secrets
      }
      const answer = yield* call(options, async (fetch) => run(await kind.client(token, fetch)))
      return { answer, secrets }
    })
    // A token of our making may be withdrawn before its time: what it is made of is good until a new one is refused.
    const isStale = ({ reason, sent }: ActionError) => reason === "needs-reauth" && !sent && kind.forget?.(secret) === true
    return Effect.catchIf(once, isStale, () => once)
  }

  const specOf = (name: string) => {
    const spec = specs.get(name)
    if (spec === undefined) throw new Error(`${kind.integration} has no action ${name}`)
    return spec
  }

  const decoded = (spec: Spec<Client>, answer: unknown, secrets: ReadonlyArray<string>, sent: boolean) => {
    const result = Schema.decodeUnknownResult(spec.answer)(answer)
    return Result.isSuccess(result)
      ? Effect.succeed(displayed(result.success, secrets).value)
      : Effect.fail(unreadable(kind, sent, result.failure))
  }

  return {
    integration: kind.integration,
    displayName: kind.displayName,
    takes: kind.oauth === null ? kind.takes : [...kind.takes, "oauth"],
    trouble: null,
    actions: kind.specs.map(describe),
    guide: kind.guide,
    oauth: kind.oauth,
    app: kind.app ?? null,
    check: (credential) => Effect.map(using(credential, null, true, kind.whoAmI), ({ answer }) => answer),
    execute: ({ action, params, key, credential }) =>
      Effect.gen(function* () {
        const spec = specOf(action)
        const isRead = spec.risk === "read"
        const { answer, secrets } = yield* using(credential, spec, isRead, (client) => spec.run(client, params, key))
        return yield* decoded(spec, answer, secrets, !isRead)
      }),
    readBack: ({ action, params, key, credential, sentAtMs }) =>
      Effect.gen(function* () {
        const spec = specOf(action)
        const { readBack } = spec
        if (readBack === null)
          return { _tag: "Unclear", message: `${kind.displayName} offers no way to look for the effect of ${action}.` }
        const looked = { key, sinceMs: sentAtMs - limits.clockSkewMs }
        const { answer, secrets } = yield* using(credential, spec, true, (client) => readBack(client, params, looked))
        if ("unclear" in answer) return { _tag: "Unclear", message: answer.unclear }
        if ("absent" in answer) return { _tag: "Absent" }
        return { _tag: "Found", result: yield* decoded(spec, answer.found, secrets, false) } satisfies ReadBack
      }),
    revoke: (credential) => kind.revoke(Redacted.value(credential))
  }
}
